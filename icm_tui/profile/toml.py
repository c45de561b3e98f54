"""Reads profiles from TOML, with changes to single settings, and writes them."""

import copy
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from icm_tui.errors import UserError
from icm_tui.files import read_text
from icm_tui.profile.checks import build
from icm_tui.profile.problems import Fault, KeyPath, ProfileError, key_lines, placed
from icm_tui.profile.schema import Profile
from icm_tui.profile.settings import KEYS, converts

_PLACE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)\Z")


def load(path: Path | str, sets: Iterable[str] = ()) -> Profile:
    """The profile in a TOML file, with the changes in `sets` ("search.shots=8") made before it is checked.

    Raises UserError if the file cannot be read, ProfileError with every mistake in the file and in `sets`.
    """
    return loads(read_text(Path(path)), str(path), sets)


def loads(text: str, source: str = "profile", sets: Iterable[str] = ()) -> Profile:
    """As `load`, from text; errors call it `source`."""
    try:
        document = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([_syntax_fault(str(error), text, source)]) from error
    except ValueError as error:
        raise UserError(f"{source}: a number in it has too many digits.") from error
    except RecursionError as error:
        raise UserError(f"{source}: tables or lists are nested too deeply.") from error
    return from_document(document, source, lines, sets)


def from_document(
    document: Mapping[str, Any], source: str, lines: Mapping[KeyPath, int] | None = None, sets: Iterable[str] = ()
) -> Profile:
    """The profile that a document (section → key → value) describes; `lines` has the line of each key.

    Raises ProfileError with everything that is wrong with the document and `sets`.
    """
    changes, faults = parse_sets(sets)
    changed, unmade = with_changes(document, changes)
    profile, problems = build(changed)
    found = placed(problems, source, lines or {}, [change.path for change in changes]) + faults + unmade
    if found:
        raise ProfileError(found)
    return profile


def dumps(profile: Profile, *, sparse: bool = False) -> str:
    """The profile as TOML, from which `loads` makes an equal profile.

    Settings of None are left out; with `sparse`, so are those that have their default.
    """
    import tomli_w  # only writing needs it

    return tomli_w.dumps(_document(profile, sparse))


def apply_sets(profile: Profile, sets: Iterable[str]) -> Profile:
    """`profile` with each "section.key=value" of `sets` made in order, and checked after that.

    Raises ProfileError with everything that is wrong.
    """
    return from_document(_document(profile, sparse=False), "profile", sets=sets)


def _document(profile: Profile, sparse: bool) -> dict[str, dict[str, Any]]:
    document = {}
    for name, fields in KEYS.items():
        section = getattr(profile, name)
        values = {}
        for key, field in fields.items():
            value = getattr(section, key)
            if value is not None and value != {} and not (sparse and value == _default(field)):
                values[key] = value
        if values:
            document[name] = values
    return document


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _syntax_fault(message: str, text: str, source: str) -> Fault:
    """The parser's complaint with its line first, and a hint at the most common cause."""
    match = _PLACE.search(message)
    what = message[: match.start()] if match else message
    last = text.rstrip("\n").count("\n") + 1
    line = int(match["line"]) if match and match["line"] else last
    place = f" at column {match['column']}" if match and match["column"] else ""
    hint = "; put text in quotes" if what.startswith("Invalid value") else ""
    return Fault(f"{source}:{line}", line, "", f"not valid TOML{place}: {what[:1].lower()}{what[1:]}{hint}")


class Change(NamedTuple):
    """A setting and its new value."""

    path: KeyPath
    value: Any


def parse_sets(sets: Iterable[str]) -> tuple[list[Change], list[Fault]]:
    """The changes written as "section.key=value", and what is wrong with those that are not.

    A value is read as TOML, or as plain text if it is not TOML or if the setting accepts only text.
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
    """A copy of a document (section → key → value) with `changes` made in order, and the changes that are
    impossible."""
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
    """The parts of a dotted TOML key, which may be quoted; empty if `name` is not a key."""
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
    if set(parsed) != {"value"}:  # a line end began another key
        return written
    value = parsed["value"]
    field = KEYS.get(path[0], {}).get(path[1]) if len(path) == 2 else None
    if field is not None and not converts(value, field.type) and converts(written, field.type):
        return written
    return value
