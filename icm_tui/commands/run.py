"""`icm-tui run`: make a run of a profile and run it, here or in a process of its own."""

import argparse
import os
import sys
import time
from pathlib import Path

import msgspec

from icm_tui.commands.console import agree_to_cost, print_json, to_type
from icm_tui.commands.control import seconds_of
from icm_tui.commands.headless import run_to_end
from icm_tui.commands.json import Expected, LastProbe
from icm_tui.commands.results import print_stability
from icm_tui.commands.tui import has_screen, watch
from icm_tui.errors import STOPPED_SHORT, UserError
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.gold_file import write_gold
from icm_tui.evaluate.stability import compare_runs
from icm_tui.profile.store import find
from icm_tui.run_dir import inbox
from icm_tui.runner.launch import detach
from icm_tui.runner.preflight import Forecast, Standing, examine, first_prompts, forecast, recalled
from icm_tui.runner.prepare import Prepared, make_run, prepare, under_seeds
from icm_tui.runner.session import run_here
from icm_tui.text import multi_line, one_line

_METHOD_NOTES = {
    "fork": "Method fork runs as published, flaws kept: its score is unsigned, so labels drift to one set, and many "
    "items stay unlabelled.",
    "paper": "Method paper asks every labelled item again at each iteration; mutual predictability is the mean "
    "log-probability.",
    "zero_shot": "Method zero_shot asks every item once and shows no examples; if the model has no opinion, as the "
    "embedded one never has, labels are drawn at random.",
    "random_labels": "Method random_labels asks every item once, after examples whose labels are drawn at random.",
}
_FLIPPING_SHOWN = 10


def run(args: argparse.Namespace) -> int:
    """Makes a run of `args.profile` and runs it; on a terminal in a process of its own, which is watched here. With
    `args.dry_run` prints what the run would ask, and asks nothing."""
    if args.throttle is not None and not args.detach:
        raise UserError("--throttle is for watching a run from elsewhere: give --detach too, then `icm-tui attach`.")
    if args.siblings < 1:
        raise UserError(f"--siblings {args.siblings} makes no run; give 2 or more.")
    throttle = None if args.throttle is None else seconds_of(args.throttle)
    on_screen = args.siblings == 1 and not (args.headless or args.detach or args.json or args.dry_run) and has_screen()
    profile, source = find(args.profile, args.set)
    if args.no_cache:
        # In the environment, since a detached runner reads it there too.
        os.environ["ICM_TUI_CACHE"] = "off"
    prepared = prepare(profile)
    standing = recalled(prepared.profile) if args.dry_run else examine(prepared.profile)
    expected = forecast(prepared.profile, prepared.task.items, price=standing.price, latency_s=standing.latency_s)
    if args.dry_run:
        return _show_forecast(prepared, expected, standing, args.json)
    for note in _notes(prepared):
        print(one_line(note), file=sys.stderr)
    if args.siblings > 1:
        return _run_siblings(prepared, source.stem, expected, args)
    _agree_to_cost(prepared, expected, args.yes)
    made = make_run(prepared, name=source.stem, out=args.out, write_gold=write_gold)
    if on_screen:
        throttle = profile.run.watch_seconds
    if throttle is not None:
        inbox.send(made, "throttle", {"seconds": throttle})
    if args.detach or on_screen:
        detach(made.path, [])
    if on_screen:
        return watch(made.path)
    if args.detach:
        print(made.path)
        return 0
    return run_to_end(made, [], as_json=args.json)


def _run_siblings(prepared: Prepared, name: str, expected: Forecast, args: argparse.Namespace) -> int:
    """Makes a run for each of several seeds, works through them, and prints how alike their labels are."""
    _agree_to_cost(prepared, expected, args.yes, args.siblings)
    made = []
    for one in under_seeds(prepared, name, args.siblings):
        out = None if args.out is None else str(Path(args.out).expanduser() / f"seed-{one.profile.run.seed}")
        made.append(make_run(one, name=name, out=out, write_gold=write_gold))
    if args.detach:
        first, *others = (run.path for run in made)
        detach(first, [], then=others)
        print("\n".join(str(run.path) for run in made))
        return 0
    for place, run in enumerate(made):
        status = run_to_end(run, [], as_json=args.json)
        if status:
            left = [to_type(other) for other in made[place + 1 :]]
            also = f" {len(left)} more have not begun: {', '.join(left)}." if left else ""
            print(f"The siblings end here.{also} `icm-tui stability {to_type(run)}` compares them.", file=sys.stderr)
            return status
    if not args.json:
        print()
        runs = [FinishedRun(run) for run in made]
        print_stability(runs, compare_runs(runs), _FLIPPING_SHOWN)
    return 0


def runner_child(args: argparse.Namespace) -> int:
    """Works through detached runs one after the other, without a terminal; the log of all is the first run's. The first
    run that stops short is the last one."""
    for directory in args.directories:
        if run_here(Path(directory), sets=args.set, stays=True).state != "done":
            return STOPPED_SHORT
    return 0


def _show_forecast(prepared: Prepared, expected: Forecast, standing: Standing, as_json: bool) -> int:
    prompts = first_prompts(prepared.profile, prepared.task.items)
    if as_json:
        probe = _last_probe(standing, prepared.profile.prompt.labels)
        costs = msgspec.structs.asdict(expected)
        print_json(Expected(items=len(prepared.task.items), probe_result=probe, prompts=prompts, **costs))
        return 0
    print(f"{len(prepared.task.items)} items, about {expected.calls} calls ({expected.calls_per_label} a label)")
    if expected.paid:
        cost = "unknown: set model.price_in" if expected.cost_usd is None else f"about ${expected.cost_usd:.2f}"
        print(f"about {expected.tokens_in} tokens read, cost {cost}, {_minutes(expected.minutes)}")
    elif expected.tokens_in:
        computed = expected.tokens_in - expected.tokens_cached
        print(f"about {computed} tokens to read on this machine, and {expected.tokens_cached} read before: no cost")
    else:
        print("The embedded model answers in this process: no cost, and it reads the texts rather than a prompt.")
        print("Below is what a language model would be shown.")
    for note in _notes(prepared):
        print(one_line(note))
    for number, prompt in enumerate(prompts, start=1):
        print(f"\n--- prompt {number} " + "-" * 50)
        print(multi_line(prompt))
    return 0


def _minutes(minutes: float | None) -> str:
    return "under a minute" if minutes is None or minutes < 1 else f"about {minutes:.0f} minutes"


def _last_probe(standing: Standing, labels: list[str]) -> LastProbe | None:
    """What the last probe of the endpoint found, if one is kept: its age in seconds, how the endpoint is asked, and
    the label that it favours, by nats over the one that it favours least."""
    probe_result = standing.probe_result
    if probe_result is None or probe_result.endpoint is None:
        return None
    at, label_bias = probe_result.endpoint, probe_result.label_bias
    told = LastProbe(max(0.0, time.time() - probe_result.at), at.kind, at.top_logprobs, at.provider)
    if not label_bias:
        return told
    most = max(range(len(labels)), key=label_bias.__getitem__)
    return msgspec.structs.replace(told, favoured=labels[most], nats=max(label_bias) - min(label_bias))


def _notes(prepared: Prepared) -> list[str]:
    """What a person should know about the data, the method and the model before believing the run."""
    notes = list(prepared.task.notes)
    if prepared.profile.search.method in _METHOD_NOTES:
        notes.append(_METHOD_NOTES[prepared.profile.search.method])
    if prepared.profile.model.backend == "embedded":
        notes.append("The embedded model finds surface patterns of words; it is not a language model.")
    return notes


def _agree_to_cost(prepared: Prepared, expected: Forecast, yes: bool, runs: int = 1) -> None:
    """Asks before money is spent on `runs` runs, unless `yes`; see console.agree_to_cost."""
    if not expected.paid or yes:
        return
    agree_to_cost(
        "This run" if runs == 1 else f"These {runs} runs",
        expected.calls * runs,
        None if expected.cost_usd is None else expected.cost_usd * runs,
        prepared.profile.run.budget_usd,
        refused="Nothing was started and nothing was spent.",
    )
