"""`icm-tui diagnose` and `icm-tui export`: what the split of a run follows, and its labels for other programs."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from icm_tui.commands.console import clipped, columns, print_json, share
from icm_tui.commands.json import Trait, Traits
from icm_tui.domain.items import Gold, Item
from icm_tui.evaluate.export import ExportRow
from icm_tui.evaluate.export import export as write
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.text import one_line

if TYPE_CHECKING:
    from icm_tui.evaluate.shortcuts import Finding


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
        traits = [Trait(**msgspec.structs.asdict(finding) | {"label": names[finding.label]}) for finding in found]
        print_json(Traits(finished.run.name, traits))
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
