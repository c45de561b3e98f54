"""A widget of a few lines drawn by hand: only the lines that changed are drawn again."""

from collections.abc import Callable

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from icm_tui.tui.text.cells import Line
from icm_tui.tui.widgets.drawing import strip


class LineView(Widget):
    """Shows the lines that `make(width, height)` returns; `redraw` makes them again and draws those that differ."""

    DEFAULT_CSS = "LineView { height: 1; }"

    def __init__(self, make: Callable[[int, int], list[Line]], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._make = make
        self._lines: list[Line] = []

    def redraw(self) -> None:
        """Make the lines again; a line that came out as before costs nothing."""
        if not self.is_mounted or not self.size.width:
            return
        lines = self._make(self.size.width, self.size.height)
        for y in range(max(len(lines), len(self._lines))):
            before = self._lines[y] if y < len(self._lines) else None
            after = lines[y] if y < len(lines) else None
            if before != after:
                self.refresh(Region(0, y, self.size.width, 1))
        self._lines = lines

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._lines = self._make(self.size.width, self.size.height)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line as it was made."""
        return strip(self._lines[y] if y < len(self._lines) else (), self.size.width)
