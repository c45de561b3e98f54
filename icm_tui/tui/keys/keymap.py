"""A person's own keys: read from keys.toml and checked against the table of actions."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from icm_tui.errors import UserError
from icm_tui.files import read_text
from icm_tui.profile.problems import key_lines
from icm_tui.text import listed, nearest
from icm_tui.tui.keys.actions import ACTIONS, BY_ID, Action
from icm_tui.tui.keys.names import key_name, shown

_RESERVED = ("ctrl+c", "ctrl+q")
_PLACE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column \d+|end of document)\)\Z")


class Keymap(msgspec.Struct, frozen=True):
    """The keys that a person changed: the id of an action → Textual's names of its keys."""

    keys: dict[str, tuple[str, ...]] = {}

    def of(self, action: Action) -> tuple[str, ...]:
        """The keys that do the action."""
        return self.keys.get(action.id, action.keys)


class _Entry(NamedTuple):
    where: str
    keys: tuple[str, ...]


def load_keymap(path: Path) -> tuple[Keymap, list[str]]:
    """The keymap in a file, none if there is no file, and a sentence for each thing that is wrong with it.

    A wrong entry leaves the action its keys of the table; nothing in the file is fatal.
    """
    if not path.exists():
        return Keymap(), []
    try:
        text = read_text(path)
    except UserError as error:
        return Keymap(), [f"{error} The keys are the usual ones."]
    return read_keymap(text, str(path))


def read_keymap(text: str, source: str) -> tuple[Keymap, list[str]]:
    """As `load_keymap`, from text; `source` is the name that sentences give it."""
    try:
        document = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        return Keymap(), [_not_toml(str(error), text, source)]
    except ValueError:
        return Keymap(), [f"{source}: a number in it has too many digits; take it out."]
    except RecursionError:
        return Keymap(), [f"{source}: tables or lists are nested too deeply; it needs only the table [keys]."]

    problems = [
        f'{_where(source, lines, (name,))}: "{name}" is outside the table [keys]; put it below a line [keys].'
        for name in document
        if name != "keys"
    ]
    table = document.get("keys", {})
    if not isinstance(table, dict):
        problems.append(
            f'{_where(source, lines, ("keys",))}: keys is a table; write [keys], below it "run.pause" = "p".'
        )
        return Keymap(), problems
    entries: dict[str, _Entry] = {}
    for path, value in _flat(table, ("keys",)):
        where, name = _where(source, lines, path), ".".join(path[1:])
        try:
            keys = _keys(name, value)
        except ValueError as error:
            problems.append(f"{where}: {error}.")
            continue
        if name in entries:
            problems.append(f"{where}: {name} is named twice; keep one of the lines.")
        else:
            entries[name] = _Entry(where, keys)
    problems += _without_clashes(entries)
    return Keymap({name: entry.keys for name, entry in entries.items()}), problems


def overrides(keymap: Keymap) -> dict[str, str]:
    """The keymap as Textual's `App.set_keymap` takes it."""
    return {name: ",".join(keys) for name, keys in keymap.keys.items()}


def live_together(one: Action, other: Action) -> bool:
    """Whether both actions can be there on one screen, so that one key cannot do both."""
    shared = ("moving", "everywhere")
    return one.scope == other.scope or one.scope in shared or other.scope in shared


def _flat(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The entries of a table and of the tables in it: run.pause without quotation marks is a table to TOML."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, name))
        else:
            yield (*path, name), value


def _keys(name: str, value: object) -> tuple[str, ...]:
    """The keys of one entry. Raises ValueError with the reason if it cannot be followed."""
    if name not in BY_ID:
        near = nearest(name, BY_ID)
        advice = f"did you mean {near}? Ids are" if near else "ids are"
        raise ValueError(f'there is no action "{name}"; {advice} listed in the help')
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'{name} needs its keys as one text, such as "p" or "space,p"')
    keys = tuple(dict.fromkeys(key_name(key) for key in value.split(",")))
    for key in keys:
        if key in _RESERVED:
            raise ValueError(f"{key} always leaves the program; give {name} another key")
    return keys


def _without_clashes(entries: dict[str, _Entry]) -> list[str]:
    """Takes out of `entries`, from the last one up, what shares a key with another action of a screen, until nothing
    does; returns a sentence for each."""
    told: list[str] = []
    while True:
        effective = Keymap({name: entry.keys for name, entry in entries.items()})
        for name, entry in reversed(entries.items()):
            action = BY_ID[name]
            clash = _clash(action, effective)
            if clash is not None:
                key, other = clash
                usual = f"keeps {listed(map(shown, action.keys), 'and')}" if action.keys else "has no key"
                told.append(
                    f"{entry.where}: {shown(key)} is the key of {other.id} on the same screen; give one of the two "
                    f"another key. Until then {name} {usual}."
                )
                del entries[name]
                break
        else:
            return told[::-1]


def _clash(action: Action, keymap: Keymap) -> tuple[str, Action] | None:
    for other in ACTIONS:
        if other is not action and live_together(action, other):
            for key in keymap.of(action):
                if key in keymap.of(other):
                    return key, other
    return None


def _where(source: str, lines: Mapping[tuple[str, ...], int], path: tuple[str, ...]) -> str:
    line = lines.get(path)
    return source if line is None else f"{source}:{line}"


def _not_toml(message: str, text: str, source: str) -> str:
    place = _PLACE.search(message)
    what = message[: place.start()] if place else message
    line = place["line"] if place and place["line"] else text.rstrip("\n").count("\n") + 1
    return f'{source}:{line}: is not TOML ({what}), so all keys are the usual ones; write lines like "run.pause" = "p".'
