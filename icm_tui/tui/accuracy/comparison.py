"""What was reached without a search, or with labels as examples, as a table."""

from collections.abc import Sequence

from icm_tui.evaluate.report import Row
from icm_tui.tui.text.cells import Line, fit, line, span
from icm_tui.tui.text.numbers import dollars, fraction

_NAME = 15
_BAR = 12
_REST = (("95%", 9), ("balanced", 8), ("n", 5), ("calls", 6), ("tokens", 8), ("USD", 7), ("seconds", 7))
_BLOCKS = " ▏▎▍▌▋▊▉█"


def heading(cells: int) -> Line:
    """What the columns of the table are; the bar goes from 0 to 1."""
    titles = f"  {'':<{_NAME + 6}}  {'agree':>5}  {'0':<{_BAR - 1}}1"
    return fit(line(span(titles + _rest([title for title, _ in _REST], cells), "dim")), cells)


def row(shown: Row, cells: int) -> Line:
    """A method, or a design with its number of examples: agreement with its interval, and what the answers took."""
    ends = "" if shown.ci95 is None else f"{fraction(shown.ci95[0])} {fraction(shown.ci95[1])}"
    shots = f"{shown.shots:>6}" if shown.design else " " * 6
    cost = dollars(shown.cost_usd) if shown.cost_usd else ""
    told = [ends, fraction(shown.balanced), str(shown.n), str(shown.calls), str(shown.tokens), cost]
    return fit(
        (
            span("  "),
            *fit((span(shown.method or shown.design),), _NAME),
            span(shots),
            span(f"  {fraction(shown.accuracy):>5}  ", "bold"),
            span(_bar(shown.accuracy or 0.0), "accent"),
            span(_rest([*told, f"{shown.seconds:.1f}"], cells)),
        ),
        cells,
    )


def _rest(parts: Sequence[str], cells: int) -> str:
    """What stands behind the bar: whole columns alone, as many as there is room for."""
    told, left = "", cells - 2 - _NAME - 6 - 7 - 2 - _BAR
    for part, (_, wide) in zip(parts, _REST, strict=True):
        left -= wide + 2
        if left < 0:
            break
        told += f"  {part:>{wide}}"
    return told


def _bar(share: float) -> str:
    eighths = round(min(1.0, max(0.0, share)) * _BAR * 8)
    full, rest = divmod(eighths, 8)
    return (_BLOCKS[8] * full + (_BLOCKS[rest] if rest else "")).ljust(_BAR)
