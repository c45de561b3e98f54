"""The palette: what can be done, found by what was typed, as lines of a width."""

from collections.abc import Sequence
from typing import NamedTuple

from icm_tui.tui.keys.actions import Action
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.keys.names import shown
from icm_tui.tui.text.cells import Line, fit, line, span

_WORDS, _KEYS = 20, 14


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
