"""A lock on a file that the operating system holds for a process and lets go when the process ends."""

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from icm_tui.run_dir.layout import FILE_MODE

if TYPE_CHECKING:
    from filelock import BaseFileLock

_UNSUPPORTED = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
# Who looks whether a lock is held holds it for an instant itself; who wants it outlasts that.
_PATIENCE = 0.25


class LockingUnsupportedError(Exception):
    """The file system knows no locks."""


def take(path: Path, note: bytes) -> "BaseFileLock | None":
    """Lock the file, making it (mode 0600) if it is missing, and leave `note` in it; None if another holds it.

    Let go with release(). Raises LockingUnsupportedError, and OSError if the file cannot be opened.
    """
    # Filelock costs 40 ms to import, which a command that lists finished runs need not pay.
    from filelock import FileLock, Timeout

    def leave_note(descriptor: int) -> None:
        # The lock counts, not what it says.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note, 0)

    lock = FileLock(
        path,
        mode=FILE_MODE,
        thread_local=False,
        fallback_to_soft=False,
        preserve_lock_file=True,
        on_acquired=leave_note,
    )
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        return None
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise LockingUnsupportedError from error
        raise
    return lock


def is_held(path: Path) -> bool | None:
    """Whether some process holds the lock; None if that cannot be told."""
    if not path.exists():
        return False
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False, fallback_to_soft=False, preserve_lock_file=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return None
    lock.release()
    return False
