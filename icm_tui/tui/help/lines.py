"""The help: what can be done on a screen, by the keys that do it, as lines of a width."""

from collections.abc import Iterable

from icm_tui.tui.keys.actions import ACTIONS, Action, Scope
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.keys.names import shown
from icm_tui.tui.text.cells import Line, Style, fit, line, rule, span, wrap

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
