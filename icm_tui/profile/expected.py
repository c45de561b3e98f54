"""What a setting may be, in words, from its type; and what was found in its place."""

import datetime
import json
from typing import Any

import msgspec
import msgspec.inspect as inspect

from icm_tui.profile.names import listed

_LONGEST_SHOWN = 60


def expected(type_: Any) -> str:
    """What the annotated type of a setting accepts: "a whole number of at least 1", '"lean" or "standard"', …"""
    return _words(inspect.type_info(type_))


def converts(value: object, type_: Any) -> bool:
    """Whether the annotated type of a setting accepts `value` as it is."""
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return True


def hidden(type_: Any) -> bool:
    """Whether a rejected value of this setting may be a secret and must not be shown."""
    info = inspect.type_info(type_)
    return isinstance(info, inspect.Metadata) and bool((info.extra or {}).get("hide"))


def choices(type_: Any) -> list[str]:
    """The strings that the setting is chosen from; empty if it is not a choice."""
    return [
        str(value)
        for part in _parts(inspect.type_info(type_))
        if isinstance(part, inspect.LiteralType)
        for value in part.values
    ]


def shown(value: object) -> str:
    """A value as the person wrote it, shortened; a table or a date only by what it is."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return "a date or time"
    if isinstance(value, list) and any(isinstance(part, (dict, list, datetime.date, datetime.time)) for part in value):
        return "this list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _parts(info: inspect.Type) -> list[inspect.Type]:
    if isinstance(info, inspect.Metadata):
        return _parts(info.type)
    if isinstance(info, inspect.UnionType):
        return [part for each in info.types for part in _parts(each)]
    return [info]


def _words(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        told = (info.extra or {}).get("expected")
        return str(told) if told else _words(info.type)
    match info:
        case inspect.UnionType(types):
            return listed([_words(each) for each in types if not isinstance(each, inspect.NoneType)])
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _bounds(info)
        case inspect.FloatType():
            return "a number" + _bounds(info)
        case inspect.LiteralType(values):
            return listed([json.dumps(value) for value in values])
        case inspect.StrType(min_length=shortest):
            return "text in quotes, not empty" if shortest else "text in quotes"
        case inspect.ListType():
            return "a list of texts in quotes"
        case _:
            return "a table"


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    low = f" above {info.gt}" if info.gt is not None else f" of at least {info.ge}" if info.ge is not None else ""
    high = f" at most {info.le}" if info.le is not None else ""
    return " and".join(bound for bound in (low, high) if bound)
