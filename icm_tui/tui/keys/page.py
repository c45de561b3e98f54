"""The page of keys, made from the table.

`python -m icm_tui.tui.keys.page` prints it; KEYS.md beside this module holds it, and a test keeps that true.
"""

import sys

from icm_tui.tui.help.screen import TITLES
from icm_tui.tui.keys.actions import ACTIONS
from icm_tui.tui.keys.names import shown

_HEAD = """\
# The keys

`:` lists all that a screen can do and takes words, such as `:to 500`; `?` is the help on the screen. Words in
brackets can be left out.
"""
_OWN = """
## Keys of your own

Write them into `keys.toml` in the folder that also holds the folder of your profiles: with `ICM_TUI_HOME` set it is
that folder, else the help names the file.

```toml
[keys]
"run.pause" = "p"
"run.to" = "t"
"moving.down" = "j,down,ctrl+n"
```

On the left is an action's id, on the right are all keys that do it, with commas between them: characters
(`p`, `P`, `/`; a comma is `comma`), space, enter, tab, esc, backspace, del, ins, home, end, pgup, pgdn, up, down,
left, right, f1 to f24, with `ctrl+` or `alt+` before it if wanted. Two actions that a screen has both cannot share
a key. What cannot be followed is said at the start and in the help, and leaves the action its usual keys. Ctrl+C and
Ctrl+Q always leave.
"""


def document() -> str:
    """The page as Markdown: a table of actions for each screen, and how to change their keys."""
    parts = [_HEAD]
    for scope, title in TITLES.items():
        parts.append(f"\n## {title[0].upper()}{title[1:]}\n\n| key | does | after `:` | id |\n|---|---|---|---|\n")
        for action in ACTIONS:
            if action.scope == scope:
                keys = " ".join(f"`{shown(key)}`" for key in action.keys)
                words = f"`{action.words or action.label}`" if scope != "moving" else ""
                parts.append(f"| {keys} | {action.help} | {words} | `{action.id}` |\n")
    return "".join(parts) + _OWN


if __name__ == "__main__":
    sys.stdout.write(document())
