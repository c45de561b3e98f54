"""The command line: parse, call the command's handler, turn its errors into a sentence and an exit status.

The commands are those of `commands.table`. A handler's module is imported only once its command was chosen, so that
`--help` and the small commands start at once.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, cast

from icm_tui.commands.table import COMMANDS, SCREENS, Command, overview
from icm_tui.errors import INTERRUPTED, STOPPED_SHORT, UserError

Handler = Callable[[argparse.Namespace], int]

ABOUT = """\
Label a dataset without supervision, by Internal Coherence Maximization.

A model is shown labelled examples and asked which label comes next; the labels
are annealed until each follows from the others. Gold labels, if there are any,
are used to measure and for nothing else."""

BELOW = """\
PROFILE is a profile's name or a path to a TOML file. RUN is a directory or the
start of a run's name.

examples
  icm-tui run demo
  icm-tui run demo --set search.method=paper --set run.seed=7
  icm-tui runs
  icm-tui export demo --format csv -o labels.csv

`icm-tui COMMAND --help` says more about one command."""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Wraps a paragraph of one line, and leaves text that has lines of its own as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


class _Parser(argparse.ArgumentParser):
    """An argument parser with the commands below it. It raises UserError instead of printing an error and exiting.

    `lists` is False if the help names the commands in its own words.
    """

    def __init__(self, lists: bool = True, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Help, **kwargs)
        self.commands: dict[str, _Parser] = {}
        self._lists = lists
        self._children: argparse._SubParsersAction[_Parser] | None = None

    def add(self, name: str, command: Command) -> "_Parser":
        """Adds `command` by the last word of its name, and returns its parser."""
        if self._children is None:
            shown: dict[str, Any] = {"title": "commands"} if self._lists else {"help": argparse.SUPPRESS}
            self._children = self.add_subparsers(prog=self.prog, metavar="[COMMAND]", **shown)
        examples = "\n  icm-tui ".join(["examples", *command.examples]) if command.examples else None
        child = self._children.add_parser(name, help=command.about, description=command.about, epilog=examples)
        child.set_defaults(handler=command.handler, **dict(command.defaults))
        for argument in command.arguments:
            child.add_argument(*argument.flags, **argument.options)
        if command.exclusive:
            group = child.add_mutually_exclusive_group()
            for argument in command.exclusive:
                group.add_argument(*argument.flags, **argument.options)
        self.commands[name] = child
        return child

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message}. See `{self.prog} --help`.")


def _build_parser(first: str | None = None) -> _Parser:
    """The parser with the command called `first` and those below it, since building all of them takes a while; without
    `first` with every command."""
    usage = "icm-tui [-h] [--version] COMMAND ..."
    top = _Parser(prog="icm-tui", usage=usage, description=ABOUT, epilog=f"{overview()}\n\n{BELOW}", lists=False)
    top.add_argument("--version", action="store_true", help="print the version")
    for command in COMMANDS:
        *above, name = command.name.split()
        if first is not None and (above or [name])[0] != first:
            continue
        parser = top
        for word in above:
            parser = parser.commands[word]
        parser.add(name, command)
    return top


def _nearest(word: str, known: Sequence[str]) -> str:
    import difflib  # only a mistake pays for it

    near = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def _chosen_parser(parser: _Parser, words: Sequence[str]) -> _Parser:
    """The parser of the command that `words` begin with; UserError with the nearest if there is no such command."""
    known = [command.name for command in COMMANDS if " " not in command.name]
    for word in words:
        if word.startswith("-"):
            continue  # a parser that has commands has no option with a value
        if not known:
            break
        if word not in known:
            near = _nearest(word, [name for name in known if not name.startswith("_")])
            raise UserError(f"`{parser.prog}` has no command `{word}`.{near} See `{parser.prog} --help`.")
        parser = parser.commands[word]
        known = list(parser.commands)
    return parser


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    words, flags = list(argv), []
    if words[:2] == ["profiles", "import"] and "--" in words:
        cut = words.index("--")
        words, flags = words[:cut], words[cut + 1 :]  # another program's command line, not ours to read
    top = _build_parser(next((word for word in words if not word.startswith("-")), ""))
    chosen = _chosen_parser(top, words)
    args, unknown = top.parse_known_args(words)
    if unknown:
        options = re.findall(r"--[a-z-]+", chosen.format_usage())
        near = _nearest(unknown[0].split("=")[0], options)
        raise UserError(f"`{chosen.prog}` does not take `{unknown[0]}`.{near} See `{chosen.prog} --help`.")
    args.flags = flags
    return args


def _dispatch(argv: Sequence[str]) -> int:
    args = argparse.Namespace(version=False, handler=SCREENS.handler) if not argv else _parse(argv)
    if args.version:
        from importlib.metadata import version  # slow to import, seldom wanted

        print(f"icm-tui {version('icm-tui')}")
        return 0
    if "handler" not in args:
        raise UserError("icm-tui needs a command, such as `icm-tui run demo`. See `icm-tui --help`.")
    module, function = args.handler.split(":")
    handler = cast(Handler, getattr(importlib.import_module(f"icm_tui.commands.{module}"), function))
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
