"""`icm-tui measure`: a run's labels against gold."""

import argparse
from shutil import get_terminal_size

import msgspec

from icm_tui.measure.gold_file import read_gold
from icm_tui.measure.report import format_table, measure_labels, unconstrained_groups
from icm_tui.paths import runs_dir
from icm_tui.profiles.toml import load
from icm_tui.runs.layout import find_run, read_items
from icm_tui.runs.replay import final_labels


def measure(args: argparse.Namespace) -> int:
    """Prints how well the labels of `args.run` agree with each gold column, as a table or as one JSON object."""
    run = find_run(args.run, runs_dir())
    profile = load(run.profile)
    items, _ = read_items(run)
    labels = [final.label for final in final_labels(run.path)]
    rule = profile.consistency.rule
    measured = measure_labels(items, labels, read_gold(run.gold), fixed_names=rule == "one_true", seed=profile.run.seed)
    report = {"run": run.name, "directory": str(run.path), **measured}
    if rule == "opposite":
        report["unconstrained_groups"] = unconstrained_groups(items)
    print(msgspec.json.encode(report).decode() if args.json else format_table(report, get_terminal_size((120, 24)).columns))
    return 0
