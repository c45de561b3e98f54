"""`icm-tui measure`: labels of runs against gold, as tables that no name of a column can break."""

import argparse
import textwrap
from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from icm_tui.commands.console import columns, print_json, share, terminal_width, width_of
from icm_tui.commands.json import Measured
from icm_tui.domain.items import Gold
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.measure import measure_run
from icm_tui.evaluate.report import Column, Report, chosen
from icm_tui.text import one_line


def measure(args: argparse.Namespace) -> int:
    """Prints how well the labels of `args.runs` agree with each gold column: one run as a table or a JSON object,
    several side by side or as a JSON list."""
    runs = [FinishedRun.find(text) for text in args.runs]
    for run in runs:
        if not args.look:
            run.check_open()  # of all of them, before anything is printed
    reports = [_measured(run, run.open_gold(look=args.look), args.columns, args.sort) for run in runs]
    if args.json:
        print_json(reports if len(reports) > 1 else reports[0])
    elif len(reports) > 1:
        print(side_by_side(reports, terminal_width()))
    else:
        print(format_table(reports[0], terminal_width()))
    return 0


def _measured(finished: FinishedRun, gold: Gold, words: Sequence[str], sort: str) -> Measured:
    report = measure_run(finished, gold)
    shown = msgspec.structs.replace(report, columns=chosen(report, words, sort))
    return Measured(run=finished.run.name, directory=str(finished.run.path), **msgspec.structs.asdict(shown))


def side_by_side(reports: Sequence[Measured], width: int = 100) -> str:
    """Several reports as one table: a row a gold column, a pair of columns a run: agreement with its interval, and n.

    Runs that do not fit are put into further tables below. A column that a run does not have shows as -.
    """
    names = list(dict.fromkeys(name for report in reports for name in report.columns))
    if not names:
        return "None of these runs names a gold column: there is nothing to measure against."
    parts: list[str] = []
    left = list(reports)
    while left:
        many = len(left)
        while (
            (lines := columns(_beside(left[:many], names), numbers=True))
            and max(map(width_of, lines)) > width
            and many > 1
        ):
            many -= 1
        parts.append("\n".join(lines))
        left = left[many:]
    note = (
        "Agreement with its 95% interval, the majority's share (what one class for all would reach) and n. Each run's "
        "naming is the one that fits it best, unless its rule fixes the names."
    )
    return "\n\n".join([*parts, "\n".join(textwrap.wrap(note, width))])


def _beside(reports: Sequence[Measured], names: Sequence[str]) -> list[list[str]]:
    rows = [["column"]] + [[name] for name in names]
    for report in reports:
        rows[0] += [report.run, "majority", "n"]
        for row, name in zip(rows[1:], names, strict=True):
            if (column := report.columns.get(name)) is None:
                row += ["-", "-", "-"]
                continue
            spread = "" if column.ci95 is None else f" {'-'.join(map(share, column.ci95))}"
            row += [share(column.accuracy) + spread, share(column.majority), str(column.n)]
    return rows


_HEADINGS = (
    *("column", "n", "cover", "agree", "95% interval", "balanced", "MCC", "AUROC"),
    *("majority", "p", "p of all", "fork's", "read as"),
)
# Their namings are printed below a table that has no room for them.
_MOST_NAMINGS = 3
_SPARED = ("fork's", "AUROC", "MCC", "p", "cover", "balanced", "read as")


def format_table(report: Report, width: int = 100) -> str:
    """A report as lines for a terminal `width` cells wide, without a newline at the end.

    Columns that do not fit are left out, in the order of _SPARED, and a note names them. Column and class names are
    cleaned of everything that could steer the terminal.
    """
    if not report.columns:
        return "The task names no gold column: there is nothing to measure against."
    rows = [list(_HEADINGS)]
    rows += [_cells(name, column) for name, column in report.columns.items()]
    left_out: list[str] = []
    while (lines := columns(rows, numbers=True)) and max(map(width_of, lines)) > width and len(left_out) < len(_SPARED):
        left_out.append(_SPARED[len(left_out)])
        place = rows[0].index(left_out[-1])
        rows = [row[:place] + row[place + 1 :] for row in rows]
    notes = _notes(report, left_out)
    return "\n".join([*lines, "", *(line for note in notes for line in textwrap.wrap(note, width))])


def _cells(name: str, column: Column) -> list[str]:
    return [
        name,
        str(column.n),
        share(column.coverage),
        share(column.accuracy),
        "-" if column.ci95 is None else "-".join(map(share, column.ci95)),
        share(column.balanced_accuracy),
        share(column.mcc),
        share(column.auroc),
        share(column.majority),
        p_value(column.p),
        p_value(column.p_adjusted),
        share(column.as_fork),
        _read_as(column),
    ]


def _notes(report: Report, left_out: list[str]) -> list[str]:
    notes = []
    majority_answer = report.baselines.majority_answer
    if majority_answer is not UNSET:
        notes.append("Read as: the gold class of each label, in order; the rule gives the labels their meaning.")
        for name, value in majority_answer.items():
            if value is not None:
                notes.append(f"Taking each group's commonest answer for true: {share(value)} ({one_line(name)}).")
    else:
        notes.append(
            "Read as: the gold class of each label, in order. The names of the labels are arbitrary, so the naming "
            "that agrees best is shown; chance is then a little above an even share."
        )
    majority = "Majority: what one class for all items would reach."
    fork = (
        " Fork's: what its formula prints, where items without gold count as wrong and the better of the share and its "
        "complement is taken."
    )
    notes.append(majority if "fork's" in left_out else majority + fork)
    best, looked_at = report.best, report.looked_at
    if best:
        notes.append(
            f"p: how often labels without any tie to gold do as well, by {report.permutations} permutations of "
            f"whole groups; p of all: how often the best of all {looked_at} columns does. Best here: "
            f"{one_line(best.column)}, {p_value(best.p_adjusted)}."
            if looked_at > 1
            else f"p: how often labels without any tie to gold do as well, by {report.permutations} permutations of "
            "whole groups."
        )
    if "read as" in left_out and len(report.columns) <= _MOST_NAMINGS:
        notes += [f"{one_line(name)} read as: {_read_as(column)}." for name, column in report.columns.items()]
    if left_out:
        notes.append(f"Left out for lack of room: {', '.join(left_out)}; --json has them.")
    if report.unconstrained_groups:
        notes.append(f"Groups with a number of keys that the rule leaves unconstrained: {report.unconstrained_groups}.")
    return notes


def _read_as(column: Column) -> str:
    naming = column.naming
    return "-" if naming is None else " | ".join("-" if each is None else one_line(each) for each in naming)


def p_value(value: float | None) -> str:
    """A p to three places, or that it is below; - if there is none."""
    return "-" if value is None else "<.001" if value < 0.001 else f"{value:.3f}"
