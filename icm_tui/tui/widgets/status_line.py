"""The line above the footer that says what came of the last key."""

from icm_tui.tui.cells import Line, Style, line, span
from icm_tui.tui.widgets.line_view import LineView


class StatusLine(LineView):
    """Shows one sentence until the next one."""

    def __init__(self) -> None:
        super().__init__(self._told, id="status")
        self._text = ""
        self._look: Style = "plain"

    def say(self, text: str, look: Style = "plain") -> None:
        """Show a sentence in place of the one before; an empty one takes it away."""
        self._text, self._look = text, look
        self.redraw()

    def _told(self, width: int, height: int) -> list[Line]:
        return [line(span(f" {self._text}", self._look))] if self._text else []
