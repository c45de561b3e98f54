"""Where profiles, runs and cached data live. The environment variable ICM_TUI_HOME moves all of them under it."""

import os
from pathlib import Path

_APP = "icm-tui"


def profiles_dir() -> Path:
    """The folder of a person's own profiles; it need not exist."""
    home = _home()
    if home is not None:
        return home / "profiles"
    import platformdirs  # not needed to answer --help

    return platformdirs.user_config_path(_APP, appauthor=False) / "profiles"


def keymap_path() -> Path:
    """The file of a person's own keys, beside the folder of the profiles; it need not exist."""
    return profiles_dir().with_name("keys.toml")


def runs_dir() -> Path:
    """The folder in which a run gets its directory unless told otherwise; it need not exist."""
    home = _home()
    if home is not None:
        return home / "runs"
    import platformdirs

    return platformdirs.user_data_path(_APP, appauthor=False) / "runs"


def cache_dir() -> Path:
    """The folder of what can be had again: answers shared between runs, prepared data; it need not exist."""
    home = _home()
    if home is not None:
        return home / "cache"
    import platformdirs

    return platformdirs.user_cache_path(_APP, appauthor=False)


def make_private(directory: Path) -> Path:
    """Makes `directory` and its missing parents with mode 0700; what exists is left as it is. Raises OSError."""
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    return missing[0] if missing else directory


def _home() -> Path | None:
    home = os.environ.get("ICM_TUI_HOME")
    return Path(os.path.expanduser(home)).absolute() if home else None
