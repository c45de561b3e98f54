"""`icm-tui cache`: show and clear the answers kept across runs."""

import argparse
import sys
import time
from pathlib import Path

from icm_tui.commands.console import agree, columns, print_json
from icm_tui.models.server.cache import Source, answers_path, survey
from icm_tui.models.server.cache import clear as clear_answers
from icm_tui.text import disk_size, one_line


def show(args: argparse.Namespace) -> int:
    """Prints where the cache is, its size on disk, and how many answers of which models it has."""
    found = survey(answers_path())
    if args.json:
        print_json(found)
        return 0
    print(f"{one_line(found.path)}  {disk_size(found.bytes)}")
    if found.trouble is not None:
        print(one_line(found.trouble), file=sys.stderr)
    elif not found.answers:
        print("It has no answers.")
    else:
        print(f"{_answers(found.answers)}, from {_day(found.oldest)} to {_day(found.newest)}")
        print()
        print("\n".join(columns([("ANSWERS", "MODEL", "PROVIDER", "SERVER"), *map(_row, found.sources)])))
    return 0


def clear(args: argparse.Namespace) -> int:
    """Removes the answers after asking; off a terminal only with `--yes`."""
    found = survey(answers_path())
    if not found.bytes:
        print("There is no answer cache to clear.", file=sys.stderr)
        return 0
    if not args.yes:
        what = _answers(found.answers) if found.trouble is None else "a file that cannot be read"
        agree(
            f"Clear the answer cache: {what}, {disk_size(found.bytes)}? Future runs will pay for these answers again.",
            refused="Nothing was removed.",
            unasked="There is no terminal to ask on; to clear the answer cache all the same, give --yes.",
        )
    cleared = clear_answers(Path(found.path))
    if cleared.aside is not None:
        done = (
            f"The answer cache could not be read. It was renamed to {one_line(cleared.aside)}; delete it if you like."
        )
    else:
        done = f"{_answers(cleared.answers)} removed, {disk_size(cleared.bytes)} freed."
    print(done, file=sys.stderr)
    return 0


def _row(source: Source) -> list[str]:
    return [str(source.answers), source.model, source.provider or "-", source.server]


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"


def _day(at: float | None) -> str:
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
