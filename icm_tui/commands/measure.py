"""`icm-tui measure`: labels of runs against gold."""

import argparse
from collections.abc import Mapping
from shutil import get_terminal_size
from typing import Any

import msgspec

from icm_tui.domain.rules import RULES, names_matter
from icm_tui.evaluate.blind import open_gold
from icm_tui.evaluate.gold_file import read_gold
from icm_tui.evaluate.report import measure_labels, unconstrained_groups
from icm_tui.evaluate.table import chosen, format_table, side_by_side
from icm_tui.files import runs_dir
from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import FinalLabel, final_labels
from icm_tui.run_dir.layout import RunDir, find_run, read_items

# If there is no terminal, such as in a file, lines may be long.
_NO_TERMINAL = (120, 24)


def measure(args: argparse.Namespace) -> int:
    """Prints how well the labels of `args.runs` agree with each gold column: one run as a table or a JSON object,
    several side by side or as a JSON list."""
    runs = [find_run(text, runs_dir()) for text in args.runs]
    # All of them may be looked at, or none is marked.
    for run in runs:
        if not args.look:
            open_gold(run, load(run.profile), look=False)
    for run in runs:
        open_gold(run, load(run.profile), look=True)
    reports = [chosen(measured(run), args.columns, args.sort) for run in runs]
    if args.json:
        print(msgspec.json.encode(reports if len(reports) > 1 else reports[0]).decode())
    elif len(reports) > 1:
        print(side_by_side(reports, _width()))
    else:
        print(table(reports[0]))
    return 0


def measured(run: RunDir) -> dict[str, Any]:
    """The labels of a run against its gold columns, as they stand."""
    profile = load(run.profile)
    items, _ = read_items(run)
    finals = final_labels(run.path)
    rule = profile.consistency.rule
    found = measure_labels(
        items,
        [final.label for final in finals],
        read_gold(run.gold),
        fixed_names=names_matter(rule),
        seed=profile.run.seed,
        n_labels=len(profile.prompt.labels),
        logits=[_logit(final) for final in finals],
    )
    report = {"run": run.name, "directory": str(run.path), **found}
    if rule is not None and RULES[rule].exact_keys is not None:
        report["unconstrained_groups"] = unconstrained_groups(items, rule)
    return report


def _logit(final: FinalLabel) -> float | None:
    """log p(first label) - log p(second label) of the last answer, in nats."""
    return None if final.logprobs is None else final.logprobs[0] - final.logprobs[1]


def table(report: Mapping[str, Any]) -> str:
    """What `measured` returned, as wide as the terminal allows."""
    return format_table(report, _width())


def _width() -> int:
    return get_terminal_size(_NO_TERMINAL).columns
