"""What of a dataset is on this machine: in a folder, in the Hub's cache, or missing. Looks at names of files only, and
asks no network and no library."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from icm_tui.tasks.card import Card, HubFiles, Place

Here = Literal["local", "cached", "missing"]


def hub_cache() -> Path:
    """The folder where huggingface_hub keeps what it downloaded, by the variables that it reads itself."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "huggingface"
    )
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return Path(os.path.expandvars(os.path.expanduser(folder)))


def local_folders(name: str, paths: Iterable[str]) -> list[Path]:
    """Where the files of dataset `name` may lie: the folders at `paths`, and in them those called as it is."""
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
    """Where each split of `card` is read from: one of `folders` if all of its tables are there, else the cache."""
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
