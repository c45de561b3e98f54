"""Single settings changed from the command line: "search.shots=8"."""

import copy
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from icm_tui.profile.expected import converts
from icm_tui.profile.names import KEYS
from icm_tui.profile.problems import Fault, KeyPath


class Change(NamedTuple):
    """A setting and its new value."""

    path: KeyPath
    value: Any


def parse_sets(sets: Iterable[str]) -> tuple[list[Change], list[Fault]]:
    """The changes that are written as "section.key=value", and what is wrong with the others.

    A value is read as TOML; it is plain text if it is no TOML, or if the setting takes text only.
    """
    changes, faults = [], []
    for written in sets:
        name, equals, value = written.partition("=")
        path = _key_path(name)
        if not equals or len(path) < 2:
            faults.append(Fault(f"--set {name}", None, "", "expected section.key=value, such as search.shots=8"))
        else:
            changes.append(Change(path, _value(path, value)))
    return changes, faults


def with_changes(document: Mapping[str, Any], changes: Iterable[Change]) -> tuple[dict[str, Any], list[Fault]]:
    """A copy of a document (section → key → value) with `changes` made in order, and those that cannot be made."""
    changed = copy.deepcopy(dict(document))
    faults = []
    for path, value in changes:
        table = changed
        for part in path[:-1]:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                faults.append(Fault(f"--set {'.'.join(path)}", None, "", f"{part} is one value here, not a table"))
                break
            table = inner
        else:
            table[path[-1]] = value
    return changed, faults


def _key_path(name: str) -> KeyPath:
    """The parts of a dotted TOML key, quoted ones too; empty if it is none."""
    try:
        parsed: Any = tomllib.loads(f"{name} = 0")
    except ValueError:
        return ()
    path: KeyPath = ()
    while isinstance(parsed, dict) and len(parsed) == 1:
        ((part, parsed),) = parsed.items()
        path = (*path, part)
    return path if parsed == 0 else ()


def _value(path: KeyPath, written: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {written}")
    except (ValueError, RecursionError):
        return written
    if set(parsed) != {"value"}:  # a line end in it began another key
        return written
    value = parsed["value"]
    field = KEYS.get(path[0], {}).get(path[1]) if len(path) == 2 else None
    if field is not None and not converts(value, field.type) and converts(written, field.type):
        return written
    return value
