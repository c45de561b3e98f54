"""The accuracy pane: how the labels hang together, and, if gold is shown, how they agree with it."""

from collections.abc import Sequence

from icm_tui.evaluate.report import Column, Report
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, as_many_as_fit, line, span
from icm_tui.tui.text.curve import sparkline
from icm_tui.tui.text.numbers import fraction, signed

_SPARK = 12
_BRIEF = 48
_NO_GOLD = "this task has no gold column: coherence is all there is to see, and it is not accuracy"


def coherence(view: RunView, cells: int) -> Line:
    """Coherence (bits, held out) or the method's energy, flips a sweep, temperature, broken rules, the first label's
    share; as many as fit."""
    chain = view.shown
    spark = _SPARK if cells >= 100 else _SPARK // 2
    parts = [_measured(view, spark)]
    flips = view.curves[view.chain].sweeps.counts()
    if flips:
        parts.append(line(f"flips a sweep {flips[0]} → {flips[-1]}" if len(flips) > 1 else f"flips {flips[0]}"))
    if view.temperature.last is not None:
        highest = max(view.profile.search.initial_t or 0.0, *view.temperature.points())
        curve = sparkline(view.temperature.points(), spark, 0.0, highest)
        parts.append(line(f"T {fraction(view.temperature.last, 3)} ", span(curve, "accent")))
    if view.status is not None and view.status.violations is not None:
        parts.append(line(f"broken rules {view.status.violations}"))
    if chain.labelled:
        parts.append(line(f"{view.label_names[0]} {100 * chain.counts[0] / chain.labelled:.0f}%"))
    return as_many_as_fit(parts, cells, "   ")


def brief(view: RunView, report: Report | None, *, hidden: str, cells: int) -> Line:
    """All of it in one line: coherence with its curve, and the first gold columns that fit."""
    parts = [_measured(view, _SPARK // 2)]
    if not hidden and report is not None:
        parts.extend(gold_line(name, column, (), _BRIEF)[1:] for name, column in report.columns.items())
    return as_many_as_fit(parts, cells)


def no_gold(report: Report | None, *, hidden: str) -> str:
    """Why there is no gold column to show, in words; empty if there are some. `report` is what measure_labels
    returned, None while it is being made; `hidden` says in words why nothing is shown."""
    if hidden:
        return hidden
    if report is None:
        return "comparing with gold"
    return "" if report.columns else _NO_GOLD


def gold_line(name: str, column: Column, curve: Sequence[float], cells: int) -> Line:
    """A gold column, with its `curve` over decisions."""
    interval = column.ci95
    spark = sparkline(curve, _SPARK // 2, 0.5, 1.0)
    between = f" [{fraction(interval[0])} {fraction(interval[1])}]" if interval else ""
    parts = [
        line(
            span(f"{name} ", "plain"),
            span(fraction(column.accuracy), "bold"),
            between,
            span(f" {spark}" if spark else "", "accent"),
        ),
        line(f"majority {fraction(column.majority)}"),
        line(f"n {column.n}", _cover(column)),
    ]
    if (adjusted := column.p_adjusted) is not None:
        parts.append(line(f"p of all {fraction(adjusted, 3) if adjusted >= 0.001 else '<.001'}"))
    if column.flipped:
        parts.append(line(span("sign flipped", "second")))
    parts += [
        line(f"balanced {fraction(column.balanced_accuracy)}"),
        line(f"MCC {fraction(column.mcc)}"),
        line(span(f"as the fork prints it {fraction(column.as_fork)}", "dim")),
    ]
    return as_many_as_fit(parts, cells)


def _measured(view: RunView, spark: int) -> Line:
    """What the search itself makes of the labels; only method icm measures their coherence."""
    curves = view.curves[view.chain]
    if view.profile.search.method != "icm":
        if curves.energy.last is None:
            return line("energy ", span("not measured yet", "bold"))
        curve = sparkline(curves.energy.points(), spark)
        return line("energy ", span(f"{signed(curves.energy.last, 2)} ", "bold"), span(curve, "accent"))
    bits = view.coherence.get(view.chain)
    shown = "not measured yet" if bits is None else f"{fraction(bits)} bits"
    curve = sparkline(curves.coherence.points(), spark, 0.0)
    return line("coherence ", span(f"{shown} ", "bold"), span(curve, "accent"))


def _cover(column: Column) -> str:
    cover = column.coverage
    return f" cover {fraction(cover)}" if cover is not None and cover < 1 else ""
