"""The line a filter is typed in."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static


class FilterLine(Horizontal):
    """A slash and what is typed behind it; Input's messages tell of it."""

    DEFAULT_CSS = """
    FilterLine { height: 1; }
    FilterLine Static { width: 3; }
    FilterLine Input { width: 1fr; border: none; padding: 0; height: 1; }
    """

    def __init__(self, typed: str) -> None:
        super().__init__()
        self._typed = typed

    def compose(self) -> ComposeResult:
        """The slash and the input."""
        yield Static(" / ", markup=False)
        # A cursor that blinks would send bytes all the time.
        field = Input(self._typed, placeholder="text, label=A, flips>2, p<.6, group=12, pinned", select_on_focus=False)
        field.cursor_blink = False
        yield field

    def on_mount(self) -> None:
        """The keys go to the input."""
        self.query_one(Input).focus()
