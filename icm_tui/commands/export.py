"""`icm-tui export`: a run's labels for other programs."""

import argparse
import sys

from icm_tui.domain.items import Gold, Item
from icm_tui.evaluate.blind import open_gold
from icm_tui.evaluate.export import ExportRow
from icm_tui.evaluate.export import export as write
from icm_tui.evaluate.gold_file import read_gold
from icm_tui.files import runs_dir
from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import find_run, read_items


def export(args: argparse.Namespace) -> int:
    """Writes a row an item of `args.run` to `args.output`, and says on stderr how many of them carry a label."""
    run = find_run(args.run, runs_dir())
    profile = load(run.profile)
    names = profile.prompt.labels
    if args.with_gold:
        open_gold(run, profile, look=args.look)
    items, _ = read_items(run)
    gold = read_gold(run.gold) if args.with_gold else None
    rows = [
        ExportRow(
            uid=item.uid,
            text=item.text,
            group=item.group,
            label=None if final.label is None else names[final.label],
            logprobs=final.logprobs,
            p=final.p,
            decided_at=final.decided_at,
            pinned=final.pinned,
            gold=None if gold is None else _gold_of(item, gold),
        )
        for item, final in zip(items, final_labels(run.path), strict=True)
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
