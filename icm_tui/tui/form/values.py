"""A setting's value as a person types it, and back: plain words if they can only mean one thing, else TOML."""

import datetime
import re
import tomllib
import unicodedata
from typing import Any, Literal

from icm_tui.tui.text.cells import span

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_PIECE = 4096
_QUOTES = ("'", '"')

Kind = Literal["bool", "choice", "int", "float", "text", "texts", "table"]


def as_toml(value: Any) -> str:
    """A value in one line of TOML; characters that a terminal must not get, or would not show, are escaped.

    Raises ValueError for a number with too many digits, RecursionError for tables nested too deeply.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(as_toml(each) for each in value)}]"
        case dict():
            return "{" + ", ".join(f"{as_key(key)} = {as_toml(each)}" for key, each in value.items()) + "}"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)


def as_key(key: str) -> str:
    """A key in TOML, in quotes if it must be."""
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def read(kind: Kind, text: str) -> Any:
    """The value that `text` is in a field of this kind. What cannot be read is a text, for the checks to tell of."""
    if kind in ("text", "choice"):
        value = _from_toml(text) if text[:1] in _QUOTES else text
    elif kind == "texts":
        if text[:1] in _QUOTES:
            value = _from_toml(f"[{text}]")
        else:
            value = _from_toml(text) if text[:1] == "[" else _parts(text)
    else:
        value = _from_toml(text)
    return text if value is None else value


def written(kind: Kind, value: Any) -> str:
    """A value as a field of this kind shows it, in plain words if these can be read back as the same.

    A number in a field of text is its digits, and a text in one of texts the only one. Raises as `as_toml`.
    """
    if kind == "texts" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        plain = ", ".join(value)
    elif isinstance(value, str):
        plain = value
    else:
        return as_toml(value)
    is_plain = plain != "" and plain == plain.strip() and is_clean(plain) and _same(read(kind, plain), value)
    return plain if is_plain else as_toml(value)


def settled(kind: Kind, typed: str) -> str:
    """What is typed into a field, as `written` writes its value. Empty is unset."""
    text = cleaned(typed).strip()
    # The second time for a text among texts: it is a list of one only once it is in quotes.
    for _ in range(2):
        text = written(kind, read(kind, text)) if text else ""
    return text


def _from_toml(text: str) -> Any:
    """The value of a text in TOML; None if it is none, or one that could not be written again."""
    try:
        parsed = tomllib.loads(f"value = {text}")
        as_toml(parsed)
    except (ValueError, RecursionError):
        return None
    return parsed["value"] if set(parsed) == {"value"} else None


def _parts(text: str) -> list[str]:
    return [part for each in text.split(",") if (part := each.strip())]


def _same(one: Any, other: Any) -> bool:
    """Equal and of one type: 1 is not 1.0 and not true."""
    return as_toml(one) == as_toml(other)


def is_clean(text: str) -> bool:
    """Whether a text can be drawn as it is."""
    return text.isprintable() and cleaned(text) == text


def cleaned(text: str) -> str:
    """A text of any length made ready to be drawn in one line, as `span` makes one of 4096 characters."""
    return "".join(span(text[start : start + _PIECE]).text for start in range(0, len(text), _PIECE))


def _quoted(text: str) -> str:
    escapes_marks = not is_clean("".join(each for each in text if each.isprintable()))
    return '"' + "".join(_escaped(each, escapes_marks) for each in text) + '"'


def _escaped(character: str, escapes_marks: bool) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if " " <= character <= "~":
        return character
    code = ord(character)
    if 0xD800 <= code < 0xE000:  # half of a pair: no TOML can hold it
        return "\ufffd"
    marks = escapes_marks and unicodedata.category(character) in ("Mn", "Me")
    if is_clean(character) and not marks:
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
