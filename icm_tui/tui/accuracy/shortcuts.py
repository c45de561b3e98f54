"""What a split follows, as a table."""

from collections.abc import Sequence

from icm_tui.evaluate.shortcuts import Finding
from icm_tui.tui.text.cells import Line, fit, line, span
from icm_tui.tui.text.numbers import fraction

_NAME, _LEAST_NAME = 36, 20


def heading(cells: int) -> Line:
    """What the columns of the table are."""
    name = _room(cells)
    return fit(line(span(f"  {'trait':<{name}}  more in  strength  p of all   of them  of others  what", "dim")), cells)


def row(finding: Finding, labels: Sequence[str], cells: int) -> Line:
    """A trait: the set that has more of it, how closely the split follows it (0 to 1), p, and its share or mean in the
    set and out of it."""
    means = [_mean(finding, value) for value in (finding.inside, finding.outside)]
    what = finding.kind if finding.lift is None else f"{finding.kind}, lift {finding.lift:.1f}"
    return fit(
        (
            span("  "),
            *fit((span(finding.name),), _room(cells)),
            *fit((span(f"  {labels[finding.label]}"),), 9),
            span(f"  {fraction(finding.strength):>8}", "bold"),
            span(f"  {fraction(finding.p_adjusted, 3):>8}"),
            span(f"  {means[0]:>8}  {means[1]:>9}  "),
            span(what, "dim"),
        ),
        cells,
    )


def _room(cells: int) -> int:
    return _NAME if cells >= 100 else _LEAST_NAME


def _mean(finding: Finding, value: float) -> str:
    return f"{value:.1f}" if finding.lift is None else f"{100 * value:.1f}%"
