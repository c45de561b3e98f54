"""What keys are called: as Textual knows them, and as a person writes and reads them."""

import re
import unicodedata

_MODIFIERS = {name: name for name in ("alt", "ctrl", "hyper", "meta", "shift", "super")} | {"control": "ctrl"}
_NAMED = {"space", "enter", "tab", "escape", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"} | {
    "up", "down", "left", "right", *(f"f{number}" for number in range(1, 25))
}  # fmt: skip
_ALSO = {
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
}
_SHORT = {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn", "delete": "del", "insert": "ins"}
# If Textual's name of a character is not its Unicode name.
_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
# A terminal sends the same bytes for both.
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape", "shift+space": "space"}


def _of_character(character: str) -> str:
    if character.isalnum():
        return character
    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


# Signs have names, and these are the ones that keyboards have; letters and digits of all scripts are their own names.
_SIGNS = [chr(code) for code in (*range(0x21, 0x7F), *range(0xA1, 0x100), 0x20AC) if chr(code).isprintable()]
_CHARACTERS = {_of_character(sign): sign for sign in _SIGNS}


def key_name(text: str) -> str:
    """Textual's name of the key that a person wrote: "/" or "slash", "ctrl+p", "Esc", "P".

    Raises ValueError with the reason if there is no such key.
    """
    *modifiers, key = re.split(r"\+(?=.)", text.strip())
    held = set()
    for modifier in modifiers:
        if modifier.lower() not in _MODIFIERS:
            raise ValueError(f'"{modifier}" is no key to hold down; there are ctrl, alt, shift and super')
        held.add(_MODIFIERS[modifier.lower()])
    name = _unmodified(key, text)
    printable = name in _CHARACTERS or len(name) == 1
    if held == {"shift"} and printable:
        if not name.isalpha() or len(name.upper()) > 1:
            raise ValueError("for a key with shift write the character that it types")
        return name.upper()
    if held and len(name.lower()) == 1:
        name = name.lower()
    together = "+".join([*sorted(held), name])
    return _SAME.get(together, together)


def _unmodified(key: str, text: str) -> str:
    if key in _SIGNS or (len(key) == 1 and key.isalnum()):
        return _of_character(key)
    name = key.lower()
    name = _ALSO.get(name, name)
    if name in _NAMED or name in _CHARACTERS:
        return name
    raise ValueError(
        f'there is no key "{text}"; write a character, or one of space, enter, tab, esc, backspace, del, ins, home, '
        "end, pgup, pgdn, up, down, left, right, f1 to f24, with ctrl+ or alt+ before it if wanted"
    )


def shown(key: str) -> str:
    """How a key of Textual's name is written for a person; `key_name` reads it back."""
    *held, name = key.split("+")
    name = _SHORT.get(name, name)
    return "+".join([*held, _CHARACTERS.get(name, name)])
