"""Reports on agreement as tables for a terminal, which no name of a column can break."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unicodedata import combining, east_asian_width

from icm_tui.text import one_line

SORTS = ("table", "accuracy", "balanced", "p", "name")


def chosen(report: Mapping[str, Any], words: Sequence[str], sort: str) -> dict[str, Any]:
    """`report` with the columns alone whose name holds one of `words` (all if there are none), sorted by one of
    SORTS, the best first. What was tested stays what it was: choosing after the fact changes no p."""
    columns: Mapping[str, Mapping[str, Any]] = report["columns"]
    names = [name for name in columns if not words or any(word.casefold() in name.casefold() for word in words)]
    keys: dict[str, Callable[[str], Any]] = {
        "accuracy": lambda name: -(columns[name]["accuracy"] or 0.0),
        "balanced": lambda name: -(columns[name]["balanced_accuracy"] or 0.0),
        "p": lambda name: (_or_one(columns[name]["p_adjusted"]), -(columns[name]["accuracy"] or 0.0)),
        "name": str.casefold,
    }
    if sort in keys:
        names.sort(key=keys[sort])
    return {**report, "columns": {name: columns[name] for name in names}}


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


def side_by_side(reports: Sequence[Mapping[str, Any]], width: int = 100) -> str:
    """Several reports as one table: a row a gold column, a pair of columns a run: agreement with its interval, and n.

    Runs that do not fit are put into further tables below. Raises nothing: a column that a run lacks shows as -.
    """
    names = list(dict.fromkeys(name for report in reports for name in report["columns"]))
    if not names:
        return "None of these runs names a gold column: there is nothing to measure against."
    parts: list[str] = []
    left = list(reports)
    while left:
        many = len(left)
        while (lines := laid_out(_beside(left[:many], names))) and max(map(width_of, lines)) > width and many > 1:
            many -= 1
        parts.append("\n".join(lines))
        left = left[many:]
    note = (
        "Agreement with its 95% interval, the majority's share (what one class for all would reach) and n. Each run's "
        "naming is the one that fits it best, unless its rule fixes the names."
    )
    return "\n\n".join([*parts, "\n".join(textwrap.wrap(note, width))])


def _beside(reports: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[list[str]]:
    rows = [["column"]] + [[one_line(name)] for name in names]
    for report in reports:
        rows[0] += [one_line(str(report["run"])), "majority", "n"]
        for row, name in zip(rows[1:], names, strict=True):
            column = report["columns"].get(name, {})
            interval = column.get("ci95")
            spread = "" if interval is None else f" {number(interval[0])}-{number(interval[1])}"
            row += [
                number(column.get("accuracy")) + spread,
                number(column.get("majority")),
                str(column.get("n", "-")),
            ]
    return rows


_HEADINGS = (
    *("column", "n", "cover", "agree", "95% interval", "balanced", "MCC", "AUROC"),
    *("majority", "p", "p of all", "fork's", "read as"),
)
# Their namings are told below a table that has no room for them.
_MOST_NAMINGS = 3
_SPARED = ("fork's", "AUROC", "MCC", "p", "cover", "balanced", "read as")


def format_table(report: Mapping[str, Any], width: int = 100) -> str:
    """What measure_labels returned as lines for a terminal `width` cells wide, without a newline at the end.

    Columns that do not fit are left out, in the order of _SPARED, and that is said. Column and class names are cleaned
    of everything that could steer the terminal.
    """
    columns: Mapping[str, Mapping[str, Any]] = report["columns"]
    if not columns:
        return "The task names no gold column: there is nothing to measure against."
    rows = [list(_HEADINGS)]
    rows += [_cells(one_line(name), column) for name, column in columns.items()]
    left_out: list[str] = []
    while (lines := laid_out(rows)) and max(map(width_of, lines)) > width and len(left_out) < len(_SPARED):
        left_out.append(_SPARED[len(left_out)])
        place = rows[0].index(left_out[-1])
        rows = [row[:place] + row[place + 1 :] for row in rows]
    notes = _notes(report, "majority_answer" in report["baselines"], left_out)
    return "\n".join([*lines, "", *(line for note in notes for line in textwrap.wrap(note, width))])


def laid_out(rows: list[list[str]]) -> list[str]:
    """The rows as lines: names to the left, numbers to the right, the last column to the left."""
    widths = [max(map(width_of, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _cells(name: str, column: Mapping[str, Any]) -> list[str]:
    interval = column["ci95"]
    return [
        name,
        str(column["n"]),
        number(column["coverage"]),
        number(column["accuracy"]),
        "-" if interval is None else "-".join(map(number, interval)),
        number(column["balanced_accuracy"]),
        number(column["mcc"]),
        number(column["auroc"]),
        number(column["majority"]),
        p_value(column["p"]),
        p_value(column["p_adjusted"]),
        number(column["as_fork"]),
        _read_as(column),
    ]


def _notes(report: Mapping[str, Any], fixed_names: bool, left_out: list[str]) -> list[str]:
    notes = []
    if fixed_names:
        notes.append("Read as: the gold class of each label, in order; the rule gives the labels their meaning.")
        for name, value in report["baselines"]["majority_answer"].items():
            if value is not None:
                notes.append(f"Taking each group's commonest answer for true: {number(value)} ({one_line(name)}).")
    else:
        notes.append(
            "Read as: the gold class of each label, in order. The names of the labels are arbitrary, so the naming "
            "that agrees best is shown; chance is then somewhat above an even share."
        )
    majority = "Majority: what one class for all items would reach."
    fork = (
        " Fork's: what its formula prints, where items without gold count as wrong and the better of the share and its "
        "complement is taken."
    )
    notes.append(majority if "fork's" in left_out else majority + fork)
    best, looked_at = report.get("best"), report.get("looked_at", 0)
    if best:
        notes.append(
            f"p: how often labels without any tie to gold do as well, by {report['permutations']} permutations of "
            f"whole groups; p of all: how often the best of all {looked_at} columns does. Best here: "
            f"{one_line(best['column'])}, {p_value(best['p_adjusted'])}."
            if looked_at > 1
            else f"p: how often labels without any tie to gold do as well, by {report['permutations']} permutations of "
            "whole groups."
        )
    if "read as" in left_out and len(report["columns"]) <= _MOST_NAMINGS:
        notes += [f"{one_line(name)} read as: {_read_as(column)}." for name, column in report["columns"].items()]
    if left_out:
        notes.append(f"Left out for want of room: {', '.join(left_out)}; --json has them.")
    free = report.get("unconstrained_groups")
    if free:
        notes.append(f"Groups without exactly two keys, left unconstrained by the rule: {free}.")
    return notes


def _read_as(column: Mapping[str, Any]) -> str:
    naming = column["naming"]
    return "-" if naming is None else " | ".join("-" if each is None else one_line(each) for each in naming)


def number(value: float | None) -> str:
    """A share to three places; - if there is none."""
    return "-" if value is None else f"{value:.3f}"


def p_value(value: float | None) -> str:
    """A p to three places, or that it is below; - if there is none."""
    return "-" if value is None else "<.001" if value < 0.001 else f"{value:.3f}"


def width_of(text: str) -> int:
    """Terminal cells that `text` takes: two for a wide character, none for a combining one."""
    return sum(0 if combining(each) else 1 + (east_asian_width(each) in "WF") for each in text)


def _padded(row: list[str], widths: list[int]) -> list[str]:
    """Names to the left, numbers to the right."""
    last = len(row) - 1
    return [
        cell + " " * (width - width_of(cell)) if place in (0, last) else " " * (width - width_of(cell)) + cell
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
