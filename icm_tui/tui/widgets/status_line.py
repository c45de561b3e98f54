"""The line above the footer that says what came of the last key."""

import time
from collections.abc import Callable

from icm_tui.tui.text.cells import ELLIPSIS, Line, Span, Style, joined, line, span, width, wrap
from icm_tui.tui.widgets.line_view import LineView

_TOLD_SECONDS = 8.0


class StatusLine(LineView):
    """Shows what there is to say until the next time: one line, or as many as it takes, up to half the screen."""

    def __init__(self) -> None:
        super().__init__(self._told, id="status")
        self._text = ""
        self._look: Style = "plain"

    def say(self, text: str, look: Style = "plain") -> None:
        """Show a sentence in place of the one before; an empty one takes it away."""
        self._text, self._look = text, look
        self.redraw()

    def redraw(self) -> None:
        """Be as high as what there is to say, and draw what changed of it."""
        if self.is_mounted and self.size.width:
            self.styles.height = max(1, len(self._told(self.size.width, self.size.height)))
        super().redraw()

    def _told(self, cells: int, height: int) -> list[Line]:
        return self._in_full([line(span(self._text, self._look))] if self._text else [], cells)

    def _in_full(self, parts: list[Line], cells: int) -> list[Line]:
        """The parts in one line if there is room for them, else one below the other, each with all its words."""
        whole = (Span(" "), *joined(parts)) if parts else ()
        if width(whole) <= cells:
            return [whole] if whole else []
        lines = [piece for part in parts for piece in _wrapped(part, max(2, cells - 2))]
        most = max(1, self.screen.size.height // 2)
        return lines if len(lines) <= most else [*lines[: most - 1], line(span(f" {ELLIPSIS}", "dim"))]


class Situation(StatusLine):
    """Shows the parts that `make` returns, in full if `in_full` says so, else what fits into a line; for a few
    seconds what came of the last key instead."""

    def __init__(self, make: Callable[[], list[Line]], in_full: Callable[[], bool]) -> None:
        super().__init__()
        self._make_parts = make
        self._is_in_full = in_full
        self._until = 0.0

    def say(self, text: str, look: Style = "plain") -> None:
        """Show a sentence for a few seconds."""
        self._until = time.monotonic() + _TOLD_SECONDS
        super().say(text, look)

    def _told(self, cells: int, height: int) -> list[Line]:
        if time.monotonic() < self._until:
            return super()._told(cells, height)
        parts = self._make_parts()
        return self._in_full(parts, cells) if self._is_in_full() else [(Span(" "), *joined(parts))]


def _wrapped(part: Line, cells: int) -> list[Line]:
    """A part of one style, or whose first one will do for all."""
    text = "".join(piece.text for piece in part)
    return [line(span(f" {piece}", part[0].style)) for piece in wrap(text, cells)]
