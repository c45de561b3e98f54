"""The pages beside the gold columns: each computed from a run's directory, in a thread of its own.

A page is a function here and its lines in `lines`; PAGES names them in the order of the screen.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from icm_tui.domain.rules import names_matter
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import labels_digest, read_table
from icm_tui.evaluate.shortcuts import diagnose_run, headline
from icm_tui.evaluate.stability import compare_runs
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.siblings import siblings_of
from icm_tui.tui.accuracy import comparison
from icm_tui.tui.accuracy import shortcuts as diagnosis
from icm_tui.tui.accuracy import stability as stability_lines
from icm_tui.tui.text.cells import Line


class Told(NamedTuple):
    """A page: a sentence, what stands over its table, how many rows it has, and row `at` in so many cells."""

    summary: str
    heading: Callable[[int], Line]
    rows: int
    row: Callable[[int, int], Line]


Compute = Callable[[RunDir, Profile, bool], Told]


def no_page(why: str) -> Told:
    """A page that only says why there is nothing on it."""
    return Told(why, lambda _: (), 0, lambda _at, _cells: ())


def _diagnosed(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    finished, names = FinishedRun(run, profile), profile.prompt.labels
    found = diagnose_run(finished, finished.open_gold() if with_gold else None)
    return Told(
        headline(found, names), diagnosis.heading, len(found), lambda at, cells: diagnosis.row(found[at], names, cells)
    )


def seed_agreement(run: RunDir, profile: Profile) -> list[float | None]:
    """The part of a run and its siblings that give an item the label most of them do, an item each. Raises UserError
    if there are no siblings."""
    return compare_runs(_siblings(run)).share


def _siblings(run: RunDir) -> list[FinishedRun]:
    return [FinishedRun(each) for each in siblings_of(run)]


def _compared(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    runs = _siblings(run)
    found = compare_runs(runs)
    seeds = [each.profile.run.seed for each in runs]
    rows = stability_lines.rows(found, seeds, runs[0].items, profile.prompt.labels)
    return Told(stability_lines.summary(found), lambda _: (), len(rows), lambda at, _: rows[at])


def _baselines(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    command = f"`icm-tui baselines {run.name} --gold`"
    return _kept(run, profile, run.baselines, with_gold, command, ("found", "zero_shot", "random_labels"))


def _held_out(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    if not run.held_out.exists():
        return no_page("This run holds no items out; start one with --set task.held_out=0.2.")
    return _kept(run, profile, run.curves, with_gold, f"`icm-tui held-out {run.name}`", ("zero_shot", "random"))


def _kept(run: RunDir, profile: Profile, path: Path, with_gold: bool, command: str, free: Sequence[str]) -> Told:
    # Names in `free` have labels of arbitrary names, which were read as fits gold best.
    if not with_gold:
        return no_page("This table compares with gold, which is hidden.")
    table = read_table(path)
    if table is None:
        return no_page(f"Not asked yet: {command} asks the model, and this page keeps what it found.")
    told = [table.column, "held-out items" if table.shots is None else f"lists of {table.shots}"]
    if labels_digest(FinishedRun(run, profile).label_of) != table.labels:
        told.insert(0, f"labels have changed since: {command} renews it")
    if not names_matter(profile.consistency.rule):
        named = [row.method or row.design for row in table.rows]
        told.append("best naming: " + ", ".join(name for name in dict.fromkeys(named) if name in free))
    return Told(
        " · ".join(told), comparison.heading, len(table.rows), lambda at, cells: comparison.row(table.rows[at], cells)
    )


PAGES: dict[str, Compute] = {
    "diagnosis": _diagnosed,
    "seeds": _compared,
    "baselines": _baselines,
    "held out": _held_out,
}
