"""What there is to know about a dataset before it is labelled: where it comes from, what to beware of, and which of its
files are on this machine. It looks at names of files only, and uses neither a network nor a library."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

Terms = Literal["free", "non-commercial", "no licence"]
Here = Literal["local", "cached", "missing"]


class HubFiles(msgspec.Struct, frozen=True):
    """Files of one table in a repository on the Hub. They are read as they are: no loading script is ever run.

    `files` are paths inside the repository, with * for part of a name. `revision` is the commit, branch or tag that is
    read unless the profile names another.
    """

    repository: str
    files: list[str]
    revision: str = "main"


class Place(msgspec.Struct, frozen=True):
    """Where one table is. `files` are paths inside a local folder, of which the first one found is read; `hub` is None
    if the Hub has no such table. `columns` names the cells if the file does not: a CSV without a header, or JSON lists.
    `rows` is the number of rows when they were last counted."""

    files: list[str]
    hub: HubFiles | None = None
    columns: list[str] | None = None
    rows: int | None = None


class Split(msgspec.Struct, frozen=True):
    """A part of a dataset that can be labelled: its tables by name, of which "rows" holds the items, and the number of
    items (None if it was never counted)."""

    tables: dict[str, Place]
    items: int | None = None


def one_table(
    files: list[str],
    rows: int | None = None,
    *,
    items: int | None = None,
    hub: HubFiles | None = None,
    columns: list[str] | None = None,
) -> Split:
    """A split of a single table, with as many items as it has rows if `items` is not given."""
    return Split({"rows": Place(files, hub, columns, rows)}, rows if items is None else items)


class Card(msgspec.Struct, frozen=True):
    """A dataset described: one line of `about` for lists, then in words what an item is, what groups are, which gold
    columns there are, the licence and the traps.

    `splits` has the names that task.split takes; `split` is the one that is read by default. `rule` is the default
    consistency rule. `terms` marks data that may not be passed on freely; none of it ships. `ships` is set if the
    dataset comes with the program and needs neither a file nor a network.
    """

    about: str
    item: str
    groups: str
    rule: str
    gold: str
    paper: str
    licence: str
    terms: Terms
    splits: dict[str, Split]
    split: str
    traps: list[str] = []
    ships: bool = False


def hub_cache() -> Path:
    """The folder where huggingface_hub keeps its downloads, by the environment variables that it reads."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "huggingface"
    )
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return Path(os.path.expandvars(os.path.expanduser(folder)))


def local_folders(name: str, paths: Iterable[str]) -> list[Path]:
    """Folders that may hold the files of dataset `name`: those at `paths`, and folders in them whose names begin with
    it."""
    folders: list[Path] = []
    for path in paths:
        folder = Path(os.path.expanduser(path))
        folders.append(folder)
        try:
            folders += sorted(inner for inner in folder.iterdir() if inner.name.startswith(name) and inner.is_dir())
        except OSError:
            continue
    return folders


def availability(card: Card, folders: list[Path]) -> dict[str, Here]:
    """Where each split of `card` would be read from: "local" if one of `folders` has all of its tables, else "cached"
    if the Hub's cache has them, else "missing"."""
    cache = hub_cache()
    return {name: _where(list(split.tables.values()), folders, cache) for name, split in card.splits.items()}


def _where(places: list[Place], folders: list[Path], cache: Path) -> Here:
    if any(all(_holds(folder, place) for place in places) for folder in folders):
        return "local"
    if places and all(place.hub is not None and _is_cached(cache, place.hub) for place in places):
        return "cached"
    return "missing"


def _holds(folder: Path, place: Place) -> bool:
    return any((folder / name).is_file() for name in place.files)


def _is_cached(cache: Path, hub: HubFiles) -> bool:
    snapshots = cache / f"datasets--{hub.repository.replace('/', '--')}" / "snapshots"
    try:
        commits = list(snapshots.iterdir())
    except OSError:
        return False
    return any(
        all(any(found.is_file() for found in commit.glob(pattern)) for pattern in hub.files) for commit in commits
    )
