"""The profiles that can be used by name: those that ship, and a person's own, which replace shipped ones of the same
name."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from icm_tui import files
from icm_tui.errors import RunFailed, UserError
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import dumps, load
from icm_tui.tasks.registry import ships
from icm_tui.text import listed, nearest

SHIPPED = Path(__file__).parent / "shipped"

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_SUFFIX = ".toml"
_MODE = 0o600


class Entry(NamedTuple):
    """A profile in the list. If the file has errors, `profile` is None and `error` describes them."""

    name: str
    own: bool
    path: Path
    profile: Profile | None
    error: str = ""


def find(name_or_path: str, sets: Iterable[str] = ()) -> tuple[Profile, Path]:
    """The profile with that name (a person's own before a shipped one) or in that TOML file, and its file.

    Anything that has a folder in it or ends in .toml is a path. `sets` ("search.shots=8") are changes that are made
    before the profile is checked. Raises UserError if there is no such profile or it has errors.
    """
    path = _locate(name_or_path)
    return load(path, sets), path


def list_profiles() -> list[Entry]:
    """Every profile that `find` knows by name, also those with errors.

    A person's own come first, then those that run as they are, then those that need a dataset from elsewhere; each by
    name.
    """
    return sorted((_entry(name, path) for name, path in _by_name().items()), key=_place)


def _place(entry: Entry) -> tuple[bool, bool, str]:
    at_once = entry.profile is not None and ships(entry.profile.task.dataset)
    return not entry.own, not at_once, entry.name


def save(name: str, profile: Profile, overwrite: bool = False) -> Path:
    """Write a person's own profile, whole or not at all, and return its file.

    Raises UserError for a bad name, or for one that is taken unless `overwrite`; RunFailed if it cannot be written.
    """
    path = files.profiles_dir() / f"{_checked_name(name)}{_SUFFIX}"
    try:
        if path.exists() and not overwrite:
            raise UserError(f"a profile {name} exists already ({path}); take another name, or --force to replace it.")
        files.make_private(path.parent)
        files.write(path, dumps(profile, sparse=True).encode(), _MODE)
    except OSError as error:
        raise RunFailed(f"{path}: cannot be written: {error.strerror}; nothing was changed.") from error
    return path


def _checked_name(name: str) -> str:
    if name.endswith(_SUFFIX):
        raise UserError(f"{name}: a profile's name is given without {_SUFFIX}.")
    if not _NAME.fullmatch(name):
        raise UserError(
            f'"{name}" cannot name a profile; take letters, digits, dot, dash and underscore, with no dot in front.'
        )
    return name


def _locate(name_or_path: str) -> Path:
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    if name_or_path.endswith(_SUFFIX) or any(separator in name_or_path for separator in separators):
        return Path(os.path.expanduser(name_or_path))
    known = _by_name()
    if name_or_path in known:
        return known[name_or_path]
    near = nearest(name_or_path, known)
    advice = f"did you mean {near}?" if near else f"the known ones are {listed(sorted(known), 'and')}."
    raise UserError(f"there is no profile {name_or_path}; {advice}")


def _by_name() -> dict[str, Path]:
    found = {}
    for folder in (SHIPPED, files.profiles_dir()):
        try:
            entries = sorted(folder.iterdir())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{folder}: cannot be read: {error.strerror}.") from error
        found.update({path.stem: path for path in entries if path.suffix == _SUFFIX and _NAME.fullmatch(path.stem)})
    return found


def _entry(name: str, path: Path) -> Entry:
    own = path.parent != SHIPPED
    try:
        return Entry(name, own, path, load(path))
    except UserError as error:
        return Entry(name, own, path, None, str(error))
