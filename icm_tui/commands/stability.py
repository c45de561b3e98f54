"""`icm-tui stability`: how alike the labels of runs under several seeds are."""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from shutil import get_terminal_size
from typing import Any

import msgspec

from icm_tui.commands.console import columns
from icm_tui.domain.items import Item
from icm_tui.domain.rules import names_matter
from icm_tui.errors import UserError
from icm_tui.evaluate.stability import Stability
from icm_tui.evaluate.stability import stability as compare
from icm_tui.files import runs_dir
from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir, find_run, read_items
from icm_tui.run_dir.siblings import siblings_of
from icm_tui.text import one_line


def stability(args: argparse.Namespace) -> int:
    """Prints how alike the labels of `args.runs` are, or of the siblings of a single one, and what flips most."""
    runs = [find_run(text, runs_dir()) for text in args.runs]
    if len(runs) == 1:
        runs = siblings_of(runs[0])
    if len(runs) < 2:
        raise UserError(
            f"{runs[0].name} has no siblings, which are runs of its profile under other seeds; "
            "`icm-tui run PROFILE --siblings 5` makes them."
        )
    items = _same_items(runs)
    found = compared(runs)
    if args.json:
        print(msgspec.json.encode(_report(runs, items, found)).decode())
    else:
        print_stability(runs, items, found, args.items)
    return 0


def compared(runs: Sequence[RunDir]) -> Stability:
    """The labels of `runs`, of the same items each, as they stand."""
    profile = load(runs[0].profile)
    labels = [[final.label for final in final_labels(run.path)] for run in runs]
    fixed = names_matter(profile.consistency.rule)
    return compare(labels, n_labels=len(profile.prompt.labels), fixed_names=fixed)


def print_stability(runs: Sequence[RunDir], items: Sequence[Item], found: Stability, most: int) -> None:
    """Prints the pairs, their mean, and at most `most` items that the runs disagree on."""
    seeds = [str(load(run.profile).run.seed) for run in runs]
    rows = [["seeds", "both labelled", "adjusted Rand", "matched"]]
    for pair in found.pairs:
        rows.append(
            [
                f"{seeds[pair.one]} and {seeds[pair.other]}",
                str(pair.n),
                _number(pair.adjusted_rand),
                _number(pair.matched),
            ]
        )
    rows.append(["mean", "", _number(found.adjusted_rand), _number(found.matched)])
    print("\n".join(columns(rows)))
    flipping = found.flipping()
    print()
    print(
        f"{len(flipping)} of {len(items)} items have unlike labels in different runs. Matched: equal labels once names "
        "are matched.\nThis is coherence between runs; it does not say that any of them is right."
    )
    if not flipping or not most:
        return
    names = load(runs[0].profile).prompt.labels
    print()
    width = get_terminal_size((120, 24)).columns
    for item in flipping[:most]:
        votes = "".join("·" if row[item] < 0 else names[row[item]][:1] for row in found.labels)
        text = one_line(items[item].text)
        head = f"{item:>6}  {votes}  "
        print(head + (text if len(head + text) <= width else text[: max(0, width - len(head) - 1)] + "…"))


def _same_items(runs: Sequence[RunDir]) -> list[Item]:
    found = [read_items(run) for run in runs]
    for (run, (_, one)), (other, (_, two)) in pairwise(zip(runs, found, strict=True)):
        if one != two:
            raise UserError(f"{run.name} and {other.name} label unlike items; only runs of the same items compare.")
    return found[0][0]


def _report(runs: Sequence[RunDir], items: Sequence[Item], found: Stability) -> dict[str, Any]:
    return {
        "runs": [run.name for run in runs],
        "seeds": [load(run.profile).run.seed for run in runs],
        "n": len(items),
        "adjusted_rand": found.adjusted_rand,
        "matched": found.matched,
        "pairs": [msgspec.to_builtins(pair) for pair in found.pairs],
        "items": [
            {"uid": item.uid, "label": None if label < 0 else label, "share": share}
            for item, label, share in zip(items, found.consensus, found.share, strict=True)
        ],
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
