"""The settings by name: what each accepts, in words, what other programs call it, and what an unknown name may mean."""

import datetime
import json
from typing import Any

import msgspec
import msgspec.inspect as inspect

from icm_tui.profile.schema import Profile
from icm_tui.text import listed, nearest

SECTIONS: dict[str, type[msgspec.Struct]] = {field.name: field.type for field in msgspec.structs.fields(Profile)}
KEYS: dict[str, dict[str, msgspec.structs.FieldInfo]] = {
    section: {field.name: field for field in msgspec.structs.fields(struct)} for section, struct in SECTIONS.items()
}

_LONGEST_SHOWN = 60

# Settings of the fork's icm_config.json; one of its keys, log_interval, has no counterpart.
FORK = {
    "alpha": "search.alpha",
    "initial_t": "search.initial_t",
    "final_t": "search.final_t",
    "beta": "search.beta",
    "num_seed": "search.seeds",
    "semantic_anchor": "prompt.anchor",
    "max_iters": "search.max_iters",
    "n_shots": "search.shots",
    "batch_size": "search.batch_size",
    "dataset": "task.dataset",
    "model_id": "model.model",
    "provider_whitelist": "model.providers",
    "out_dir": "run.out",
}

# Flags of the original paper's code.
PAPER = {
    "seed": "run.seed",
    "alpha": "search.alpha",
    "testbed": "task.dataset",
    "model": "model.model",
    "batch_size": "search.batch_size",
    "num_seed": "search.seeds",
    "K": "search.max_iters",
    "consistency_fix_K": "consistency.fix_iters",
    "decay": "search.decay",
    "initial_T": "search.initial_t",
    "final_T": "search.final_t",
    "scheduler": "search.schedule",
}

_ELSEWHERE = {name.lower(): path for name, path in {**PAPER, **FORK}.items()} | {
    "api_key": "model.key_env",
    "apikey": "model.key_env",
}


def suggestions(section: str | None, key: str) -> list[str]:
    """Settings that `key`, unknown in `section` (None: outside any), may mean: paths such as "search.shots", best
    first.

    A name that another program uses comes before one that is only spelt alike.
    """
    found = [path for name, path in _ELSEWHERE.items() if name == key.lower()]
    if section is not None:
        near = nearest(key, KEYS[section])
        found += [f"{section}.{near}"] if near else []
    found += [f"{other}.{key}" for other, keys in KEYS.items() if key in keys]
    return list(dict.fromkeys(found))[:3]


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
    """A value as the person wrote it, shortened; of a table or a date, only its kind."""
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
        words = (info.extra or {}).get("expected")
        return str(words) if words else _words(info.type)
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
