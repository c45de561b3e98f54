"""What every command prints and asks: rows in columns, how a run is named, and a yes or no from a person."""

import shlex
import sys
from collections.abc import Iterator, Sequence

from icm_tui.files import runs_dir
from icm_tui.run_dir.layout import RunDir
from icm_tui.text import one_line


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows as lines of aligned columns. Cells are cleaned of whatever could steer a terminal."""
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    for row in shown:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def to_type(run: RunDir) -> str:
    """What to type for RUN: its name if it lies among the other runs, else its path, quoted for a shell."""
    among_others = run.path.parent.resolve() == runs_dir().resolve()
    return shlex.quote(one_line(run.name if among_others else str(run.path)))


def can_ask() -> bool:
    """Whether a person is there to answer: both the question and the answer need a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask a question on the terminal; anything but y or yes is no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
