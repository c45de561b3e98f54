"""A list of any length drawn line by line: its rows stay where they are, and only what is on the screen is made."""

from collections.abc import Callable

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from icm_tui.tui.text.cells import Line
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.drawing import strip


class _OfRow(Message):
    """Something about row `index` of a list."""

    def __init__(self, line_list: "LineList", index: int) -> None:
        super().__init__()
        self.line_list = line_list
        self.index = index

    @property
    def control(self) -> "LineList":
        """The list whose row it is."""
        return self.line_list


class LineList(ScrollView, can_focus=True):
    """Shows `count()` rows, row `index` being `make(index, width)`, with a cursor on one of them.

    `redraw` looks at the rows again and draws those that changed. While `following`, the cursor stays on the last row.
    Each key and each pasted text is first offered to `takes`, at once: Textual's bindings follow a few messages later,
    when the next key of a burst may have been looked at.
    """

    DEFAULT_CSS = """
    LineList {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-color: ansi_bright_black;
        scrollbar-color-hover: ansi_bright_black;
        scrollbar-color-active: ansi_bright_black;
        scrollbar-background: ansi_default;
        scrollbar-background-hover: ansi_default;
        scrollbar-background-active: ansi_default;
    }
    """
    BINDINGS = bindings("moving")

    class Chosen(_OfRow):
        """A row was clicked twice."""

    class Moved(_OfRow):
        """The cursor is on another row."""

    def __init__(
        self,
        count: Callable[[], int],
        make: Callable[[int, int], Line],
        *,
        id: str | None = None,  # noqa: A002
        following: bool = False,
        takes: Callable[[events.Key | events.Paste], bool] = lambda event: False,
    ) -> None:
        super().__init__(id=id)
        self._count = count
        self._make = make
        self._cursor = 0
        self._drawn: dict[int, tuple[Line, bool]] = {}
        self._takes = takes
        self.following = following

    @property
    def cursor(self) -> int:
        """The index of the row under the cursor; 0 if there is none."""
        return self._cursor

    @property
    def columns(self) -> int:
        """How many cells a row has, beside the scrollbar."""
        return self.scrollable_content_region.width

    def redraw(self) -> None:
        """Look at the rows again and draw those that changed."""
        if not self.is_mounted or not self.size.height:
            return
        count = self._count()
        if count != self.virtual_size.height:
            # Without the parent's watcher the whole widget would be laid out again for every new row.
            self.virtual_size = Size(self.size.width, count)
        if self.following:
            self._cursor = max(0, count - 1)
            self._show_cursor()
        elif self._cursor >= count:
            self._move(count - 1)
        top = self.scroll_offset.y
        for y in range(self.size.height):
            if self._drawn.get(y) != self._row(top + y, count):
                self.refresh(Region(0, y, self.size.width, 1))

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into sight."""
        self._move(index)

    def on_resize(self) -> None:
        """Rows are made for a width."""
        self.virtual_size = Size(self.size.width, self._count())
        self._show_cursor()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The row at line `y` of the widget."""
        drawn = self._row(self.scroll_offset.y + y, self._count())
        self._drawn[y] = drawn
        line, under_cursor = drawn
        return strip(line, self.columns, cursor=under_cursor)

    def on_key(self, event: events.Key) -> None:
        """Keys are taken in the order in which they came."""
        if self._takes(event):
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text is taken as keys are."""
        if self._takes(event):
            event.stop()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        index = self.scroll_offset.y + event.y
        if index < self._count():
            self._move(index)
            if event.chain == 2:
                self.post_message(self.Chosen(self, index))

    def on_focus(self) -> None:
        """The cursor is drawn where the keys go."""
        self.redraw()

    def on_blur(self) -> None:
        """The cursor is drawn where the keys go."""
        self.redraw()

    def action_down(self) -> None:
        """A row down."""
        self._move(self._cursor + 1)

    def action_up(self) -> None:
        """A row up."""
        self._move(self._cursor - 1)

    def action_first(self) -> None:
        """To the first row."""
        self._move(0)

    def action_last(self) -> None:
        """To the last row."""
        self._move(self._count() - 1)

    def action_page_down(self) -> None:
        """A page down."""
        self._move(self._cursor + max(1, self.size.height - 1))

    def action_page_up(self) -> None:
        """A page up."""
        self._move(self._cursor - max(1, self.size.height - 1))

    def _row(self, index: int, count: int) -> tuple[Line, bool]:
        if index >= count:
            return (), False
        return self._make(index, self.columns), index == self._cursor and self.has_focus

    def _move(self, index: int) -> None:
        index = max(0, min(index, self._count() - 1))
        if index == self._cursor:
            return
        before, self._cursor = self._cursor, index
        if not self._show_cursor():
            for row in (before, index):
                y = row - self.scroll_offset.y
                if 0 <= y < self.size.height:
                    self.refresh(Region(0, y, self.size.width, 1))
        self.post_message(self.Moved(self, index))

    def _show_cursor(self) -> bool:
        """Scroll so far that the cursor is in sight; whether that was needed."""
        top, height = self.scroll_offset.y, self.size.height
        if height and self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif height and self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, immediate=True)
        else:
            return False
        return True
