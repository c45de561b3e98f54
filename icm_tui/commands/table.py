"""The commands as a table. The parser, `icm-tui --help` and README's list of commands are made of it.

Only the standard library is imported here and a handler is named, not imported, so that `--help` and the small commands
start at once. `python -m icm_tui.commands.table` prints README's list; a test compares it with README.
"""

import argparse
from collections.abc import Iterable
from typing import Any, NamedTuple


class Argument(NamedTuple):
    """One argument: its flags, or the name of a positional one, and the options of argparse's `add_argument`."""

    flags: tuple[str, ...]
    options: dict[str, Any]

    @property
    def synopsis(self) -> str:
        """The argument as a usage line shows it; "" if it is an option that may be left out."""
        metavar: str = self.options.get("metavar") or f"{{{','.join(self.options.get('choices', ()))}}}"
        if self.flags[0].startswith("-"):
            return f"{self.flags[0]} {metavar}" if self.options.get("required") else ""
        return f"[{metavar}]" if self.options.get("nargs") in ("?", "*") else metavar


class Command(NamedTuple):
    """One command.

    `name` has a word for each level ("runs rm"), and a command comes after the one that it belongs to. `handler` is
    "module:function" below `icm_tui.commands`. `about` says in full what it does, for its own help and for README;
    `brief` is its line in `icm-tui --help` if that is not the first sentence of `about`. Two `exclusive` options cannot
    be given together. `examples` are written without the program's name. `defaults` are set beside the arguments.
    """

    name: str
    handler: str
    about: str
    arguments: tuple[Argument, ...] = ()
    brief: str = ""
    exclusive: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()

    @property
    def hidden(self) -> bool:
        """Whether only the program itself calls the command."""
        return self.name.startswith("_")

    @property
    def line(self) -> str:
        """What the command does, in a few words."""
        first = self.about.partition(". ")[0].rstrip(".")
        return self.brief or first[0].lower() + first[1:]


def _command(name: str, handler: str, about: str, *arguments: Argument, **more: Any) -> Command:
    return Command(name, handler, about, arguments, **more)


def _argument(*flags: str, **options: Any) -> Argument:
    return Argument(flags, options)


def _switch(flag: str, about: str) -> Argument:
    return Argument((flag,), {"action": "store_true", "help": about})


def _settings(about: str = "change one setting, such as search.shots=8; may be given many times") -> Argument:
    return _argument("--set", action="append", default=[], metavar="KEY=VALUE", help=about)


_RUN = _argument("run", metavar="RUN", help="a run's directory, or the start of its name")
_RUNS = Argument(("runs",), {**_RUN.options, "nargs": "+"})
_PROFILE = _argument("profile", metavar="PROFILE", help="a profile's name, or a path to a TOML file")
_ITEM = _argument("item", metavar="ITEM", type=int, help="the item's number: its line in items.jsonl, from 0")
_JSON = _switch("--json", "print one JSON object")
# Below a command that has --json too: if it is not given here, what was given there counts.
_JSON_BELOW = Argument(_JSON.flags, {**_JSON.options, "default": argparse.SUPPRESS})
_SUMMARY = _switch("--json", "print the summary as one JSON object")
_LOOK = _switch("--look", "show the gold of a blind run, and mark the run as looked at")
_FREE_TO_SPEND = _switch("--yes", "do not ask before spending money")
_DO_NOT_ASK = _switch("--yes", "do not ask")
_FORCE = _switch("--force", "replace a profile of that name")
_BACKGROUND = (
    _switch("--headless", "stay here, with a progress line on stderr"),
    _switch("--detach", "print the run's directory and leave the run working"),
)
_COMPARING = (
    _argument("--column", metavar="NAME", help="the gold column; without it, the first"),
    _settings("change a limit, such as run.budget_usd=2"),
    _LOOK,
    _FREE_TO_SPEND,
    _JSON,
)

SCREENS = Command("", "tui:open_", "Open the screens: runs to watch, profiles to start.")

_START = (
    _command(
        "run",
        "run:run",
        "Label a dataset as a profile says, and watch. --dry-run shows the prompts and the forecast, --detach leaves "
        "the run working, and --headless works here with a line of progress.",
        _PROFILE,
        _settings(),
        _argument("--out", metavar="DIR", help="the run's directory; it must be new or empty"),
        _argument("--throttle", metavar="SECONDS", help="with --detach, spread the run over so long, to watch it"),
        _SUMMARY,
        _FREE_TO_SPEND,
        _switch("--no-cache", "ask again what an earlier run has asked"),
        _argument(
            "--siblings",
            metavar="N",
            type=int,
            default=1,
            help="run it under N seeds, one after the other, and compare",
        ),
        _switch("--dry-run", "show the forecast and three prompts, and ask nothing"),
        exclusive=_BACKGROUND,
        examples=(
            "run demo",
            "run mine.toml --set run.budget_usd=2 --detach",
            "run mine.toml --dry-run",
            "run demo --headless --json > summary.json",
        ),
        brief="label a dataset as a profile says",
    ),
    _command(
        "_runner",
        "run:runner_child",
        "The process of a detached run; other commands start it.",
        _argument("directories", metavar="DIR", nargs="+"),
        _settings(),
    ),
    _command(
        "profiles",
        "profiles:list_",
        "List, show, check, make or import profiles.",
        _JSON,
        examples=("profiles", "profiles new mine --from demo --set search.shots=8", "profiles check mine.toml"),
    ),
    _command("profiles list", "profiles:list_", "List the shipped profiles and your own.", _JSON_BELOW),
    _command(
        "profiles show",
        "profiles:show",
        "Print a profile with every setting resolved.",
        _PROFILE,
        _settings(),
        _JSON_BELOW,
    ),
    _command(
        "profiles check",
        "profiles:check",
        "Print every error of a profile at once, each with its line.",
        _PROFILE,
        _settings(),
        _JSON_BELOW,
    ),
    _command(
        "profiles new",
        "profiles:new",
        "Make a profile of your own from another one.",
        _argument("name", metavar="NAME", help="the new profile's name"),
        _argument("--from", dest="from_profile", metavar="PROFILE", default="demo", help="the one to start from"),
        _settings(),
        _FORCE,
    ),
    _command(
        "profiles import",
        "profiles:import_",
        "Make a profile from an icm_config.json, or from the paper code's flags after --, and say what each setting "
        "became.",
        _argument("source", metavar="FILE", nargs="?", help="an icm_config.json"),
        _argument("--name", metavar="NAME", help="the new profile's name"),
        _FORCE,
        examples=(
            "profiles import icm_config.json --name virtue",
            "profiles import --name replication -- --testbed truthfulQA --alpha 50",
        ),
    ),
    _command(
        "datasets",
        "datasets:datasets",
        "List the datasets with their size, groups, rule, licence and whether they are on this machine, or describe "
        "one of them in full.",
        _argument("name", metavar="NAME", nargs="?", help="a dataset's name, to describe it in full"),
        _argument(
            "--path",
            metavar="DIR",
            help="a dataset's folder, or the folder of several; without it, those that profiles name",
        ),
        _JSON,
        examples=("datasets", "datasets truthfulqa", "datasets --path ~/data"),
        brief="what can be labelled, on which terms, and what is here",
    ),
)

_WATCH = (
    _command(
        "runs",
        "runs:list_",
        "List the runs with their state and the disk space they use, or remove one.",
        _JSON,
        examples=("runs", "runs --json", "runs rm demo-20260105"),
        brief="list the runs, or remove one",
    ),
    _command("runs rm", "runs:rm", "Remove a run's directory, after asking.", _RUN, _DO_NOT_ASK),
    _command(
        "attach",
        "attach:attach",
        "Watch a run on the screen, live or ended. Off a terminal, print a line a second.",
        Argument(
            _RUN.flags, {**_RUN.options, "nargs": "?", "help": f"{_RUN.options['help']}; without it, the only live run"}
        ),
        _switch("--read-only", "send the run no command and start nothing"),
        _switch("--no-mouse", "leave the mouse to the terminal, to select text"),
        examples=("attach", "attach demo --read-only"),
        brief="watch a run on the screen",
    ),
)


def _steering(name: str, about: str, *arguments: Argument, example: str = "") -> Command:
    """A command that the runner of a run obeys as it is."""
    examples = (example or f"{name} demo",)
    return _command(name, "control:send", about, _RUN, *arguments, examples=examples, defaults=(("what", name),))


_STEER = (
    _steering("pause", "Ask nothing and decide nothing until resumed. Answers that are on their way are kept."),
    _command(
        "resume",
        "control:resume",
        "Lift a pause, or restart a run whose process is gone. No question that was answered is asked again.",
        _RUN,
        _settings(),
        _SUMMARY,
        exclusive=_BACKGROUND,
        examples=("resume demo", "resume demo --headless --set run.budget_usd=5"),
        brief="continue; restarts a run whose process is gone",
    ),
    _steering("step", "Take one decision, then pause."),
    _steering("skip", "Leave the next decision's labels as they are."),
    _steering(
        "to",
        "Continue to decision N, then pause.",
        _argument("n", metavar="N", type=int, help="the number of the last decision to take"),
        example="to demo 250",
    ),
    _command(
        "pin",
        "control:pin",
        "Pin an item to a label from the next decision on. The rest of its group is adjusted to satisfy the rule.",
        _RUN,
        _ITEM,
        _argument("label", metavar="LABEL", nargs="?", help="the name of a label set, such as A"),
        _argument("--note", metavar="TEXT", default="", help="why, for readers of the journal"),
        _switch("--off", "take the pin off; the label stays until a decision changes it"),
        examples=('pin demo 17 A --note "says the opposite of 18"', "pin demo 17 --off"),
        brief="give an item a label that the run must keep",
    ),
    _command(
        "ask",
        "ask:ask",
        "Ask about an item again, with the examples it was last asked with, and print why it gets its label. The run's "
        "own labels stay as they are.",
        _RUN,
        _ITEM,
        _JSON,
        examples=("ask demo 17", "ask demo 17 --json"),
        brief="ask about an item again, and why it gets its label",
    ),
    _command(
        "throttle",
        "control:throttle",
        "Spread the remaining decisions over a time, to watch them. The labels stay the same.",
        _RUN,
        _argument("seconds", metavar="SECONDS", help="how long, pauses not counted; off goes at full speed again"),
        examples=("throttle demo 20", "throttle demo off"),
        brief="spread the remaining decisions over a time, to watch",
    ),
    _steering("stop", "End the run's process cleanly. `icm-tui resume` continues the run."),
)

_RESULTS = (
    _command(
        "measure",
        "measure:measure",
        "Show how well a run's labels agree with each gold column, with intervals, the majority's share and p for the "
        "best of many columns. Which set is called A is arbitrary: the naming that agrees best is taken, and shown. "
        "Several runs are shown side by side.",
        _RUNS,
        _argument("--columns", metavar="WORD", nargs="+", default=[], help="show only columns with these words"),
        _argument(
            "--sort",
            metavar="BY",
            choices=["table", "accuracy", "balanced", "p", "name"],
            default="table",
            help="accuracy, balanced, p or name; table keeps the order of the task",
        ),
        _LOOK,
        _JSON,
        examples=(
            "measure demo",
            "measure daily --sort p --columns MFT Virtue",
            "measure global-opinion-france global-opinion-germany",
        ),
        brief="how well the labels agree with gold",
    ),
    _command(
        "diagnose",
        "results:diagnose",
        "Rank what a run's split follows: length, punctuation, words, places and gold columns. That shows a split by "
        "something that nobody meant.",
        _RUN,
        _argument("--top", metavar="N", type=int, default=15, help="show the first N traits (15)"),
        _LOOK,
        _JSON,
        examples=("diagnose demo", "diagnose demo --top 40"),
        brief="what the split follows: words, length, places, gold",
    ),
    _command(
        "baselines",
        "comparing:baselines",
        "Compare a run's labels with what is reached without a search, on the same items: no examples, random labels "
        "and, with --gold, gold examples, majorities and a supervised ceiling. The run stays as it is, and nothing "
        "that was answered is asked again.",
        _RUN,
        _argument("--methods", metavar="LIST", help="only these, such as zero_shot,ceiling"),
        _switch("--gold", "also those that need gold labels"),
        _argument("--shots", metavar="N", type=int, default=16, help="examples in a context (16)"),
        *_COMPARING,
        examples=("baselines demo", "baselines demo --gold", "baselines demo --methods found,zero_shot,ceiling --json"),
        brief="what is reached without a search, on the same items",
    ),
    _command(
        "held-out",
        "comparing:held_out",
        "Show what a run's labels are worth as examples for items that its search never saw (task.held_out), beside "
        "gold labels, random ones, and labels with as many errors in other places.",
        _RUN,
        _argument("--designs", metavar="LIST", help="only these, such as found,gold"),
        _argument("--shots", metavar="LIST", help="numbers of examples (0,2,4,8,16,32,64)"),
        _argument("--draws", metavar="N", type=int, default=3, help="contexts drawn for each number of examples (3)"),
        *_COMPARING,
        examples=(
            "run demo --set task.held_out=0.2 --headless",
            "held-out demo",
            "held-out demo --designs found,gold --shots 4,16",
        ),
        brief="what the labels are worth as examples for other items",
    ),
    _command(
        "stability",
        "results:stability",
        "Show how alike the labels of runs under several seeds are, and which items flip: look at those first. One RUN "
        "means all runs of its profile beside it, as `icm-tui run PROFILE --siblings 5` makes them.",
        _RUNS,
        _argument("--items", metavar="N", type=int, default=10, help="show at most N items that flip (10)"),
        _JSON,
        examples=("run demo --siblings 5 --headless", "stability demo"),
        brief="how alike the labels under several seeds are",
    ),
    _command(
        "export",
        "results:export",
        "Write a run's labels to a file, a row an item.",
        _RUN,
        _argument("--format", choices=["jsonl", "csv", "parquet"], required=True),
        _argument("-o", "--output", metavar="FILE", required=True, help="the file to write; - for standard output"),
        _switch("--with-gold", "add the gold columns"),
        _LOOK,
        examples=(
            "export demo --format jsonl -o labels.jsonl",
            "export demo --format parquet -o labels.parquet --with-gold",
        ),
        brief="write the labels to a file",
    ),
)

_MODELS = (
    _command(
        "models",
        "models:list_",
        "List the models of a server; at OpenRouter, those with log-probabilities. The whole name of a model shows who "
        "serves it, and which of them a run can ask.",
        _argument("search", metavar="WORD", nargs="*", help="words that the name must contain"),
        _argument("--server", default="openrouter", help="a preset, an address or a profile; openrouter if not given"),
        _switch("--all", "also those without log-probabilities"),
        _argument("--endpoints", metavar="MODEL", help="show who serves a model at OpenRouter"),
        _switch("--refresh", "read the catalogue again, however new it is"),
        _JSON,
        examples=("models llama 8b", "models --server vllm", "models --endpoints AUTHOR/MODEL"),
        brief="what a server offers, and which providers a run can ask",
    ),
    _command(
        "doctor",
        "doctor:doctor",
        "Ask a profile's model server a few questions and say what it can do, and what to change if no run can ask it.",
        Argument(_PROFILE.flags, {**_PROFILE.options, "nargs": "?"}),
        _settings(),
        _JSON,
        examples=("doctor mine", "doctor mine --set model.base_url=http://127.0.0.1:8000/v1"),
        brief="what the model's server can do, and what to change",
    ),
    _command(
        "cache",
        "cache:show",
        "Show the answers kept across runs, so that none is paid for twice.",
        _JSON,
        examples=("cache", "cache clear"),
        brief="show or clear the answers kept across runs",
    ),
    _command("cache clear", "cache:clear", "Remove the answers, after asking.", _DO_NOT_ASK),
)

SECTIONS: dict[str, tuple[Command, ...]] = {
    "start": _START,
    "watch": _WATCH,
    "steer": _STEER,
    "results": _RESULTS,
    "models": _MODELS,
}

COMMANDS = tuple(command for commands in SECTIONS.values() for command in commands)


def overview() -> str:
    """The commands with their words and a line each, section by section, as `icm-tui --help` shows them."""
    lines = []
    for section, commands in SECTIONS.items():
        lines.append(section)
        listed = [command for command in commands if not command.hidden and " " not in command.name]
        lines += [f"  {_words(each, options=False):<22}{each.line}" for each in listed]
        lines.append("")
    return "\n".join(lines).rstrip()


def readme_table() -> str:
    """README's list of commands in Markdown."""
    return "\n".join(_rows([SCREENS, *(command for command in COMMANDS if not command.hidden)]))


def _rows(commands: Iterable[Command]) -> list[str]:
    rows = ["| command | what it does |", "|---|---|"]
    return rows + [f"| `{f'icm-tui {_words(each, options=True)}'.rstrip()}` | {each.about} |" for each in commands]


def _words(command: Command, *, options: bool) -> str:
    """A command's name and the arguments that it takes; with `options` also the options that it must have."""
    shown = [each for each in command.arguments if options or not each.flags[0].startswith("-")]
    return " ".join([command.name, *filter(None, (each.synopsis for each in shown))])


if __name__ == "__main__":
    print(readme_table())
