"""The terminal UI: screens over run directories. What costs time or money runs in other processes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.screen import Screen

from icm_tui.errors import UserError
from icm_tui.files import read_text
from icm_tui.tui.base_app import BaseApp, OpenForm, OpenFormOf, Opening, OpenRun
from icm_tui.tui.keys.keymap import Keymap, overrides
from icm_tui.tui.widgets.bindings import bindings

if TYPE_CHECKING:
    from textual.binding import BindingType

_LOOK_AT_SIZE = 0.5


class IcmApp(BaseApp):
    """The program on a terminal. After `run()`, `opened` names the runs that were looked at, the last one last."""

    TITLE = "icm-tui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list["BindingType"]] = [
        *bindings("everywhere"),
        Binding("ctrl+c", "quit", show=False, system=True),
        Binding("ctrl+q", "quit", show=False, system=True),
    ]

    def __init__(self, opening: Opening, keymap: Keymap, problems: list[str] | None = None) -> None:
        """`problems` are the sentences that the reading of the keymap gave. Raises UserError if the run that is to
        be opened cannot be read."""
        super().__init__(opening, keymap)
        self.keymap_problems = problems or []
        more = len(self.keymap_problems) - 1
        self._at_start = "".join(self.keymap_problems[:1]) + (f" ({more} more in the help)" if more > 0 else "")
        self.opened: list[Path] = []
        self._runs: WeakSet[Screen[Any]] = WeakSet()
        if "TEXTUAL_THEME" not in os.environ:
            # The terminal's own colours read well on its own background, and cost a third of the bytes.
            self.theme = "ansi-dark"
        self._first = self._first_screen()

    def get_default_screen(self) -> Screen[Any]:
        """The run that the UI was opened with, else the list of runs."""
        return self._first

    def on_mount(self) -> None:
        """Lay a person's own keys over the table's, and say what is wrong with them."""
        self.set_keymap(overrides(self.keymap))
        self.set_interval(_LOOK_AT_SIZE, self._mind_size)
        if self._at_start:
            self.call_after_refresh(self.tell, self._at_start, "warn")

    def _mind_size(self) -> None:
        """Take in the terminal's size if the signal of its change did not bring it: it may come a moment before the
        size can be read, and Textual's timer that passes a size on does not fire if the machine is busy just then."""
        if self.is_headless:
            return
        size = Size(*shutil.get_terminal_size())
        if size != self.size:
            self.post_message(events.Resize(size, size))
        elif size != self.screen.outer_size:
            self.screen.post_message(events.Resize(size, size))

    def on_open_run(self, message: OpenRun) -> None:
        """Show a run, or say why it cannot be read."""
        try:
            self.push_screen(self._screen_of(message.path))
        except UserError as error:
            self.tell(str(error), "warn")

    def on_open_form(self, message: OpenForm) -> None:
        """Show the profile in a file as a form, or say why it cannot be read."""
        profile = message.path
        try:
            text = read_text(profile)
        except UserError as error:
            self.tell(str(error), "warn")
        else:
            self._show_form(text, profile.parent.name if message.frozen else profile.stem, frozen=message.frozen)

    def on_open_form_of(self, message: OpenFormOf) -> None:
        """Show the TOML of a profile as a form."""
        self._show_form(message.text, message.name, frozen=False)

    def _show_form(self, text: str, name: str, *, frozen: bool) -> None:
        from icm_tui.tui.form.draft import Draft
        from icm_tui.tui.form.screen import FormScreen

        try:
            self.push_screen(FormScreen(Draft.from_toml(text, name), frozen=frozen, title=name))
        except UserError as error:
            self.tell(str(error), "warn")

    async def action_back(self) -> None:
        """To the screen below; from the run that the program was opened with, to the list of runs."""
        if len(self.screen_stack) > 1:
            await self._close(self.pop_screen)
        elif self.screen in self._runs:
            from icm_tui.tui.home.screen import RunsScreen

            await self.switch_screen(RunsScreen(self.opening))

    async def action_leave(self) -> None:
        """Leave a run or the list of runs, and with it the program; anything else only closes."""
        program = len(self.screen_stack) == 1 or self.screen in self._runs
        await self._close(self.exit if program else self.pop_screen)

    async def action_quit(self) -> None:
        """Leave the program from wherever one is."""
        await self._close(self.exit)

    async def _close(self, close: Callable[[], object]) -> None:
        """Close something, or let the screen do it that has to ask first."""
        if getattr(self.screen, "asks_before_leaving", False):
            await self.run_action("leave", self.screen)
        else:
            close()

    def action_help(self) -> None:
        """What can be done here, with its keys."""
        from icm_tui.tui.help.screen import HelpScreen
        from icm_tui.tui.palette.screen import scope_of

        self.push_screen(HelpScreen(scope_of(self.screen), self.keymap, self.keymap_problems))

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, or take it back."""
        from icm_tui.tui.terminal import toggle_mouse

        self.tell(toggle_mouse(self))

    def action_commands(self, typed: str = "") -> None:
        """Everything that can be done here, by name; `typed` is typed already."""
        from icm_tui.tui.palette.screen import Palette

        self.push_screen(Palette(self.keymap, typed))

    def _first_screen(self) -> Screen[Any]:
        if self.opening.run is not None:
            return self._screen_of(self.opening.run)
        from icm_tui.tui.home.screen import RunsScreen

        return RunsScreen(self.opening)

    def _screen_of(self, path: Path) -> Screen[Any]:
        from icm_tui.tui.run.screen import RunScreen

        screen = RunScreen(path, self.opening)
        self._runs.add(screen)
        if path in self.opened:
            self.opened.remove(path)
        self.opened.append(path)
        return screen
