"""What an app draws under test, as text, and waiting for it."""

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot
from textual.widget import Widget

LOOKS = 4000


def text(pilot: Pilot[Any]) -> str:
    """All that is drawn, a line a row."""
    rows = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in row).rstrip() for row in rows)


def lines(widget: Widget) -> list[str]:
    """What one widget that draws lines shows."""
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


async def until(pilot: Pilot[Any], holds: Callable[[], object], looks: int = LOOKS) -> None:
    """Let the app go on until `holds` is true, 10 ms or more from look to look. Raises AssertionError, with what is
    drawn, after the last."""
    for _ in range(looks):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"it never came to be:\n{text(pilot)}")
