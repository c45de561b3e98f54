"""Lines turned into what Textual draws. Nothing here looks at the text: spans were cleaned when they were made."""

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from icm_tui.tui.text.cells import Line, Style, fit


def strip(line: Line, cells: int, *, cursor: bool = False) -> Strip:
    """A line exactly `cells` wide as a strip; under the cursor it has that one style."""
    segments = [Segment(text, STYLES["cursor" if cursor else style]) for text, style in fit(line, cells)]
    return Strip(segments, cells)


STYLES: dict[Style, RichStyle] = {
    "plain": RichStyle(),
    "dim": RichStyle(color="bright_black"),
    "bold": RichStyle(bold=True),
    "accent": RichStyle(color="cyan"),
    "second": RichStyle(color="yellow"),
    "warn": RichStyle(color="red", bold=True),
    "title": RichStyle(color="cyan", bold=True),
    "cursor": RichStyle(reverse=True),
    "found": RichStyle(underline=True),
}
