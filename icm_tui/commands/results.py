"""`icm-tui diagnose`, `stability` and `export`: what a split follows, how stable it is, and its labels for a file."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from icm_tui.commands import json
from icm_tui.commands.console import clipped, columns, print_json, share
from icm_tui.domain.items import Gold, Item
from icm_tui.evaluate.export import ExportRow
from icm_tui.evaluate.export import export as write
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.run_dir.listing import siblings_of
from icm_tui.text import one_line

if TYPE_CHECKING:
    from icm_tui.evaluate.shortcuts import Finding
    from icm_tui.evaluate.stability import Stability


def diagnose(args: argparse.Namespace) -> int:
    """Prints the traits that the labels of `args.run` follow most closely, and gold columns among them unless the run
    is blind."""
    from icm_tui.evaluate.shortcuts import diagnose_run, headline  # loads numpy, which export does without

    finished = FinishedRun.find(args.run)
    if args.look:
        finished.look()
    gold = None if finished.hidden else finished.open_gold()
    names = finished.names
    found = diagnose_run(finished, gold)
    if args.json:
        traits = [json.Trait(**msgspec.structs.asdict(finding) | {"label": names[finding.label]}) for finding in found]
        print_json(json.Traits(finished.run.name, traits))
        return 0
    print(headline(found, names))
    if gold is None:
        print("This run is blind: gold columns are left out; --look shows them and marks the run as looked at.")
    if found:
        print()
        print("\n".join(map(clipped, columns(list(_rows(found[: args.top], names))))))
    return 0


def _rows(found: Sequence["Finding"], names: Sequence[str]) -> Iterator[list[str]]:
    yield ["trait", "more in", "strength", "p of all", "of them", "of others", "what"]
    for one in found:
        yield [
            one_line(one.name),
            names[one.label],
            share(one.strength),
            share(one.p_adjusted),
            _mean(one, one.inside),
            _mean(one, one.outside),
            one.kind if one.lift is None else f"{one.kind}, lift {one.lift:.1f}",
        ]


def _mean(finding: "Finding", value: float) -> str:
    return f"{value:.1f}" if finding.lift is None else f"{100 * value:.1f}%"


def stability(args: argparse.Namespace) -> int:
    """Prints how alike the labels of `args.runs` are, or of the siblings of a single one, and what flips most."""
    from icm_tui.evaluate.stability import compare_runs  # loads numpy

    runs = [FinishedRun.find(text) for text in args.runs]
    if len(runs) == 1:
        runs = [FinishedRun(run) for run in siblings_of(runs[0].run)]
    found = compare_runs(runs)
    if args.json:
        print_json(_report(runs, found))
    else:
        print_stability(runs, found, args.items)
    return 0


def print_stability(runs: Sequence[FinishedRun], found: "Stability", most: int) -> None:
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


def _report(runs: Sequence[FinishedRun], found: "Stability") -> json.Stability:
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


def export(args: argparse.Namespace) -> int:
    """Writes a row an item of `args.run` to `args.output`, and says on stderr how many of them carry a label."""
    finished = FinishedRun.find(args.run)
    gold = finished.open_gold(look=args.look) if args.with_gold else None
    rows = [
        ExportRow(
            uid=item.uid,
            text=item.text,
            group=item.group,
            label=None if final.label is None else finished.names[final.label],
            logprobs=final.logprobs,
            p=final.p,
            decided_at=final.decided_at,
            pinned=final.pinned,
            gold=None if gold is None else _gold_of(item, gold),
        )
        for item, final in zip(finished.items, finished.final, strict=True)
    ]
    write(rows, args.format, args.output)
    labelled = sum(row.label is not None for row in rows)
    where = "standard output" if args.output == "-" else args.output
    print(f"{len(rows)} items, {labelled} of them labelled, written to {where}.", file=sys.stderr)
    return 0


def _gold_of(item: Item, gold: Gold) -> dict[str, str | None]:
    """The names of the item's gold classes, column by column; None if gold is missing."""
    found = {name: column.get(item.uid) for name, column in gold.columns.items()}
    return {name: None if index is None else gold.classes[name][index] for name, index in found.items()}
