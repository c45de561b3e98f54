"""The parts of a form drawn as lines: the list of fields, and the one line in which any of them is typed."""

from collections.abc import Callable

from textual import events
from textual.message import Message
from textual.widgets import Input

from icm_tui.tui.cells import Line
from icm_tui.tui.form.fields import Section
from icm_tui.tui.form.rows import ROWS
from icm_tui.tui.form.values import cleaned
from icm_tui.tui.widgets.line_list import LineList

TakesKey = Callable[[events.Key], bool]
"""Takes a key or leaves it. Over a slow line keys come several at a time, and which widget one is for must be known
before the next is looked at: Textual's bindings and focus follow a few messages later."""


class FieldList(LineList):
    """The rows of the form, `make(index, width)` each; the cursor rests on fields alone, not on the titles between."""

    class Turned(Message):
        """Of the field under the cursor the next choice (`step` 1) or the one before it (-1) is wanted."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, make: Callable[[int, int], Line], takes_key: TakesKey, *, id: str) -> None:  # noqa: A002
        super().__init__(lambda: len(ROWS), make, id=id)
        self._takes_key = takes_key

    def on_key(self, event: events.Key) -> None:
        """A key may be for the line that is typed in."""
        if self._takes_key(event):
            event.stop()

    def on_mount(self) -> None:
        """The first row is a title."""
        self.move_to(0)

    def on_click(self, event: events.Click) -> None:
        """A click on a title moves to the field below it."""
        self.move_to(self.cursor)

    def move_to(self, index: int) -> None:
        """Put the cursor on a field; from a title, on the one below it."""
        super().move_to(_field_at(index, 1))
        if self.cursor == 1:
            self.scroll_to(y=0, animate=False, immediate=True)

    def action_down(self) -> None:
        """A field down."""
        self.move_to(_field_at(self.cursor + 1, 1))

    def action_up(self) -> None:
        """A field up."""
        self.move_to(_field_at(self.cursor - 1, -1))

    def action_first(self) -> None:
        """To the first field, and its title into sight."""
        self.move_to(0)

    def action_page_down(self) -> None:
        """A page down."""
        self.move_to(self.cursor + max(1, self.size.height - 1))

    def action_page_up(self) -> None:
        """A page up."""
        self.move_to(_field_at(self.cursor - max(1, self.size.height - 1), -1))

    def action_left(self) -> None:
        """The choice before."""
        self.post_message(self.Turned(-1))

    def action_right(self) -> None:
        """The next choice."""
        self.post_message(self.Turned(1))


class FieldInput(Input):
    """The line in which a value is typed, laid over the place where the value stands. Enter takes it, Esc drops it."""

    DEFAULT_CSS = """
    FieldInput, FieldInput:focus {
        layer: typing; position: absolute; height: 1; border: none; padding: 0;
        background: $background; background-tint: $background 0%; text-style: underline;
    }
    """

    def __init__(self, takes_key: TakesKey) -> None:
        super().__init__(select_on_focus=False)
        self._takes_key = takes_key
        self.cursor_blink = False

    def on_key(self, event: events.Key) -> None:
        """Enter and Esc end the typing, and with it what the next key means."""
        if self._takes_key(event):
            event.stop()
            event.prevent_default()

    def validate_value(self, value: str) -> str:
        """What is typed or pasted is drawn as it stands there, so nothing may come in that steers the terminal."""
        return cleaned(value)


def _field_at(index: int, step: int) -> int:
    """The row of a field at `index`, or the next one in the direction of `step`; the first one from above the list."""
    index = max(0, min(index, len(ROWS) - 1))
    while isinstance(ROWS[index], Section):
        index = 1 if index == 0 else index + step
    return index
