"""Rows of text in columns, for a terminal."""

from collections.abc import Iterator, Sequence

from icm_tui.text import one_line


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows as lines whose columns stand below one another; cells are cleaned of what could steer a terminal."""
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    for row in shown:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
