"""The list of a form's fields, drawn as lines."""

from collections.abc import Callable

from textual import events

from icm_tui.tui.form.rows import ROWS
from icm_tui.tui.form.values import Section
from icm_tui.tui.text.cells import Line
from icm_tui.tui.widgets.line_list import LineList


class FieldList(LineList):
    """The rows of the form, `make(index, width)` each; the cursor rests on fields alone, not on the titles between.

    `turn` goes to the next choice of the field under the cursor (1) or to
    the one before it (-1). While `typing`, the row under the cursor shows a cursor of its own.
    """

    def __init__(
        self,
        make: Callable[[int, int], Line],
        takes: Callable[[events.Key | events.Paste], bool],
        turn: Callable[[int], None],
        *,
        id: str,  # noqa: A002
    ) -> None:
        super().__init__(lambda: len(ROWS), make, id=id, takes=takes)
        self._turn = turn
        self.typing = False

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
        self._turn(-1)

    def action_right(self) -> None:
        """The next choice."""
        self._turn(1)

    def _row(self, index: int, count: int) -> tuple[Line, bool]:
        row, under_cursor = super()._row(index, count)
        return row, under_cursor and not self.typing


def _field_at(index: int, step: int) -> int:
    """The row of a field at `index`, or the next one in the direction of `step`; the first one from above the list."""
    index = max(0, min(index, len(ROWS) - 1))
    while isinstance(ROWS[index], Section):
        index = 1 if index == 0 else index + step
    return index
