"""The table of actions as Textual's bindings.

A screen takes its keys with `BINDINGS = bindings("run")`, a list of lines with `bindings("moving")`, and the app with
`bindings("everywhere")`. These are the keys of the table; the app lays a person's own over them with
`set_keymap(overrides(keymap))`, which Textual matches by the actions' ids.
"""

from textual.binding import Binding, BindingType

from icm_tui.tui.keys.actions import ACTIONS, Scope
from icm_tui.tui.keys.names import shown


def bindings(scope: Scope) -> list[BindingType]:
    """The table's bindings of a scope, for the `BINDINGS` of what obeys them; the methods are `action_` and the part
    of the id behind the dot.

    An action without a key is bound to one that no keyboard has, so that a keymap can give it another. One that needs
    an argument opens the palette at its word: that is the app's `action_commands(typed)`.
    """
    return [
        Binding(
            ",".join(action.keys) or f"<{action.id}>",
            f"app.commands('{action.name} ')" if action.needs_argument else action.method,
            action.label,
            show=action.footer,
            key_display=shown(action.keys[0]) if action.keys else None,
            id=action.id,
        )
        for action in ACTIONS
        if action.scope == scope
    ]
