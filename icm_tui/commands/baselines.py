"""`icm-tui baselines`: a run's labels beside what is reached without a search, on the same items."""

import argparse

import msgspec

from icm_tui.commands.comparing import answered, as_examples, keep, laid_out, subject_of
from icm_tui.errors import UserError
from icm_tui.evaluate.comparison import ASKED, METHODS, NEED_GOLD, baseline_rows
from icm_tui.evaluate.designs import own_showings
from icm_tui.text import one_line


def baselines(args: argparse.Namespace) -> int:
    """Prints a row a method of `args.methods`, or of all that need no gold; the model is asked what it was not yet."""
    methods = _methods(args)
    if args.shots < 1:
        raise UserError(f"--shots {args.shots} shows nothing; give 1 or more, or take zero_shot alone.")
    subject = subject_of(args)
    ground, seed = subject.ground, subject.profile.run.seed
    gold = {item: label for item, label in subject.gold.items() if item < ground.searched}
    if "gold_few_shot" in methods:
        as_examples(subject)
    showings = {
        name: own_showings(ground, name, gold, shots=args.shots, seed=seed) for name in methods if name in ASKED
    }
    known = answered(subject, [each for asked in showings.values() for each in asked], yes=args.yes)
    rows = baseline_rows(
        ground,
        subject.found,
        gold,
        methods,
        showings,
        known,
        classes=subject.classes,
        fixed=subject.fixed,
        seed=seed,
    )
    keep(subject, subject.run.baselines, rows, args.shots)
    if args.json:
        report = {"run": subject.run.name, "column": subject.column, "shots": args.shots, "rows": rows}
        print(msgspec.json.encode(report).decode())
        return 0
    print(laid_out(["method"], rows))
    print()
    print(f"Agreement with {one_line(subject.column)}; lists of {args.shots}, the item's own group left out.")
    if not subject.fixed and {"found", "zero_shot", "random_labels"} & set(methods):
        print("Found, zero_shot and random_labels are read under the naming that fits best.")
    if not set(methods) & set(NEED_GOLD):
        print(f"--gold adds what gold labels would give: {', '.join(NEED_GOLD)}.")
    return 0


def _methods(args: argparse.Namespace) -> list[str]:
    if args.methods is None:
        return [name for name in METHODS if args.gold or name not in NEED_GOLD]
    named = [name.strip() for name in args.methods.split(",") if name.strip()]
    for name in named:
        if name not in METHODS:
            raise UserError(f"--methods: {one_line(name)} is unknown; the methods are {', '.join(METHODS)}.")
    return list(dict.fromkeys(named))
