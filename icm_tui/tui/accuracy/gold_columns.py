"""The gold columns as a table, and one column's agreement over the decisions as a plot."""

from collections.abc import Callable, Sequence

from icm_tui.evaluate.report import Column, Report
from icm_tui.tui.text.cells import Line, cut, fit, joined, line, span, width
from icm_tui.tui.text.numbers import fraction, over_decisions, sparkline

_NAME, _LEAST_NAME = 30, 16
SPARK = 12
_BLOCKS = " ▁▂▃▄▅▆▇█"
_AXIS = 4


def _p(value: float | None) -> str:
    return fraction(value, 3) if value is None or value >= 0.001 else "<.001"


def _interval(column: Column) -> str:
    ends = column.ci95
    return "" if ends is None else f"{fraction(ends[0])} {fraction(ends[1])}"


_Cell = Callable[[Column], str]
# The heading, the cells that it takes and what is below it; if there is little room, the last ones go first.
_COLUMNS: tuple[tuple[str, int, _Cell], ...] = (
    ("n", 5, lambda column: str(column.n)),
    ("agree", 5, lambda column: fraction(column.accuracy)),
    ("95%", 9, _interval),
    ("p of all", 8, lambda column: _p(column.p_adjusted)),
    ("majority", 8, lambda column: fraction(column.majority)),
    ("flipped", 7, lambda column: "yes" if column.flipped else ""),
    ("balanced", 8, lambda column: fraction(column.balanced_accuracy)),
    ("cover", 5, lambda column: fraction(column.coverage)),
    ("AUROC", 5, lambda column: fraction(column.auroc)),
    ("MCC", 5, lambda column: fraction(column.mcc)),
    ("p", 5, lambda column: _p(column.p)),
    ("missing", 7, lambda column: str(column.missing)),
    ("fork's", 6, lambda column: fraction(column.as_fork)),
)


def heading(cells: int) -> Line:
    """What the columns of the table are."""
    name, shown = _room(cells)
    parts = [f"{title:>{size}}" for title, size, _ in shown]
    return fit(line(span("  ".join([f"  {'column':<{name}}", *parts]) + "  over decisions", "dim")), cells)


def row(name: str, column: Column, curve: Sequence[float], *, chosen: bool, cells: int) -> Line:
    """A gold column; a star before those whose curves the run's screen shows."""
    size, shown = _room(cells)
    spark = sparkline(curve, SPARK, 0.5, 1.0)
    parts = [span("* " if chosen else "  ", "accent"), *fit((span(name),), size)]
    for title, wide, cell in shown:
        parts.append(span(f"  {cell(column):>{wide}}", "bold" if title == "agree" else "plain"))
    return fit((*parts, span("  "), span(spark, "accent")), cells)


def _room(cells: int) -> tuple[int, Sequence[tuple[str, int, _Cell]]]:
    """How many cells the name gets, and which columns there is room for."""
    name = _NAME if cells >= 100 else _LEAST_NAME
    left = cells - 2 - name - 2 - SPARK
    count = 0
    for _, size, _ in _COLUMNS:
        left -= size + 2
        if left < 0:
            break
        count += 1
    return name, _COLUMNS[:count]


def summary(report: Report, cells: int) -> Line:
    """How good the best of all columns is, once it is counted that all were looked at."""
    best, looked_at = report.best, report.looked_at
    if not best:
        return fit(line(span("no column can be tested yet", "dim")), cells)
    told = [
        line(f"best of {looked_at}: ", span(best.column, "bold"), f", p {_p(best.p_adjusted)} of all"),
        line(span(f"{report.permutations} permutations of whole groups", "dim")),
        line(span("agreement is not coherence", "dim")),
    ]
    while len(told) > 1 and width(joined(told)) > cells:
        told.pop()
    return fit(joined(told), cells)


def naming(column: Column, labels: Sequence[str], cells: int) -> Line:
    """Which gold class each label was taken for, and whether that turns the sign round."""
    names = column.naming
    if not names:
        return fit(line(span("nothing to compare: no item has both a label and this gold", "dim")), cells)
    read = ", ".join(f"{label} = {'nothing' if of is None else of}" for label, of in zip(labels, names, strict=False))
    flipped = [span(" · sign flipped", "second")] if column.flipped else []
    return fit(line(span(f"read as {read}"), *flipped), cells)


def plot(curve: Sequence[tuple[int, float]], until: int, majority: float | None, cells: int, height: int) -> list[Line]:
    """Agreement over the decisions up to `until`, `height` rows in `cells`, from .5 (or the lowest value) to 1; dots
    where the majority would be. Empty if there is no room or nothing to draw."""
    wide = cells - _AXIS - 1
    if height < 2 or wide < 8:
        return []
    if not curve:
        return [line(span("  no decision has labelled an item of this column yet", "dim"))]
    low = min(0.5, *(value for _, value in curve))
    rows = height - 1
    shares = [(value - low) / (1 - low) for value in over_decisions(curve, until, wide)]
    at = None if majority is None or majority < low else min(rows - 1, int((majority - low) / (1 - low) * rows))
    drawn = []
    for place in range(rows - 1, -1, -1):
        marks = []
        for share in shares:
            filled = share * rows - place
            context = _BLOCKS[max(0, min(len(_BLOCKS) - 1, round(filled * (len(_BLOCKS) - 1))))]
            marks.append("·" if context == " " and place == at else context)
        axis = "1.0" if place == rows - 1 else fraction(low) if place == 0 else ""
        drawn.append(line(span(f"{axis:>{_AXIS}} ", "dim"), span("".join(marks), "accent")))
    first, last = str(curve[0][0]), f"decision {until}"
    gap = max(1, wide - len(first) - len(last))
    drawn.append(line(span(cut(" " * (_AXIS + 1) + first + " " * gap + last, cells), "dim")))
    return drawn
