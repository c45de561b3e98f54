"""The palette: all that can be done on a screen, by name, with arguments if an action takes some.

It is our own and not Textual's, which looks for matches in the background: there Enter right behind a quickly typed
command does what was first in the list before. Here Enter looks at what was typed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from icm_tui.tui.keys.actions import ACTIONS, Action, Scope
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.keys.names import shown
from icm_tui.tui.text.cells import Line, fit, line, rule, span
from icm_tui.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from textual.binding import BindingType

_SHARED = ("moving", "everywhere")


class Call(NamedTuple):
    """An action to be done, with what was typed behind its name; `rest` is empty if nothing was."""

    action: Action
    rest: str = ""

    @property
    def complete(self) -> bool:
        """Whether it can be done as it is."""
        return bool(self.rest) or not self.action.needs_argument


def calls(actions: Sequence[Action], typed: str) -> list[Call]:
    """What `typed` can mean, best first: all of `actions` if nothing was typed; a name in full before the start of
    one, before a word of its description. A name with more behind it means that action alone."""
    typed = typed.strip()
    if not typed:
        return [Call(action) for action in actions]
    word, _, rest = typed.partition(" ")
    if rest:
        called = [Call(action, rest.strip()) for action in actions if action.argument and action.name == word]
        if called:
            return called
    ranked = [(_rank(action, typed.casefold()), Call(action)) for action in actions]
    found = sorted((pair for pair in ranked if pair[0] is not None), key=lambda pair: pair[0] or 0)
    return [call for _, call in found]


def _rank(action: Action, typed: str) -> int | None:
    """How well an action fits, 0 best; None if it does not."""
    names = (action.name.casefold(), action.label.casefold())
    if typed in names:
        return 0
    if any(name.startswith(typed) for name in names):
        return 1
    words = f"{action.label} {action.help}".casefold().split()
    if all(any(word.startswith(part) for word in words) for part in typed.split()):
        return 2
    return None


def palette_lines(found: Sequence[Call], chosen: int, keymap: Keymap, cells: int, height: int) -> list[Line]:
    """At most `height` of the calls, a line each, with the chosen one among them."""
    if not found:
        return [line(span(" There is no such command here.", "dim"))][:height]
    top = first_shown(len(found), chosen, height)
    return [_call(call, index == chosen, keymap, cells) for index, call in enumerate(found)][top : top + height]


def first_shown(count: int, chosen: int, height: int) -> int:
    """The index of the call on the first of the lines that `palette_lines` makes."""
    return max(0, min(chosen - height // 2, count - height))


def _call(call: Call, chosen: bool, keymap: Keymap, cells: int) -> Line:
    action = call.action
    words = f"{action.name} {call.rest}" if call.rest else action.words or action.label
    keys = " ".join(map(shown, keymap.of(action)))
    start = span(f"{'▸' if chosen else ' '} {words} ", "title" if chosen else "bold")
    if call.rest:
        return fit((start, span(f" {action.help}", "dim")), cells)
    return fit((*fit((start,), _WORDS), *fit((span(keys, "accent"),), _KEYS), span(action.help)), cells)


@runtime_checkable
class TakesWords(Protocol):
    """A screen whose actions take arguments."""

    def run_words(self, word: str, rest: str) -> None:
        """Do the action that `word` names with what was typed behind it: "to" with "500"."""


def scope_of(screen: Screen[Any]) -> Scope | None:
    """The scope whose actions a screen has among its BINDINGS; None if it has those of all screens alone."""
    ids = {binding.id for binding in type(screen).BINDINGS if isinstance(binding, Binding)}
    return next((action.scope for action in ACTIONS if action.id in ids and action.scope not in _SHARED), None)


def allowed(screen: Screen[Any]) -> list[Action]:
    """What can be done now, as `check_action` of the screen and the app tell: the screen's own actions first."""
    scope = scope_of(screen)
    return [
        action
        for action in ACTIONS
        if (action.scope == scope and screen.check_action(action.method, ()))
        or (action.scope == "everywhere" and screen.app.check_action(action.method, ()))
    ]


class Palette(ModalScreen[None]):
    """Lists what can be done on the screen below and does what is chosen; `typed` is typed already."""

    DEFAULT_CSS = """
    Palette { align-horizontal: center; background: transparent; }
    Palette LineView, Palette Input, Palette Input:focus { background: $background; }
    Palette #calls { height: 1fr; max-height: 20; }
    """
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list["BindingType"]] = [
        Binding("escape,ctrl+c", "leave", show=False, priority=True),
        Binding("down,ctrl+n", "down", show=False),
        Binding("up,ctrl+p", "up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("tab", "complete", show=False),
    ]

    def __init__(self, keymap: Keymap, typed: str = "") -> None:
        super().__init__()
        self._keymap = keymap
        self._typed = typed
        self._actions: list[Action] = []
        self._found: list[Call] = []
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """A line to type in, and below it what it can mean."""
        entry = Input(
            self._typed, placeholder="a command, or a word of what it does", select_on_focus=False, compact=True
        )
        entry.cursor_blink = False  # an idle screen sends nothing
        yield LineView(self._title, id="title")
        yield entry
        yield LineView(self._lines, id="calls")

    def on_mount(self) -> None:
        """What can be done is asked of the screen below once."""
        self._actions = [action for action in allowed(self._below) if action.id != "everywhere.commands"]
        self._find()

    def on_input_changed(self) -> None:
        """Look again with every letter."""
        self._find()

    def on_input_submitted(self) -> None:
        """Do the chosen one."""
        self._find()
        if self._found:
            self._call(self._found[self._chosen])

    def on_click(self, event: events.Click) -> None:
        """A click on a command does it; one beside the palette leaves."""
        view = self.query_one("#calls", LineView)
        if event.widget is view:
            index = first_shown(len(self._found), self._chosen, view.size.height) + event.y
            if index < len(self._found):
                self._call(self._found[index])
        elif event.widget is self:
            self.dismiss()

    def action_leave(self) -> None:
        """Back without doing anything."""
        self.dismiss()

    def action_down(self) -> None:
        """To the next command."""
        self._choose(self._chosen + 1)

    def action_up(self) -> None:
        """To the command before."""
        self._choose(self._chosen - 1)

    def action_page_down(self) -> None:
        """A page of commands down."""
        self._choose(self._chosen + self.query_one("#calls", LineView).size.height - 1)

    def action_page_up(self) -> None:
        """A page of commands up."""
        self._choose(self._chosen - self.query_one("#calls", LineView).size.height + 1)

    def action_complete(self) -> None:
        """Put the chosen command's name into the line, ready for its argument."""
        if self._found and not self._found[self._chosen].rest:
            self._complete(self._found[self._chosen].action)

    @property
    def _below(self) -> Screen[Any]:
        return self.app.screen_stack[self.app.screen_stack.index(self) - 1]

    def _find(self) -> None:
        found = calls(self._actions, self.query_one(Input).value)
        if found != self._found:
            self._found = found
            self._chosen = 0
        self.query_one("#calls", LineView).redraw()

    def _choose(self, index: int) -> None:
        self._chosen = max(0, min(index, len(self._found) - 1))
        self.query_one("#calls", LineView).redraw()

    def _complete(self, action: Action) -> None:
        entry = self.query_one(Input)
        entry.value = f"{action.name} " if action.argument else action.name
        entry.cursor_position = len(entry.value)

    def _call(self, call: Call) -> None:
        if not call.complete:
            self._complete(call.action)
            return
        below = self._below
        self.dismiss()
        # Once this screen is gone: what an action opens belongs on the screen that it is an action of.
        below.call_later(_do, below, call)

    def _title(self, width: int, height: int) -> list[Line]:
        return [rule(line(span("commands", "title")), line("enter does it · tab completes · esc back"), width)]

    def _lines(self, width: int, height: int) -> list[Line]:
        return palette_lines(self._found, self._chosen, self._keymap, width, height)


async def _do(screen: Screen[Any], call: Call) -> None:
    if call.rest and isinstance(screen, TakesWords):
        screen.run_words(call.action.name, call.rest)
    elif call.action.scope == "everywhere":
        await screen.app.run_action(call.action.method, screen.app)
    else:
        await screen.run_action(call.action.method)


_WORDS, _KEYS = 20, 14
