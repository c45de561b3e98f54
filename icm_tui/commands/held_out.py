"""`icm-tui held-out`: what a run's labels are worth as examples, on items that its search never saw."""

import argparse

import msgspec

from icm_tui.commands.comparing import answered, as_examples, keep, laid_out, subject_of
from icm_tui.errors import UserError
from icm_tui.evaluate.comparison import curve_rows, named
from icm_tui.evaluate.designs import DESIGNS, SHOTS, held_out_curves
from icm_tui.text import one_line


def held_out(args: argparse.Namespace) -> int:
    """Prints a row a condition and number of shots: found labels, gold ones, random ones and scrambled ones as
    examples."""
    designs, shots = _designs(args.designs), _shots(args.shots)
    if args.draws < 1:
        raise UserError(f"--draws {args.draws} draws no list; give 1 or more.")
    subject = subject_of(args)
    ground, seed = subject.ground, subject.profile.run.seed
    if ground.searched == len(ground.items):
        raise UserError(
            f"{subject.run.name} holds no items out. Start a run with --set task.held_out=0.2, or with the name of "
            "another split of its dataset."
        )
    gold = as_examples(subject)
    own = {item: label for item, label in gold.items() if item < ground.searched}
    out = {item: label for item, label in gold.items() if item >= ground.searched}
    found = named(ground, subject.found, own, classes=subject.classes, fixed=subject.fixed, seed=seed)
    curves = held_out_curves(ground, found, own, designs=designs, shots=shots, draws=args.draws, seed=seed)
    known = answered(subject, [each for curve in curves for draw in curve.draws for each in draw], yes=args.yes)
    rows = curve_rows(ground, out, curves, known, classes=subject.classes, fixed=subject.fixed, seed=seed)
    keep(subject, subject.run.curves, rows)
    if args.json:
        print(msgspec.json.encode({"run": subject.run.name, "column": subject.column, "rows": rows}).decode())
        return 0
    print(laid_out(["condition", "shots", "draws"], rows))
    print()
    print(
        f"Agreement with {one_line(subject.column)} of held-out items, over all draws; all designs show the same "
        "items.\nScrambled: labels as often right as the found ones, the wrong ones put elsewhere at random."
    )
    if not subject.fixed:
        print("Found labels are first named as fits gold best; zero_shot and random are read under the best naming.")
    return 0


def _designs(text: str | None) -> list[str]:
    named = list(DESIGNS) if text is None else [name.strip() for name in text.split(",") if name.strip()]
    for name in named:
        if name not in DESIGNS:
            raise UserError(f"--designs: {one_line(name)} is unknown; the designs are {', '.join(DESIGNS)}.")
    return named


def _shots(text: str | None) -> list[int]:
    if text is None:
        return list(SHOTS)
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() and len(word) < 7 for word in words):
        raise UserError(f"--shots {one_line(text)} is no list of numbers; give it as in --shots 0,4,16.")
    return [int(word) for word in words]
