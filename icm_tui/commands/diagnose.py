"""`icm-tui diagnose`: what a found split follows, in one ranked table."""

import argparse
from collections.abc import Iterator, Sequence
from shutil import get_terminal_size

import msgspec

from icm_tui.commands.console import columns
from icm_tui.evaluate.blind import is_hidden, open_gold
from icm_tui.evaluate.gold_file import read_gold
from icm_tui.evaluate.shortcuts import Finding, diagnose, headline
from icm_tui.files import runs_dir
from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import find_run, read_items
from icm_tui.text import one_line


def diagnosis(args: argparse.Namespace) -> int:
    """Prints the traits that the labels of `args.run` follow most closely, and gold columns among them unless the run
    is blind."""
    run = find_run(args.run, runs_dir())
    profile = load(run.profile)
    if args.look:
        open_gold(run, profile, look=True)
    gold = None if is_hidden(run, profile) else read_gold(run.gold)
    items, _ = read_items(run)
    labels = [final.label for final in final_labels(run.path)]
    names = profile.prompt.labels
    found = diagnose(items, labels, gold, n_labels=len(names), seed=profile.run.seed)
    if args.json:
        rows = [msgspec.to_builtins(finding) | {"label": names[finding.label]} for finding in found]
        print(msgspec.json.encode({"run": run.name, "traits": rows}).decode())
        return 0
    print(headline(found, names))
    if gold is None:
        print("This run is blind: gold columns are left out; --look shows them and marks the run as looked at.")
    if found:
        print()
        width = get_terminal_size((120, 24)).columns
        for line in columns(list(_rows(found[: args.top], names))):
            print(line if len(line) <= width else line[: width - 1] + "…")
    return 0


def _rows(found: Sequence[Finding], names: Sequence[str]) -> Iterator[list[str]]:
    yield ["trait", "more in", "strength", "p of all", "of them", "of others", "what"]
    for one in found:
        adjusted = "-" if one.p_adjusted is None else f"{one.p_adjusted:.3f}"
        yield [
            one_line(one.name),
            names[one.label],
            f"{one.strength:.3f}",
            adjusted,
            _mean(one, one.inside),
            _mean(one, one.outside),
            one.kind if one.lift is None else f"{one.kind}, lift {one.lift:.1f}",
        ]


def _mean(finding: Finding, value: float) -> str:
    return f"{value:.1f}" if finding.lift is None else f"{100 * value:.1f}%"
