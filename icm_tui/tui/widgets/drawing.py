"""Lines turned into what Textual draws. Nothing here looks at the text: spans were cleaned when they were made."""

from rich.segment import Segment
from textual.strip import Strip

from icm_tui.tui.text.cells import Line, fit
from icm_tui.tui.text.theme import STYLES


def strip(line: Line, cells: int, *, cursor: bool = False) -> Strip:
    """A line exactly `cells` wide as a strip; under the cursor it has that one style."""
    segments = [Segment(text, STYLES["cursor" if cursor else style]) for text, style in fit(line, cells)]
    return Strip(segments, cells)
