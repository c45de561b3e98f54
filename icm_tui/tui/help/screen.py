"""The help over a screen."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from icm_tui import files
from icm_tui.tui.help.lines import help_lines
from icm_tui.tui.keys.actions import ACTIONS, Scope
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.keys.names import shown
from icm_tui.tui.text.cells import Line, line, rule, span
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from textual.binding import BindingType


class HelpScreen(ModalScreen[None]):
    """What can be done on the screen below, which is of `scope`; `problems` are what `load_keymap` found."""

    DEFAULT_CSS = """
    HelpScreen { background: $background; }
    HelpScreen #help { height: 1fr; }
    """
    BINDINGS: ClassVar[list["BindingType"]] = [
        Binding("escape,ctrl+c", "leave", show=False),
        *bindings("moving"),
        *bindings("everywhere"),
    ]

    def __init__(self, scope: Scope | None, keymap: Keymap, problems: list[str]) -> None:
        super().__init__()
        self._scope: Scope | None = scope
        self._keymap = keymap
        self._problems = problems
        self._top = 0

    def compose(self) -> ComposeResult:
        """The text, and a line that says how to go on."""
        yield LineView(self._page, id="help")
        yield LineView(self._foot, id="foot")

    def action_leave(self) -> None:
        """Back to the screen below."""
        self.dismiss()

    def action_help(self) -> None:
        """The key that opened the help closes it."""
        self.dismiss()

    async def action_mouse(self) -> None:
        """As everywhere: the app's bindings do not reach over a modal screen."""
        await self.app.run_action("mouse", self.app)

    def action_down(self) -> None:
        """A line down."""
        self._show(self._top + 1)

    def action_up(self) -> None:
        """A line up."""
        self._show(self._top - 1)

    def action_first(self) -> None:
        """To the start."""
        self._show(0)

    def action_last(self) -> None:
        """To the end."""
        self._show(len(self._lines()))

    def action_page_down(self) -> None:
        """A page down."""
        self._show(self._top + self._height() - 1)

    def action_page_up(self) -> None:
        """A page up."""
        self._show(self._top - self._height() + 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three lines down, as a wheel does."""
        event.stop()
        self._show(self._top + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three lines up."""
        event.stop()
        self._show(self._top - 3)

    def _show(self, top: int) -> None:
        self._top = max(0, min(top, len(self._lines()) - self._height()))
        for view in self.query(LineView):
            view.redraw()

    def _height(self) -> int:
        return max(1, self.size.height - 1)

    def _lines(self) -> list[Line]:
        return help_lines(self._scope, self._keymap, self._problems, str(files.keymap_path()), self.size.width)

    def _page(self, width: int, height: int) -> list[Line]:
        lines = self._lines()
        self._top = max(0, min(self._top, len(lines) - height))
        return lines[self._top : self._top + height]

    def _foot(self, width: int, height: int) -> list[Line]:
        keys = {action.id: " ".join(map(shown, self._keymap.of(action)[:1])) for action in ACTIONS}
        more = len(self._lines()) - self._top - self._height()
        going = f"{keys['moving.down']} {keys['moving.up']} {keys['moving.page-down']} · {more} more lines below"
        at_end = going if more > 0 else "the end"
        return [rule(line(span(f"{keys['everywhere.leave']} or esc back", "accent")), line(at_end), width)]
