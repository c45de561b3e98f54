"""Lines turned into what Textual draws. Nothing here looks at the text: spans were cleaned when they were made."""

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip

from icm_tui.tui.cells import Line, fit
from icm_tui.tui.theme import STYLES


def strip(line: Line, cells: int, *, cursor: bool = False) -> Strip:
    """A line exactly `cells` wide as a strip; under the cursor it has that one style."""
    segments = [Segment(text, STYLES["cursor" if cursor else style]) for text, style in fit(line, cells)]
    return Strip(segments, cells)


def content(lines: Line | list[Line]) -> Content:
    """Lines as a widget's content; no text in it is read as markup."""
    if isinstance(lines, tuple):
        lines = [lines]
    parts = [Content.assemble(*((text, _content_style(style)) for text, style in line)) for line in lines]
    return Content("\n").join(parts)


def _content_style(style: str) -> str:
    return {
        "plain": "",
        "dim": "ansi_bright_black",
        "bold": "bold",
        "accent": "ansi_cyan",
        "second": "ansi_yellow",
        "warn": "bold ansi_red",
        "title": "bold ansi_cyan",
        "cursor": "reverse",
        "found": "underline",
    }[style]
