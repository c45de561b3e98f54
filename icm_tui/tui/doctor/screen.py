"""The screen of what a profile's model can do: asked once it is opened, each finding with its remedy."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Footer

from icm_tui.commands.json import Diagnosis
from icm_tui.tui.children import Failed
from icm_tui.tui.doctor import lines
from icm_tui.tui.text.cells import Line
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView

Ask = Callable[[], Awaitable[Diagnosis | Failed]]


class DoctorScreen(Screen[None]):
    """Shows what `ask` tells of the model of the profile `name`. Leaving ends the asking."""

    DEFAULT_CSS = "DoctorScreen LineList { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings("doctor")
    AUTO_FOCUS = "#findings"

    def __init__(self, name: str, ask: Ask) -> None:
        super().__init__()
        self._profile = name
        self._asks = ask
        self._told: Diagnosis | Failed | None = None
        self._lines: list[Line] = []

    def compose(self) -> ComposeResult:
        """The title and the findings."""
        yield LineView(lambda cells, _: [lines.title(self._profile, self._told, cells)], id="title")
        yield LineList(lambda: len(self._lines), lambda at, _: self._lines[at], id="findings")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Ask at once."""
        self._ask()

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._show(self._told)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it is being asked there is no asking again."""
        return action != "again" or self._told is not None

    def action_again(self) -> None:
        """Ask once more."""
        self._show(None)
        self._ask()

    @work(group="asking", exclusive=True)
    async def _ask(self) -> None:
        self._show(await self._asks())

    def _show(self, told: Diagnosis | Failed | None) -> None:
        before, self._told = self._told, told
        # One column goes to the scrollbar.
        self._lines = lines.doctor_lines(told, max(1, self.size.width - 1))
        rows = self.query_one(LineList)
        if before is not told:
            rows.move_to(0)
            self.refresh_bindings()
        rows.redraw()
        self.query_one("#title", LineView).redraw()
