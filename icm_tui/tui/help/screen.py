"""The help over a screen."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from icm_tui import files
from icm_tui.tui.keys.actions import ACTIONS, Action, Scope
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.keys.names import shown
from icm_tui.tui.text.cells import Line, Style, fit, line, rule, span, wrap
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


TITLES: dict[Scope, str] = {
    "runs": "the list of runs and profiles",
    "run": "a run",
    "item": "an item",
    "form": "a profile",
    "models": "a server's models",
    "doctor": "what a model can do",
    "accuracy": "the accuracy of a run",
    "moving": "moving",
    "everywhere": "everywhere",
}
_KEYS, _IDS, _LEAST = 14, 20, 24


def help_lines(
    scope: Scope | None, keymap: Keymap, problems: Iterable[str], keymap_file: str, cells: int
) -> list[Line]:
    """The help over a screen of `scope`: its own actions first, what can be done everywhere, the mouse, and what is
    wrong with a person's own keys (`problems`). `keymap_file` is where these are read from."""
    scopes: list[Scope] = [scope, "moving", "everywhere"] if scope else ["moving", "everywhere"]
    lines: list[Line] = []
    for each in scopes:
        lines.append(rule(line(span(TITLES[each], "title")), (), cells))
        for action in ACTIONS:
            if action.scope == each:
                lines += _action(action, keymap, cells)
        lines.append(())
    lines.append(rule(line(span("the mouse", "title")), (), cells))
    lines += _sentences(_mouse(keymap), cells)
    lines += [(), rule(line(span("keys of your own", "title")), (), cells)]
    lines += _sentences(
        [f'They are read from {keymap_file}: below a line [keys], lines like "run.pause" = "p".'], cells
    )
    lines += _sentences(problems, cells, warn=True)
    return lines


def keys_of(action: Action, keymap: Keymap) -> str:
    """The keys of an action as they are written, or how it is called without one."""
    return " ".join(map(shown, keymap.of(action))) or f":{action.words}"


def _action(action: Action, keymap: Keymap, cells: int) -> list[Line]:
    keys, name = span(f" {keys_of(action, keymap)} ", "accent"), span(action.id, "dim")
    room = cells - _KEYS - _IDS
    if room < _LEAST:
        return [(keys, name), *_sentences([action.help], cells)]
    start = (*fit((keys,), _KEYS), *fit((name,), _IDS))
    blank = fit((), _KEYS + _IDS)
    return [(*(blank if row else start), span(text)) for row, text in enumerate(wrap(action.help, room))]


def _mouse(keymap: Keymap) -> list[str]:
    key = next(keys_of(action, keymap) for action in ACTIONS if action.id == "everywhere.mouse")
    return [
        "To select text with the mouse hold Shift, on some Macs Option: the screens take the mouse.",
        f"{key} gives the mouse back to the terminal, and takes it once more.",
        "`icm-tui attach --no-mouse` leaves it with the terminal from the start.",
    ]


def _sentences(texts: Iterable[str], cells: int, *, warn: bool = False) -> list[Line]:
    style: Style = "warn" if warn else "plain"
    return [(span(f" {piece}", style),) for text in texts for piece in wrap(text, cells - 2)]
