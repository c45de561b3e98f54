"""What every command prints and asks: tables, JSON, how a run is named, and a yes or no from a person."""

import shlex
import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from unicodedata import combining, east_asian_width

import msgspec

from icm_tui.errors import UserError
from icm_tui.files import runs_dir
from icm_tui.run_dir.layout import RunDir
from icm_tui.text import one_line

# If there is no terminal, such as in a file, lines may be long.
_NO_TERMINAL = (120, 24)


def print_json(shape: msgspec.Struct | Sequence[msgspec.Struct]) -> None:
    """Print a shape of `commands.json`, or a struct that another room prints as it is, as one line of JSON;
    several as a list."""
    print(msgspec.json.encode(shape).decode())


def columns(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> list[str]:
    """The rows as lines of aligned columns, two spaces apart. Cells are cleaned of whatever could steer a terminal.

    With `numbers` all columns but the first and the last are aligned to the right.
    """
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(width_of, cells)) for cells in zip(*shown, strict=True)]
    lines = []
    for row in shown:
        padding = [" " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True)]
        last = len(row) - 1
        cells = [
            blank + cell if numbers and 0 < place < last else cell + blank
            for place, (cell, blank) in enumerate(zip(row, padding, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def width_of(text: str) -> int:
    """Terminal cells that `text` takes: two for a wide character, none for a combining one."""
    return sum(0 if combining(each) else 1 + (east_asian_width(each) in "WF") for each in text)


def clipped(line: str) -> str:
    """A line cut to the width of the terminal, its last cell an ellipsis if something was cut off."""
    room = terminal_width()
    if width_of(line) <= room:
        return line
    while width_of(line) >= room:
        line = line[:-1]
    return f"{line}…"


def terminal_width() -> int:
    """The terminal's width in cells, or a wide one's if output goes elsewhere."""
    return get_terminal_size(_NO_TERMINAL).columns


def count(number: int | None) -> str:
    """A whole number; - if it is not known."""
    return "-" if number is None else str(number)


def share(value: float | None) -> str:
    """A share or a correlation to three places; - if there is none."""
    return "-" if value is None else f"{value:.3f}"


def to_type(run: RunDir) -> str:
    """What to type for RUN: its name if it lies among the other runs, else its path, quoted for a shell."""
    among_others = run.path.parent.resolve() == runs_dir().resolve()
    return shlex.quote(one_line(run.name if among_others else str(run.path)))


def agree(question: str, *, refused: str, unasked: str) -> None:
    """Ask a person on the terminal; anything but y or yes is no.

    Raises UserError with the message `refused` after a no, and `unasked` if there is no terminal to ask on: both the
    question and the answer need one.
    """
    if not can_ask():
        raise UserError(unasked)
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UserError(refused)


def agree_to_cost(what: str, calls: int, cost: float | None, budget: float | None, *, refused: str) -> None:
    """Ask once before money is spent: `what` names who makes the `calls`, `cost` is in USD, None if it is not known.

    Without a terminal a `budget` (USD) takes the place of an answer. Raises UserError otherwise, as `agree` does.
    """
    if budget is not None and not can_ask():
        return
    so_many = f"about {calls} calls at {'an unknown cost' if cost is None else f'about ${cost:.2f}'}"
    agree(
        f"{what} will make {so_many}. Go on?",
        refused=refused,
        unasked=f"{what} would make {so_many}, and there is no terminal to ask on. Set run.budget_usd, or give --yes.",
    )


def can_ask() -> bool:
    """Whether a person can be asked: both stdin and stderr are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
