"""`icm-tui stability`: how alike the labels of runs under several seeds are."""

import argparse
from collections.abc import Sequence

from icm_tui.commands import json
from icm_tui.commands.console import clipped, columns, print_json, share
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.stability import Stability, compare_runs
from icm_tui.run_dir.siblings import siblings_of
from icm_tui.text import one_line


def stability(args: argparse.Namespace) -> int:
    """Prints how alike the labels of `args.runs` are, or of the siblings of a single one, and what flips most."""
    runs = [FinishedRun.find(text) for text in args.runs]
    if len(runs) == 1:
        runs = [FinishedRun(run) for run in siblings_of(runs[0].run)]
    found = compare_runs(runs)
    if args.json:
        print_json(_report(runs, found))
    else:
        print_stability(runs, found, args.items)
    return 0


def print_stability(runs: Sequence[FinishedRun], found: Stability, most: int) -> None:
    """Prints the pairs, their mean, and at most `most` items that the runs disagree on."""
    seeds = [str(run.profile.run.seed) for run in runs]
    rows = [["seeds", "both labelled", "adjusted Rand", "matched"]]
    for pair in found.pairs:
        between = f"{seeds[pair.one]} and {seeds[pair.other]}"
        rows.append([between, str(pair.n), share(pair.adjusted_rand), share(pair.matched)])
    rows.append(["mean", "", share(found.adjusted_rand), share(found.matched)])
    print("\n".join(columns(rows)))
    items, names, flipping = runs[0].items, runs[0].names, found.flipping()
    print()
    print(
        f"{len(flipping)} of {len(items)} items have different labels in some runs. Matched: the share of equal "
        "labels once names are matched.\nThis is coherence between runs; it does not say that any of them is right."
    )
    if not flipping or not most:
        return
    print()
    for item in flipping[:most]:
        votes = "".join("·" if row[item] < 0 else names[row[item]][:1] for row in found.labels)
        print(clipped(f"{item:>6}  {votes}  {one_line(items[item].text)}"))


def _report(runs: Sequence[FinishedRun], found: Stability) -> json.Stability:
    consensus = zip(runs[0].items, found.consensus, found.share, strict=True)
    return json.Stability(
        runs=[run.run.name for run in runs],
        seeds=[run.profile.run.seed for run in runs],
        n=len(runs[0].items),
        adjusted_rand=found.adjusted_rand,
        matched=found.matched,
        pairs=found.pairs,
        items=[json.StableItem(item.uid, None if label < 0 else label, part) for item, label, part in consensus],
    )
