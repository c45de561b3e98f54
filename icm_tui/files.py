"""Files: where profiles, runs and caches live, reading a file, and writing it whole or not at all.

The environment variable ICM_TUI_HOME moves every folder under it. After a crash a reader finds the old bytes of a file
or the new ones, never a part.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from icm_tui.errors import UserError

_APP = "icm-tui"


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises UserError, naming the file and the reason, if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises UserError if the file cannot be read or is not
    UTF-8."""
    return as_text(read_bytes(path), str(path))


def as_text(data: bytes, source: str) -> str:
    """UTF-8 `data` as text, without a byte order mark. Raises UserError, naming `source`, if it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{source}: byte {error.start} is not UTF-8; save the file as UTF-8 text.") from error


def write(path: Path, data: bytes, mode: int) -> None:
    """Replace the file by `data`; it has `mode` then, less the umask, and its bytes and its name are on disk.

    Raises OSError. Nothing was changed then, unless it was the name that could not be put on disk.
    """
    with replacing(path, mode) as descriptor:
        write_all(descriptor, data)
    sync_directory(path.parent)


@contextlib.contextmanager
def replacing(path: Path, mode: int) -> Iterator[int]:
    """A file beside `path`, open for writing and with `mode` less the umask, that takes its place when the block ends
    well, its bytes on disk, and else is gone. Raises OSError."""
    beside = path.with_name(f".icm-tui-{secrets.token_hex(8)}.tmp")  # short: `path` may have the longest name allowed
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte, however many calls that takes. Raises OSError; then a part may have been written."""
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


def sync_directory(path: Path) -> None:
    """Put the names in a directory on disk. Raises OSError, except if a file system has no such notion."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)


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
