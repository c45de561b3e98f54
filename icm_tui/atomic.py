"""Files that are written whole or not at all: a reader or a crash finds the old bytes or the new ones."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


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
    """Put the names in a directory on disk. Raises OSError, except where a file system has no such notion."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)
