"""`icm-tui baselines` and `icm-tui held-out`: a run's labels beside those of other examples, and of none.

What the tables still need is asked for here, after a person agreed to what it costs.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from icm_tui.commands.console import agree_to_cost, columns, print_json, share
from icm_tui.commands.json import BaselinesTable, HeldOutTable
from icm_tui.errors import RunFailed, UserError
from icm_tui.evaluate.comparison import (
    ASKED,
    DESIGNS,
    METHODS,
    NEED_GOLD,
    SHOTS,
    Subject,
    baseline_rows,
    curve_rows,
    held_out_curves,
    own_showings,
    subject_of,
)
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import Row, save_table
from icm_tui.run_dir.records import AnswerRecord
from icm_tui.runner.comparing import INTERRUPTED, Showing, compare_here, expected, read_answers
from icm_tui.runner.controls import with_allowed_sets
from icm_tui.runner.preflight import examine
from icm_tui.text import one_line


def baselines(args: argparse.Namespace) -> int:
    """Prints a row for each method of `args.methods`, or for all that need no gold. The model is asked what is not
    known yet."""
    known_methods = [name for name in METHODS if args.gold or name not in NEED_GOLD]
    methods = _chosen("--methods", args.methods, METHODS, known_methods)
    if args.shots < 1:
        raise UserError(f"--shots {args.shots} shows nothing; give 1 or more, or use --methods zero_shot.")
    finished, subject = _subject_of(args)
    if "gold_few_shot" in methods:
        _check_examples(finished, subject)
    showings = {
        name: own_showings(subject.ground, name, subject.own_gold, shots=args.shots, seed=subject.seed)
        for name in methods
        if name in ASKED
    }
    known = _answered(finished, subject, [each for asked in showings.values() for each in asked], yes=args.yes)
    rows = baseline_rows(subject, methods, showings, known)
    _keep(subject, finished.run.baselines, rows, args.shots)
    if args.json:
        print_json(BaselinesTable(finished.run.name, subject.column, args.shots, rows))
        return 0
    _print_table(rows, {"method": [row.method for row in rows]})
    print()
    print(f"Agreement with {one_line(subject.column)}; contexts of {args.shots}, without the item's own group.")
    if not subject.fixed and {"found", "zero_shot", "random_labels"} & set(methods):
        print("Found, zero_shot and random_labels are read under the naming that fits best.")
    if not set(methods) & set(NEED_GOLD):
        print(f"--gold adds what gold labels would give: {', '.join(NEED_GOLD)}.")
    return 0


def held_out(args: argparse.Namespace) -> int:
    """Prints a row for each design and number of shots: found labels, gold ones, random ones and scrambled ones as
    examples."""
    designs, shots = _chosen("--designs", args.designs, DESIGNS, DESIGNS), _shots(args.shots)
    if args.draws < 1:
        raise UserError(f"--draws {args.draws} draws no context; give 1 or more.")
    finished, subject = _subject_of(args)
    ground = subject.ground
    if ground.searched == len(ground.items):
        raise UserError(
            f"{finished.run.name} holds no items out. Start a run with --set task.held_out=0.2, or with the name of "
            "another split of its dataset."
        )
    _check_examples(finished, subject)
    curves = held_out_curves(
        ground,
        subject.named(),
        subject.own_gold,
        designs=designs,
        shots=shots,
        draws=args.draws,
        seed=subject.seed,
    )
    asked = [each for curve in curves for draw in curve.draws for each in draw]
    rows = curve_rows(subject, curves, _answered(finished, subject, asked, yes=args.yes))
    _keep(subject, finished.run.curves, rows)
    if args.json:
        print_json(HeldOutTable(finished.run.name, subject.column, rows))
        return 0
    heads = {
        "design": [row.design for row in rows],
        "shots": [str(row.shots) for row in rows],
        "draws": [str(row.draws) for row in rows],
    }
    _print_table(rows, heads)
    print()
    print(
        f"Agreement with {one_line(subject.column)} of held-out items, over all draws; all designs show the same "
        "items.\nScrambled: labels that are right as often as the found ones, with the errors at random places."
    )
    if not subject.fixed:
        print("Found labels are first named as fits gold best; zero_shot and random are read under the best naming.")
    return 0


def _chosen(option: str, text: str | None, known: Sequence[str], default: Sequence[str]) -> list[str]:
    """The names that a person listed with commas between them, each once. Raises UserError for one that is unknown."""
    if text is None:
        return list(default)
    named = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    for name in named:
        if name not in known:
            what = option.removeprefix("--")
            raise UserError(f"{option}: {one_line(name)} is unknown; the {what} are {', '.join(known)}.")
    return list(named)


def _shots(text: str | None) -> list[int]:
    if text is None:
        return list(SHOTS)
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() and len(word) < 7 for word in words):
        raise UserError(f"--shots {one_line(text)} is not a list of numbers; write it like --shots 0,4,16.")
    return [int(word) for word in words]


def _subject_of(args: argparse.Namespace) -> tuple[FinishedRun, Subject]:
    """The run that `args` names, with the changed limits and the gold column of `args`."""
    finished = FinishedRun.find(args.run)
    finished = FinishedRun(finished.run, with_allowed_sets(finished.profile, args.set))
    return finished, subject_of(finished, args.column, look=args.look)


def _check_examples(finished: FinishedRun, subject: Subject) -> None:
    """Raises UserError if the prompt has too few labels to show gold with items."""
    many = len(finished.names)
    if subject.classes > many:
        raise UserError(
            f"The gold column {one_line(subject.column)} has {subject.classes} classes and prompt.labels {many} "
            "labels, so its labels cannot be shown as examples; choose another --column."
        )


def _answered(
    finished: FinishedRun, subject: Subject, showings: Sequence[Showing], *, yes: bool
) -> dict[str, AnswerRecord]:
    """The answers to `showings`. Those that are missing are asked for now, and before that costs money a person is
    asked once, unless `yes`.

    Raises UserError if nothing may be spent, RunFailed if not all was answered, KeyboardInterrupt if a person stopped
    it.
    """
    run, profile, ground = finished.run, finished.profile, subject.ground
    known = read_answers(run)
    calls, _ = expected(profile, ground, showings, known, None)
    if not calls:
        return known
    price = examine(profile).price
    calls, cost = expected(profile, ground, showings, known, price)
    if profile.model.backend == "openai" and not yes:
        refused = "Nothing was asked and nothing was spent."
        agree_to_cost("This comparison", calls, cost, profile.run.budget_usd, refused=refused)
    progress = _Progress()
    answers = compare_here(run.path, profile, showings, observe=progress.show)
    progress.close()
    if answers.why == INTERRUPTED:
        raise KeyboardInterrupt
    if answers.why:
        left = expected(profile, ground, showings, answers.known, price)[0]
        raise RunFailed(f"{left} of {calls} questions are still open: {answers.why}. Repeat the command to continue.")
    return answers.known


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


def _keep(subject: Subject, path: Path, rows: Sequence[Row], shots: int | None = None) -> None:
    """Keep a printed table for the screens. If the disk refuses, a line on stderr says so and nothing else is lost."""
    try:
        save_table(path, subject.column, subject.found, rows, shots)
    except RunFailed as error:
        print(f"The screens will not show this table. {error}", file=sys.stderr)


def _print_table(rows: Sequence[Row], heads: Mapping[str, Sequence[str]]) -> None:
    """Prints a comparison; `heads` are the columns before the measures, by their titles."""
    lines = [[*heads, "agree", "95% interval", "balanced", "n", "calls", "tokens", "USD", "seconds"]]
    for row, *head in zip(rows, *heads.values(), strict=True):
        lines.append(
            [
                *head,
                share(row.accuracy),
                "-" if row.ci95 is None else "-".join(map(share, row.ci95)),
                share(row.balanced),
                str(row.n),
                str(row.calls),
                str(row.tokens),
                f"{row.cost_usd:.4f}" if row.cost_usd else "-",
                f"{row.seconds:.1f}",
            ]
        )
    print("\n".join(columns(lines, numbers=True)))
