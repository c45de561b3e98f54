"""`icm-tui cache`: the answers kept across runs, and their end."""

import argparse
import sys
import time
from pathlib import Path

import msgspec

from icm_tui.commands.console import can_ask, columns, confirm
from icm_tui.errors import UserError
from icm_tui.models.server.cache import Source, Survey, answers_path, survey
from icm_tui.models.server.cache import clear as clear_answers
from icm_tui.text import disk_size, one_line


def show(args: argparse.Namespace) -> int:
    """Prints where the cache is, what it takes, and how many answers of which models it holds."""
    found = survey(answers_path())
    if args.json:
        print(msgspec.json.encode(found).decode())
        return 0
    print(f"{one_line(found.path)}  {disk_size(found.bytes)}")
    if found.trouble is not None:
        print(one_line(found.trouble), file=sys.stderr)
    elif not found.answers:
        print("It holds no answers.")
    else:
        print(f"{_answers(found.answers)}, from {_day(found.oldest)} to {_day(found.newest)}")
        print()
        for line in columns([("ANSWERS", "MODEL", "PROVIDER", "SERVER"), *map(_row, found.sources)]):
            print(line)
    return 0


def clear(args: argparse.Namespace) -> int:
    """Removes the answers after asking; off a terminal only with `--yes`."""
    found = survey(answers_path())
    if not found.bytes:
        print("There is no answer cache to clear.", file=sys.stderr)
        return 0
    if not args.yes:
        _confirm(found)
    cleared = clear_answers(Path(found.path))
    if cleared.aside is not None:
        said = (
            f"The answer cache could not be read and is put aside as {one_line(cleared.aside)}; delete it as you like."
        )
    else:
        said = f"{_answers(cleared.answers)} removed, {disk_size(cleared.bytes)} freed."
    print(said, file=sys.stderr)
    return 0


def _confirm(found: Survey) -> None:
    what = _answers(found.answers) if found.trouble is None else "a file that cannot be read"
    if not can_ask():
        raise UserError("There is no terminal to ask on; to clear the answer cache all the same, give --yes.")
    size = disk_size(found.bytes)
    if not confirm(f"Clear the answer cache: {what}, {size}? Future runs will pay for these answers again."):
        raise UserError("Nothing was removed.")


def _row(source: Source) -> list[str]:
    return [str(source.answers), source.model, source.provider or "-", source.server]


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"


def _day(at: float | None) -> str:
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
