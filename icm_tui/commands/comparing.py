"""What `baselines` and `held-out` share: a run and its gold column, and asking what a table still needs."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from icm_tui.commands.console import can_ask, columns, confirm
from icm_tui.domain.rules import names_matter
from icm_tui.errors import RunFailed, UserError
from icm_tui.evaluate.blind import open_gold
from icm_tui.evaluate.gold_file import read_gold
from icm_tui.evaluate.saved_table import save_table
from icm_tui.evaluate.table import number
from icm_tui.files import runs_dir
from icm_tui.profile.names import nearest
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir, find_run
from icm_tui.run_dir.records import AnswerRecord
from icm_tui.runner.changes import with_allowed_sets
from icm_tui.runner.comparing import INTERRUPTED, Ground, Showing, compare_here, expected, ground_of, read_answers
from icm_tui.runner.preflight import examine
from icm_tui.text import one_line


class Subject(NamedTuple):
    """A run to compare: its items and labels, and one gold column, by item."""

    run: RunDir
    profile: Profile
    ground: Ground
    found: dict[int, int]
    column: str
    gold: dict[int, int]
    classes: int

    @property
    def fixed(self) -> bool:
        """Whether the rule gives the labels their meaning."""
        return names_matter(self.profile.consistency.rule)


def subject_of(args: argparse.Namespace) -> Subject:
    """The run that `args` names, with the column `args.column` of its gold, or the first. Raises UserError if there
    is none, and for a blind run without `args.look`."""
    run = find_run(args.run, runs_dir())
    profile = load(run.profile)
    profile = with_allowed_sets(profile, args.set)
    open_gold(run, profile, look=args.look)
    gold = read_gold(run.gold)
    if not gold.columns:
        raise UserError(f"{run.name} has no gold column: there is nothing to compare with. Name one in task.gold.")
    name = next(iter(gold.columns)) if args.column is None else args.column
    if name not in gold.columns:
        near = nearest(name, gold.columns)
        hint = f" Did you mean {one_line(near)}?" if near else ""
        raise UserError(f"--column {one_line(name)} is no gold column of {run.name}.{hint}")
    ground = ground_of(run, profile)
    found = {item: final.label for item, final in enumerate(final_labels(run.path)) if final.label is not None}
    labels = gold.columns[name]
    by_item = {item: labels[each.uid] for item, each in enumerate(ground.items) if each.uid in labels}
    classes = max(2, len(gold.classes[name]), len(profile.prompt.labels))
    return Subject(run, profile, ground, found, name, by_item, classes)


def as_examples(subject: Subject) -> dict[int, int]:
    """Gold to be shown with items. Raises UserError if the prompt has too few labels for it."""
    many = len(subject.profile.prompt.labels)
    if subject.classes > many:
        raise UserError(
            f"The gold column {one_line(subject.column)} has {subject.classes} classes and prompt.labels {many} "
            "labels, so its labels cannot be shown as examples; take another --column."
        )
    return subject.gold


def answered(subject: Subject, showings: Sequence[Showing], *, yes: bool) -> dict[str, AnswerRecord]:
    """The answers to `showings`, those that are missing asked for now; before money is spent a person is asked once.

    Raises UserError if nothing may be spent, RunFailed if the asking stopped short; KeyboardInterrupt if a
    person stopped it.
    """
    known = read_answers(subject.run)
    calls, _ = expected(subject.profile, subject.ground, showings, known, None)
    if not calls:
        return known
    price = examine(subject.profile).price
    calls, cost = expected(subject.profile, subject.ground, showings, known, price)
    if subject.profile.model.backend == "openai" and not yes:
        _confirm(calls, cost, subject.profile.run.budget_usd)
    progress = _Progress()
    answers = compare_here(subject.run.path, subject.profile, showings, observe=progress.show)
    progress.close()
    if answers.why == INTERRUPTED:
        raise KeyboardInterrupt
    if answers.why:
        left = expected(subject.profile, subject.ground, showings, answers.known, price)[0]
        raise RunFailed(f"{left} of {calls} questions are still open: {answers.why}. The same command goes on.")
    return answers.known


def _confirm(calls: int, cost: float | None, budget: float | None) -> None:
    what = f"about {calls} calls at {'an unknown cost' if cost is None else f'about ${cost:.2f}'}"
    if can_ask():
        if confirm(f"This comparison will make {what}. Go on?"):
            return
        raise UserError("Nothing was asked and nothing was spent.")
    if budget is None:
        raise UserError(
            f"This comparison would make {what}, and there is no terminal to ask on. "
            "Give --set run.budget_usd=USD, or --yes."
        )


class _Progress:
    """How many questions are answered, on stderr if that is a terminal."""

    def __init__(self) -> None:
        self._drawn = False

    def show(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self._drawn = True
            print(f"\r{done} of {total} questions answered", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._drawn:
            print(file=sys.stderr)


def keep(subject: Subject, path: Path, rows: Sequence[Mapping[str, Any]], shots: int | None = None) -> None:
    """Keep a printed table for the screens; if that cannot be, it is said, and nothing else is lost."""
    try:
        save_table(path, subject.column, subject.found, rows, shots)
    except RunFailed as error:
        print(f"The screens will not show this table. {error}", file=sys.stderr)


def laid_out(heads: Sequence[str], rows: Sequence[dict[str, object]]) -> str:
    """Rows of a comparison as a table; `heads` are the columns before the measures."""
    lines = [[*heads, "agree", "95% interval", "balanced", "n", "calls", "tokens", "USD", "seconds"]]
    for row in rows:
        interval, cost = row["ci95"], row["cost_usd"]
        lines.append(
            [
                *(str(row[head]) for head in heads),
                _number(row["accuracy"]),
                "-".join(map(_number, interval)) if isinstance(interval, list) else "-",
                _number(row["balanced"]),
                str(row["n"]),
                str(row["calls"]),
                str(row["tokens"]),
                f"{cost:.4f}" if isinstance(cost, float) and cost else "-",
                f"{row['seconds']:.1f}",
            ]
        )
    return "\n".join(columns(lines))


def _number(value: object) -> str:
    return number(value if isinstance(value, float) else None)
