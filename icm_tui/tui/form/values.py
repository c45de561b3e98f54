"""The fields of the form, one for each setting of the profile's schema, and their values as a person types them."""

import datetime
import math
import re
import tomllib
import unicodedata
from typing import Any, Literal

import msgspec
import msgspec.inspect as inspect

from icm_tui.profile.defaults import resolve_without_data
from icm_tui.profile.schema import Profile
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


Key = tuple[str, str]
"""A section's name and a setting's name in it."""

NEEDED = "needed"
NONE = "none"


class Field(msgspec.Struct, frozen=True):
    """One setting as the form shows it.

    `range` and `default` are in words. `choices` are what is chosen from (kind choice), or the words that stand beside
    numbers ("all"). `initial` is the choice that holds when nothing is set, "" if that depends on other settings.
    `hide` says that a value may turn out to be a secret and is not to be shown.
    """

    section: str
    name: str
    kind: Kind
    range: str
    default: str
    description: str
    choices: tuple[str, ...] = ()
    initial: str = ""
    hide: bool = False

    @property
    def key(self) -> Key:
        """What the setting is found by."""
        return (self.section, self.name)


class Section(msgspec.Struct, frozen=True):
    """A section of a profile with its fields in the struct's order."""

    name: str
    title: str
    fields: tuple[Field, ...]


def fields(profile: type[msgspec.Struct] = Profile) -> list[Section]:
    """The sections of a profile's struct, each a struct of settings, and their fields."""
    return [
        Section(
            each.name,
            (each.type.__doc__ or "").split(".")[0],
            tuple(_field(each.name, setting) for setting in msgspec.structs.fields(each.type)),
        )
        for each in msgspec.structs.fields(profile)
    ]


def defaults(profile: Profile) -> dict[Key, str]:
    """What each setting means, in words, if it is left to the method, the model or the data."""
    words: dict[Key, str] = {}
    for section in ("search", "consistency"):
        for setting in msgspec.structs.fields(type(getattr(profile, section))):
            if setting.default is None:
                words[section, setting.name] = _left_out(profile, section, setting.name)
    return words


def _left_out(profile: Profile, section: str, name: str) -> str:
    without = msgspec.structs.replace(getattr(profile, section), **{name: None})
    known, waiting = resolve_without_data(msgspec.structs.replace(profile, **{section: without}))
    value = getattr(getattr(known, section), name)
    if value is not None:
        return _words("text", value)
    return "from the data" if f"{section}.{name}" in waiting else f"not used by {profile.search.method}"


def _field(section: str, setting: msgspec.structs.FieldInfo) -> Field:
    description, reask = _told(inspect.type_info(setting.type))
    parts = _alternatives(inspect.type_info(setting.type))
    default: Any = setting.default
    if setting.default_factory is not msgspec.NODEFAULT:
        default = setting.default_factory()
    kind = _kind(parts)
    choices = ["true", "false"] if kind == "bool" else [
        str(value) for part in parts if isinstance(part, inspect.LiteralType) for value in part.values
    ]  # fmt: skip
    is_given = default is not msgspec.NODEFAULT and default is not None
    return Field(
        section=section,
        name=setting.name,
        kind=kind,
        range=", or ".join(_range(part) for part in parts if not isinstance(part, inspect.NoneType)),
        default=NEEDED if default is msgspec.NODEFAULT else _words(kind, default),
        description=description,
        choices=tuple(choices),
        initial=written(kind, default) if is_given and kind in ("bool", "choice") else "",
        hide=bool(reask.get("hide")),
    )


def _told(info: inspect.Type) -> tuple[str, dict[str, Any]]:
    """The description and the extra of the outermost annotation that has any."""
    if not isinstance(info, inspect.Metadata):
        return "", {}
    description, extra = _told(info.type)
    schema = info.extra_json_schema or {}
    return str(schema.get("description", description)), {**extra, **(info.extra or {})}


def _alternatives(info: inspect.Type) -> list[inspect.Type]:
    if isinstance(info, inspect.Metadata):
        return _alternatives(info.type)
    if isinstance(info, inspect.UnionType):
        return [part for each in info.types for part in _alternatives(each)]
    return [info]


def _kind(parts: list[inspect.Type]) -> Kind:
    """The kind of the first part; a choice is one if every part is."""
    given = [part for part in parts if not isinstance(part, inspect.NoneType)]
    if all(isinstance(part, inspect.LiteralType) for part in given):
        return "choice"
    for part in given:
        match part:
            case inspect.BoolType():
                return "bool"
            case inspect.IntType():
                return "int"
            case inspect.FloatType():
                return "float"
            case inspect.StrType():
                return "text"
            case inspect.ListType():
                return "texts"
            case _:
                continue
    return "table"


def _range(part: inspect.Type) -> str:
    match part:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return _bounds(part)
        case inspect.LiteralType(values):
            return " / ".join(str(value) for value in values)
        case inspect.StrType():
            return "text"
        case inspect.ListType(min_length=least, max_length=most):
            return f"{least} to {most} texts" if least and most else "texts with commas between"
        case _:
            return "a table: {name = value, …}"


def _bounds(part: inspect.IntType | inspect.FloatType) -> str:
    """ "1 or more", "above 0, at most 1"; a bound that only keeps a number to 64 bits goes without saying."""
    low = f"above {part.gt:g}" if part.gt is not None else "" if part.ge is None else f"{part.ge:g} or more"
    most = part.le if part.le is not None and part.le < 2**53 else None
    if part.ge is not None and most is not None:
        return f"{part.ge:g} to {most:g}"
    high = "" if most is None else f"at most {most:g}"
    whole = "a whole number" if isinstance(part, inspect.IntType) else "a number"
    return ", ".join(bound for bound in (low, high) if bound) or whole


def _words(kind: Kind, value: Any) -> str:
    if value is None or value == [] or value == {}:
        return NONE
    if value == "":
        return "empty"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return written(kind, value)
