"""The line above the footer that says what came of the last key."""

import time
from collections.abc import Callable

from icm_tui.tui.cells import Line, Style, line, span
from icm_tui.tui.widgets.line_view import LineView

_TOLD_SECONDS = 8.0


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


class Situation(StatusLine):
    """Shows what `make` returns; for a few seconds what came of the last key instead."""

    def __init__(self, make: Callable[[], Line]) -> None:
        super().__init__()
        self._make_line = make
        self._until = 0.0

    def say(self, text: str, look: Style = "plain") -> None:
        """Show a sentence for a few seconds."""
        self._until = time.monotonic() + _TOLD_SECONDS
        super().say(text, look)

    def _told(self, width: int, height: int) -> list[Line]:
        if time.monotonic() < self._until:
            return super()._told(width, height)
        return [self._make_line()]
