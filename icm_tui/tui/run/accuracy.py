"""How far the labels agree with gold while the run goes on, measured beside the screen, and the lines that show it."""

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from icm_tui.domain.items import Gold, Item
from icm_tui.errors import UserError
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import Column, Report
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.labels import History
from icm_tui.run_dir.layout import RunDir
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, as_many_as_fit, line, span
from icm_tui.tui.text.numbers import fraction, signed, sparkline

if TYPE_CHECKING:
    from icm_tui.evaluate.curves import AgreementCurves

# Measuring takes at most a thirtieth of the time.
_SOONEST = 2.0
_SPACING = 30.0
_PERMUTATIONS = 1000


class GoldWatch:
    """Whether gold may be shown, the latest report on it, and its curves; `chosen` are the columns shown first.

    In a blind run gold is hidden until a person asks, and then the run's directory is marked as looked at.
    """

    def __init__(self, run: RunDir, profile: Profile, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` (seconds) spaces the measurements."""
        self.report: Report | None = None
        self.problem = ""
        self._run = FinishedRun(run, profile)
        self._profile = profile
        self._shown = not self._run.hidden
        self._clock = clock
        self._due = 0.0
        self._measured_at = -1
        self._busy = False
        self.chosen: list[str] = []
        self._curves: AgreementCurves | None = None
        self._points: dict[str, list[tuple[int, float]]] = {}
        self._gold: Gold | None = None
        self._followed: History | None = None
        self._read = 0

    @property
    def hidden(self) -> str:
        """Why nothing is shown, in words; empty if it is."""
        if self.problem:
            return self.problem
        if self._shown:
            return ""
        if self._run.hidden:
            return "gold is hidden: this run is blind; a shows it and marks the run as looked at"
        return "gold is hidden; a shows it"

    def toggle(self, *, read_only: bool) -> None:
        """Show gold or hide it. Raises UserError if showing it would need a mark that cannot be made."""
        if not self._shown and self._run.hidden:
            if read_only:
                raise UserError("This run is blind, and looking at gold marks it: not in a read-only view.")
            self._run.look()
        self._shown = not self._shown
        self._due = 0.0

    def due(self, seq: int) -> bool:
        """Whether it is time to measure the labels as of the journal's record `seq`."""
        return self._shown and not self._busy and seq != self._measured_at and self._clock() >= self._due

    def measure(
        self,
        items: Sequence[Item],
        labels: Sequence[int | None],
        seq: int,
        *,
        logits: Sequence[float | None] | None = None,
        history: History | None = None,
    ) -> None:
        """Measure; takes from milliseconds to seconds, so it belongs into a thread. `logits` are how far the first
        label is ahead of the second (nats) an item, `history` what became of the labels shown, for the curves."""
        self._busy = True
        start = self._clock()
        try:
            from icm_tui.evaluate.measure import measure_labels

            gold = self._gold = self._run.open_gold()
            if history is not None:
                self._follow(items, gold, history)
            self.report = measure_labels(
                items,
                labels,
                gold,
                fixed_names=self._run.fixed_names,
                seed=self._profile.run.seed,
                n_labels=len(self._profile.prompt.labels),
                logits=logits,
                permutations=_PERMUTATIONS,
            )
            self.problem = ""
        except UserError as error:
            self.problem = str(error)
        finally:
            self._measured_at = seq
            self._due = self._clock() + max(_SOONEST, _SPACING * (self._clock() - start))
            self._busy = False

    def curve(self, column: str) -> list[tuple[int, float]]:
        """(decision, agreement) of a column as it was measured last, oldest first; empty before that."""
        return self._points.get(column, [])

    def of_item(self, uid: str) -> str:
        """An item's gold in words, column by column; empty if gold is hidden or was not read yet."""
        if self.hidden or self._gold is None:
            return ""
        gold = self._gold
        known = [f"{name} {gold.classes[name][of[uid]]}" for name, of in gold.columns.items() if uid in of]
        if not gold.columns:
            return ""
        return f"{', '.join(known) or 'none'} ({len(known)} of {len(gold.columns)} columns)"

    def choose(self, column: str) -> None:
        """Put a column among those whose curves are shown first, or take it out."""
        if column in self.chosen:
            self.chosen.remove(column)
        else:
            self.chosen.append(column)

    def _follow(self, items: Sequence[Item], gold: Gold, history: History) -> None:
        """Continue the curves, or begin again if another chain is shown."""
        from icm_tui.evaluate.curves import AgreementCurves

        if self._followed is not history or self._curves is None:
            n_labels = len(self._profile.prompt.labels)
            self._curves = AgreementCurves(items, gold, fixed_names=self._run.fixed_names, n_labels=n_labels)
            self._followed, self._read = history, 0
        so_far = len(history)
        for n, changes in groupby(history.between(self._read, so_far), key=lambda pair: pair[1].n):
            self._curves.add(n, [(item, change.before, change.after) for item, change in changes])
        self._read = so_far
        self._points = {column: self._curves.curve(column) for column in self._curves.columns}


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
