"""The command line: parse, call the command's handler, turn its errors into a sentence and an exit status.

Nothing beyond the standard library is imported here. A handler is named "module:function" and its module imported only
once its command was chosen, so that `--help` and the small commands start at once.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, cast

from icm_tui.errors import UserError

Handler = Callable[[argparse.Namespace], int]

STOPPED_SHORT = 1
WRONG_REQUEST = 2
INTERRUPTED = 130

ABOUT = """\
Label a dataset without supervision, by Internal Coherence Maximization.

A model is shown labelled examples and asked which label comes next; the labels
are annealed until each follows from the others. Gold labels, where there are
any, are used to measure and for nothing else."""

OVERVIEW = """\
start
  run PROFILE      label a dataset as a profile says
  profiles         list, show, check, make or import profiles
  datasets [NAME]  what can be labelled, on which terms, and what of it is here

watch
  runs             list the runs, or remove one
  attach [RUN]     watch a run on the screen

steer
  pause RUN        ask nothing and decide nothing until resumed
  resume RUN       go on; restarts a run whose process is gone
  step RUN         take one decision, then pause
  skip RUN         leave the next decision's labels as they are
  to RUN N         go on as far as decision N, then pause
  pin RUN ITEM A   hold an item to a label
  ask RUN ITEM     ask about an item again, and why it gets its label
  throttle RUN S   spread the decisions left over S seconds, to watch
  stop RUN         end the process cleanly; resume goes on

results
  measure RUN      how well the labels agree with gold
  diagnose RUN     what the split follows: words, length, places, gold
  baselines RUN    what is reached without a search, on the same items
  held-out RUN     what the labels are worth as examples, on items kept apart
  stability RUN    how alike the labels under several seeds are
  export RUN       write the labels to a file

models
  models [WORDS]   what a server offers, and which providers a run can ask
  doctor PROFILE   what the model's server can do, and what to change
  cache            show or clear the answers kept across runs

PROFILE is a profile's name or a path to a TOML file. RUN is a directory or the
start of a run's name.

examples
  icm-tui run demo
  icm-tui run demo --set search.method=paper --set run.seed=7
  icm-tui runs
  icm-tui export demo --format csv -o labels.csv

`icm-tui COMMAND --help` tells more about one command."""

SCREENS = "icm_tui.commands.tui:open_"

RUN_HELP = "a run's directory, or the start of its name"
PROFILE_HELP = "a profile's name, or a path to a TOML file"
ITEM_HELP = "the item's number: its line in items.jsonl, from 0"
JSON_HELP = "print one JSON object"
LOOK_HELP = "show the gold of a blind run, and mark the run as looked at"


class _Parser(argparse.ArgumentParser):
    """An argument parser with named commands below it; what argparse would print and exit for, it raises.

    `lists` is False if the help names the commands in its own words.
    """

    def __init__(self, lists: bool = True, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)
        self.commands: dict[str, _Parser] = {}
        self._lists = lists
        self._children: argparse._SubParsersAction[_Parser] | None = None

    def command(self, name: str, handler: str, about: str, examples: str = "", **defaults: Any) -> "_Parser":
        """Adds a command whose handler is "module:function" below icm_tui.commands, and returns its parser."""
        if self._children is None:
            shown: dict[str, Any] = {"title": "commands"} if self._lists else {"help": argparse.SUPPRESS}
            self._children = self.add_subparsers(prog=self.prog, metavar="[COMMAND]", **shown)
        child = self._children.add_parser(
            name, help=about.splitlines()[0], description=about, epilog=examples and f"examples\n{examples}"
        )
        child.set_defaults(handler=f"icm_tui.commands.{handler}", **defaults)
        self.commands[name] = child
        return child

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message}. See `{self.prog} --help`.")


def _add_set(parser: _Parser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one setting, such as search.shots=8; may be given many times",
    )


def _add_background(parser: _Parser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--headless", action="store_true", help="stay here, with a progress line on stderr")
    where.add_argument("--detach", action="store_true", help="print the run's directory and leave the run working")


def _add_comparing(parser: _Parser) -> None:
    parser.add_argument("--column", metavar="NAME", help="the gold column; without it, the first")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a limit, such as run.budget_usd=2"
    )
    parser.add_argument("--look", action="store_true", help=LOOK_HELP)
    parser.add_argument("--yes", action="store_true", help="do not ask before spending money")
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def _add_running(top: _Parser) -> None:
    run = top.command(
        "run",
        "run:run",
        "Label a dataset as a profile says.",
        "  icm-tui run demo\n"
        "  icm-tui run mine.toml --set run.budget_usd=2 --detach\n"
        "  icm-tui run mine.toml --dry-run\n"
        "  icm-tui run demo --headless --json > summary.json",
    )
    run.add_argument("profile", metavar="PROFILE", help=PROFILE_HELP)
    _add_set(run)
    run.add_argument("--out", metavar="DIR", help="the run's directory; it must be new or empty")
    _add_background(run)
    run.add_argument("--throttle", metavar="SECONDS", help="with --detach, take so long, for whoever watches")
    run.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    run.add_argument("--yes", action="store_true", help="do not ask before spending money")
    run.add_argument("--no-cache", action="store_true", help="ask anew what an earlier run has asked")
    run.add_argument(
        "--siblings", metavar="N", type=int, default=1, help="run it under N seeds, one after the other, and compare"
    )
    run.add_argument("--dry-run", action="store_true", help="show the forecast and three prompts, and ask nothing")

    child = top.command("_runner", "run:runner_child", "The process of a detached run; started by the others.")
    child.add_argument("directories", metavar="DIR", nargs="+")
    _add_set(child)

    attach = top.command(
        "attach",
        "attach:attach",
        "Watch a run on the screen, live or ended. Off a terminal, a line a second.",
        "  icm-tui attach\n  icm-tui attach demo --read-only",
    )
    attach.add_argument("run", metavar="RUN", nargs="?", help=f"{RUN_HELP}; without it, the only live run")
    attach.add_argument("--read-only", action="store_true", help="send the run no command and start nothing")
    attach.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal, to select text")


def _add_runs(top: _Parser) -> None:
    runs = top.command(
        "runs",
        "runs:list_",
        "List the runs with their state and the disk they use, or remove one.",
        "  icm-tui runs\n  icm-tui runs --json\n  icm-tui runs rm demo-20260105",
    )
    runs.add_argument("--json", action="store_true", help=JSON_HELP)
    remove = runs.command("rm", "runs:rm", "Remove a run's directory; asks first.")
    remove.add_argument("run", metavar="RUN", help=RUN_HELP)
    remove.add_argument("--yes", action="store_true", help="do not ask")


def _add_steering(top: _Parser) -> None:
    for what, about in {
        "pause": "Ask nothing and decide nothing until resumed; answers on their way are kept.",
        "step": "Take one decision, then pause.",
        "skip": "Leave the next decision's labels as they are.",
        "stop": "End the run's process cleanly. `icm-tui resume` goes on.",
    }.items():
        parser = top.command(what, "control:send", about, f"  icm-tui {what} demo", what=what)
        parser.add_argument("run", metavar="RUN", help=RUN_HELP)

    about = "Go on as far as decision N, then pause."
    to = top.command("to", "control:send", about, "  icm-tui to demo 250", what="to")
    to.add_argument("run", metavar="RUN", help=RUN_HELP)
    to.add_argument("n", metavar="N", type=int, help="the number of the last decision to take")

    pin = top.command(
        "pin",
        "control:pin",
        "Hold an item to a label from the next decision on, and its group to what the\nrule then demands.",
        '  icm-tui pin demo 17 A --note "says the opposite of 18"\n  icm-tui pin demo 17 --off',
    )
    pin.add_argument("run", metavar="RUN", help=RUN_HELP)
    pin.add_argument("item", metavar="ITEM", type=int, help=ITEM_HELP)
    pin.add_argument("label", metavar="LABEL", nargs="?", help="the name of a label set, such as A")
    pin.add_argument("--note", metavar="TEXT", default="", help="why, for whoever reads the journal")
    pin.add_argument("--off", action="store_true", help="take the pin off; the label stays until a decision changes it")

    ask = top.command(
        "ask",
        "ask:ask",
        "Ask about an item again, with the examples it was last asked with, and print\n"
        "why it gets its label. The run's own labels stay as they are.",
        "  icm-tui ask demo 17\n  icm-tui ask demo 17 --json",
    )
    ask.add_argument("run", metavar="RUN", help=RUN_HELP)
    ask.add_argument("item", metavar="ITEM", type=int, help=ITEM_HELP)
    ask.add_argument("--json", action="store_true", help=JSON_HELP)

    throttle = top.command(
        "throttle",
        "control:throttle",
        "Spread the decisions left over a time, to watch them. The labels stay the same.",
        "  icm-tui throttle demo 20\n  icm-tui throttle demo off",
    )
    throttle.add_argument("run", metavar="RUN", help=RUN_HELP)
    throttle.add_argument(
        "seconds", metavar="SECONDS", help="how long, pauses not counted; off goes at full speed again"
    )

    resume = top.command(
        "resume",
        "control:resume",
        "Lift a pause, or start a run again whose process is gone. Nothing that was\nanswered is asked again.",
        "  icm-tui resume demo\n  icm-tui resume demo --headless --set run.budget_usd=5",
    )
    resume.add_argument("run", metavar="RUN", help=RUN_HELP)
    _add_set(resume)
    _add_background(resume)
    resume.add_argument("--json", action="store_true", help="print the summary as one JSON object")


def _add_results(top: _Parser) -> None:
    measure = top.command(
        "measure",
        "measure:measure",
        "How well a run's labels agree with each gold column. Which set is called A is\n"
        "arbitrary: the better naming is taken, and said. Several runs are shown side by\nside.",
        "  icm-tui measure demo\n  icm-tui measure daily --sort p --columns MFT Virtue\n"
        "  icm-tui measure global-opinion-france global-opinion-germany",
    )
    measure.add_argument("runs", metavar="RUN", nargs="+", help=RUN_HELP)
    measure.add_argument("--columns", metavar="WORD", nargs="+", default=[], help="show columns of these names alone")
    measure.add_argument(
        "--sort",
        metavar="BY",
        choices=["table", "accuracy", "balanced", "p", "name"],
        default="table",
        help="accuracy, balanced, p, name; table leaves the order",
    )
    measure.add_argument("--look", action="store_true", help=LOOK_HELP)
    measure.add_argument("--json", action="store_true", help=JSON_HELP)

    baselines = top.command(
        "baselines",
        "baselines:baselines",
        "A run's labels beside what is reached without a search, on the same items: no\n"
        "examples, examples with random labels and, asked for, what gold would give.\n"
        "The run stays as it is; nothing that was answered is asked again.",
        "  icm-tui baselines demo\n  icm-tui baselines demo --gold\n"
        "  icm-tui baselines demo --methods found,zero_shot,ceiling --json",
    )
    baselines.add_argument("run", metavar="RUN", help=RUN_HELP)
    baselines.add_argument("--methods", metavar="LIST", help="these alone, such as zero_shot,ceiling")
    baselines.add_argument("--gold", action="store_true", help="also those that need gold labels")
    baselines.add_argument("--shots", metavar="N", type=int, default=16, help="examples in a list (16)")
    _add_comparing(baselines)

    held_out = top.command(
        "held-out",
        "held_out:held_out",
        "What a run's labels are worth as examples, on items that its search never saw:\n"
        "found labels, gold ones, random ones, and as many errors in other places.",
        "  icm-tui run demo --set task.held_out=0.2 --headless\n"
        "  icm-tui held-out demo\n  icm-tui held-out demo --designs found,gold --shots 4,16",
    )
    held_out.add_argument("run", metavar="RUN", help=RUN_HELP)
    held_out.add_argument("--designs", metavar="LIST", help="these alone, such as found,gold")
    held_out.add_argument("--shots", metavar="LIST", help="numbers of examples (0,2,4,8,16,32,64)")
    held_out.add_argument("--draws", metavar="N", type=int, default=3, help="lists for each number of examples (3)")
    _add_comparing(held_out)

    diagnose = top.command(
        "diagnose",
        "diagnose:diagnosis",
        "What a run's split follows: length, punctuation, words, places and gold columns,\n"
        "ranked, so that a split by something that nobody meant is seen.",
        "  icm-tui diagnose demo\n  icm-tui diagnose demo --top 40",
    )
    diagnose.add_argument("run", metavar="RUN", help=RUN_HELP)
    diagnose.add_argument("--top", metavar="N", type=int, default=15, help="show the first N traits; 15")
    diagnose.add_argument("--look", action="store_true", help=LOOK_HELP)
    diagnose.add_argument("--json", action="store_true", help=JSON_HELP)

    stability = top.command(
        "stability",
        "stability:stability",
        "How alike the labels of runs under several seeds are, and which items flip:\n"
        "those to look at first. One RUN stands for all runs of its profile beside it.",
        "  icm-tui run demo --siblings 5 --headless\n  icm-tui stability demo",
    )
    stability.add_argument("runs", metavar="RUN", nargs="+", help=RUN_HELP)
    stability.add_argument("--items", metavar="N", type=int, default=10, help="show at most N items that flip; 10")
    stability.add_argument("--json", action="store_true", help=JSON_HELP)

    export = top.command(
        "export",
        "export:export",
        "Write a run's labels to a file, a row an item.",
        "  icm-tui export demo --format jsonl -o labels.jsonl\n"
        "  icm-tui export demo --format parquet -o labels.parquet --with-gold",
    )
    export.add_argument("run", metavar="RUN", help=RUN_HELP)
    export.add_argument("--format", choices=["jsonl", "csv", "parquet"], required=True)
    export.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write; - for stdout")
    export.add_argument("--with-gold", action="store_true", help="add the gold columns")
    export.add_argument("--look", action="store_true", help=LOOK_HELP)


def _add_profiles(top: _Parser) -> None:
    profiles = top.command(
        "profiles",
        "profiles:list_",
        "List, show, check, make or import profiles.",
        "  icm-tui profiles\n"
        "  icm-tui profiles new mine --from demo --set search.shots=8\n"
        "  icm-tui profiles check mine.toml",
    )
    profiles.add_argument("--json", action="store_true", help=JSON_HELP)

    listing = profiles.command("list", "profiles:list_", "List the profiles that ship and your own.")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=JSON_HELP)

    for name, about in {
        "show": "Print a profile with every setting resolved.",
        "check": "Tell every error of a profile at once, each with its line.",
    }.items():
        parser = profiles.command(name, f"profiles:{name}", about)
        parser.add_argument("profile", metavar="PROFILE", help=PROFILE_HELP)
        _add_set(parser)
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=JSON_HELP)

    new = profiles.command("new", "profiles:new", "Make a profile of your own from another one.")
    new.add_argument("name", metavar="NAME", help="the new profile's name")
    new.add_argument("--from", dest="from_profile", metavar="PROFILE", default="demo", help="the one to start from")
    _add_set(new)
    new.add_argument("--force", action="store_true", help="replace a profile of that name")

    imports = profiles.command(
        "import",
        "profiles:import_",
        "Make a profile from an icm_config.json, or from the paper code's flags after --.\n"
        "Says what each setting became.",
        "  icm-tui profiles import icm_config.json --name virtue\n"
        "  icm-tui profiles import --name replication -- --testbed truthfulQA --alpha 50",
    )
    imports.add_argument("source", metavar="FILE", nargs="?", help="an icm_config.json")
    imports.add_argument("--name", metavar="NAME", help="the new profile's name")
    imports.add_argument("--force", action="store_true", help="replace a profile of that name")


def _add_datasets(top: _Parser) -> None:
    datasets = top.command(
        "datasets",
        "datasets:datasets",
        "List the datasets with their size, groups, rule, licence and whether they are on\n"
        "this machine, or tell all about one of them.",
        "  icm-tui datasets\n  icm-tui datasets truthfulqa\n  icm-tui datasets --path ~/data",
    )
    datasets.add_argument("name", metavar="NAME", nargs="?", help="a dataset's name, to tell all about it")
    datasets.add_argument(
        "--path", metavar="DIR", help="a dataset's folder, or the folder of several; else those that profiles name"
    )
    datasets.add_argument("--json", action="store_true", help=JSON_HELP)


def _add_models(top: _Parser) -> None:
    models = top.command(
        "models",
        "models:list_",
        "List the models of a server, at OpenRouter those with log-probabilities.\n"
        "A model's whole name shows who serves it, and which of them a run can ask.",
        "  icm-tui models llama 8b\n  icm-tui models --server vllm\n  icm-tui models --endpoints AUTHOR/MODEL",
    )
    models.add_argument("search", metavar="WORD", nargs="*", help="words that the name must hold")
    models.add_argument(
        "--server", default="openrouter", help="a preset, an address or a profile; openrouter unless told otherwise"
    )
    models.add_argument("--all", action="store_true", help="also those without log-probabilities")
    models.add_argument("--endpoints", metavar="MODEL", help="show who serves a model at OpenRouter")
    models.add_argument("--refresh", action="store_true", help="read the catalogue again, however new it is")
    models.add_argument("--json", action="store_true", help=JSON_HELP)


def _add_cache(top: _Parser) -> None:
    cache = top.command(
        "cache",
        "cache:show",
        "Show the answers kept across runs, so that none is paid for twice.",
        "  icm-tui cache\n  icm-tui cache clear",
    )
    cache.add_argument("--json", action="store_true", help=JSON_HELP)
    clear = cache.command("clear", "cache:clear", "Remove the answers; asks first.")
    clear.add_argument("--yes", action="store_true", help="do not ask")


def _add_doctor(top: _Parser) -> None:
    doctor = top.command(
        "doctor",
        "doctor:doctor",
        "Ask a profile's model server a few questions and tell what it can do, and what\n"
        "to change if no run can ask it.",
        "  icm-tui doctor mine\n  icm-tui doctor mine --set model.base_url=http://127.0.0.1:8000/v1",
    )
    doctor.add_argument("profile", metavar="PROFILE", nargs="?", help=PROFILE_HELP)
    _add_set(doctor)
    doctor.add_argument("--json", action="store_true", help=JSON_HELP)


def _build_parser() -> _Parser:
    usage = "icm-tui [-h] [--version] COMMAND ..."
    top = _Parser(prog="icm-tui", usage=usage, description=ABOUT, epilog=OVERVIEW, lists=False)
    top.add_argument("--version", action="store_true", help="print the version")
    runs = (_add_running, _add_runs, _add_steering, _add_results)
    for add in (*runs, _add_profiles, _add_datasets, _add_models, _add_doctor, _add_cache):
        add(top)
    return top


def _nearest(word: str, known: Sequence[str]) -> str:
    import difflib  # only a mistake pays for it

    near = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def _chosen_parser(parser: _Parser, words: Sequence[str]) -> _Parser:
    """The parser of the command that `words` begin with; UserError with the nearest if there is no such command."""
    for word in words:
        if word.startswith("-"):
            continue  # a parser that has commands has no option with a value
        if not parser.commands:
            break
        if word not in parser.commands:
            shown = [name for name in parser.commands if not name.startswith("_")]
            raise UserError(
                f"`{parser.prog}` has no command `{word}`.{_nearest(word, shown)} See `{parser.prog} --help`."
            )
        parser = parser.commands[word]
    return parser


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    words, flags = list(argv), []
    if words[:2] == ["profiles", "import"] and "--" in words:
        cut = words.index("--")
        words, flags = words[:cut], words[cut + 1 :]  # another program's command line, not ours to read
    top = _build_parser()
    chosen = _chosen_parser(top, words)
    args, unknown = top.parse_known_args(words)
    if unknown:
        options = re.findall(r"--[a-z-]+", chosen.format_usage())
        near = _nearest(unknown[0].split("=")[0], options)
        raise UserError(f"`{chosen.prog}` does not take `{unknown[0]}`.{near} See `{chosen.prog} --help`.")
    args.flags = flags
    return args


def _dispatch(argv: Sequence[str]) -> int:
    args = argparse.Namespace(version=False, handler=SCREENS) if not argv else _parse(argv)
    if args.version:
        from importlib.metadata import version  # slow to import, seldom wanted

        print(f"icm-tui {version('icm-tui')}")
        return 0
    if "handler" not in args:
        raise UserError("icm-tui needs a command, such as `icm-tui run demo`. See `icm-tui --help`.")
    module, function = args.handler.split(":")
    handler = cast(Handler, getattr(importlib.import_module(module), function))
    return handler(args)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 done, 1 the run failed or stopped short, 2 the request was wrong,
    130 interrupted."""
    try:
        status = _dispatch(sys.argv[1:] if argv is None else argv)
        print(end="", flush=True)  # here, where a reader that has gone away is still ours to handle
        return status
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left, as `head` does. Nothing may be flushed to them at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STOPPED_SHORT
    except SystemExit as leaving:  # argparse after printing --help
        return int(leaving.code or 0)
