"""What every screen may know of the app: how the program was opened, the keys, notices, and messages to open a screen.

Only the app imports screens. A screen that wants another one opened posts a message to the app.
"""

from pathlib import Path

import msgspec
from textual.app import App
from textual.binding import Binding
from textual.css.query import NoMatches
from textual.message import Message

from icm_tui.tui.keys.actions import BY_ID
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.keys.names import shown
from icm_tui.tui.text.cells import Style, span
from icm_tui.tui.widgets.status_line import StatusLine


class Opening(msgspec.Struct, frozen=True):
    """What the program opens with: a run's directory, or else the list of runs.

    `read_only` sends no command and starts nothing. `slow_line` draws half as often, for a terminal at the end of a
    slow connection.
    """

    run: Path | None = None
    read_only: bool = False
    slow_line: bool = False


class OpenRun(Message):
    """Show the run in directory `path` over the present screen."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


class OpenForm(Message):
    """Show the profile in file `path` as a form; only a copy of a `frozen` one, a run's own, can be changed."""

    def __init__(self, path: Path, *, frozen: bool = False) -> None:
        super().__init__()
        self.path = path
        self.frozen = frozen


class OpenFormOf(Message):
    """Show the TOML of a profile that has no file yet as a form named `name`."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self.text = text
        self.name = name


class BaseApp(App[None]):
    """The app as its screens see it."""

    def __init__(self, opening: Opening, keymap: Keymap) -> None:
        super().__init__()
        self.opening = opening
        self.keymap = keymap

    def tell(self, text: str, look: Style = "plain") -> None:
        """Show a notice in the screen's status line, or over the screen for a while if it has none."""
        try:
            self.screen.query_one(StatusLine).say(text, look)
        except NoMatches:
            self.notify(span(text).text, markup=False)

    def key(self, action: str) -> str:
        """The first key of an action as a person reads it, or what to type after `:` if it has none."""
        keys = self.keymap.of(BY_ID[action])
        return shown(keys[0]) if keys else f":{BY_ID[action].name}"

    def get_key_display(self, binding: Binding) -> str:
        """A key as the help writes it, also if a person chose it."""
        return binding.key_display or shown(binding.key)
