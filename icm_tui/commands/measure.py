"""`icm-tui measure`: a run's labels against gold."""

import argparse
from collections.abc import Mapping
from shutil import get_terminal_size
from typing import Any

import msgspec

from icm_tui.measure.gold_file import read_gold
from icm_tui.measure.report import format_table, measure_labels, unconstrained_groups
from icm_tui.paths import runs_dir
from icm_tui.profiles.toml import load
from icm_tui.runs.layout import RunDir, find_run, read_items
from icm_tui.runs.replay import final_labels

# Where there is no terminal, such as in a file, lines may be long.
_NO_TERMINAL = (120, 24)


def measure(args: argparse.Namespace) -> int:
    """Prints how well the labels of `args.run` agree with each gold column, as a table or as one JSON object."""
    report = measured(find_run(args.run, runs_dir()))
    print(msgspec.json.encode(report).decode() if args.json else table(report))
    return 0


def measured(run: RunDir) -> dict[str, Any]:
    """The labels of a run against its gold columns, as they stand."""
    profile = load(run.profile)
    items, _ = read_items(run)
    labels = [final.label for final in final_labels(run.path)]
    rule = profile.consistency.rule
    found = measure_labels(items, labels, read_gold(run.gold), fixed_names=rule == "one_true", seed=profile.run.seed)
    report = {"run": run.name, "directory": str(run.path), **found}
    if rule == "opposite":
        report["unconstrained_groups"] = unconstrained_groups(items)
    return report


def table(report: Mapping[str, Any]) -> str:
    """What `measured` returned, as wide as the terminal allows."""
    return format_table(report, get_terminal_size(_NO_TERMINAL).columns)
