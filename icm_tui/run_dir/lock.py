"""Who runs a run: the lock in its directory, and the heartbeat in its status if locks do not work."""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from icm_tui.errors import RunFailed, UserError
from icm_tui.run_dir.layout import FILE_MODE, RunDir, unwritable
from icm_tui.run_dir.status import Status, read_status

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOOK_EVERY = 0.5
_UNSUPPORTED = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
# A process that checks whether the lock is held holds it for an instant; acquire() waits longer than that.
_PATIENCE = 0.25
# A runner writes its status about once a second.
_QUIET_AFTER = 10.0


class _Owner(msgspec.Struct, frozen=True):
    """The process that holds the lock, as noted in the lock's file."""

    host: str
    pid: int


class RunLock:
    """The right to run a run, held by one process at a time; a context manager.

    If the last status was written on another host, whose locks may not reach this one, or if locks do not work, the
    status is watched for 10 s: a live runner changes it about once a second.
    """

    def __init__(
        self,
        run: RunDir,
        *,
        host: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = _PATIENCE,
    ) -> None:
        """`host` is the name of this host unless given. `clock` (seconds) and `sleep` are used while watching.
        `patience` is how many seconds to wait for a lock that is held."""
        self._run = run
        self._host = host or socket.gethostname()
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._lock: BaseFileLock | None = None

    def acquire(self) -> None:
        """Take the lock. Raises UserError if a live runner has it, RunFailed if the disk refuses."""
        note = msgspec.json.encode(_Owner(self._host, os.getpid()))
        try:
            self._lock = _take(self._run.lock, note, self._patience)
            locked = True
        except _LockingUnsupportedError:
            locked = False
        except OSError as error:
            raise RunFailed(unwritable("The run's lock", self._run.lock, error)) from error
        if locked and self._lock is None:
            raise self._taken(self._read_owner())
        try:
            self._respect_heartbeat(locked)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Release the lock. Does nothing if it is not held."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _respect_heartbeat(self, locked: bool) -> None:
        status = read_status(self._run)
        if status is None or status.ended:
            return
        if status.host == self._host:
            # In a container, this process may have got the number of the dead runner.
            gone = status.pid == os.getpid() or not process_exists(status.pid)
            if locked or gone:
                return
        self._watch(status)

    def _watch(self, first: Status) -> None:
        until = self._clock() + _QUIET_AFTER
        while self._clock() < until:
            self._sleep(_LOOK_EVERY)
            status = read_status(self._run)
            if status is None or status.beat == first.beat:
                continue
            if status.ended:
                return
            raise self._taken(_Owner(status.host, status.pid))

    def _read_owner(self) -> _Owner | None:
        try:
            return msgspec.json.decode(self._run.lock.read_bytes(), type=_Owner)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _taken(self, owner: _Owner | None) -> UserError:
        name = self._run.name
        who = f"process {owner.pid} on {owner.host}" if owner else "another process"
        return UserError(
            f"The run {name} is already being run by {who}; watch it with `icm-tui attach {name}`, or stop it first "
            f"with `icm-tui stop {name}`."
        )


def process_exists(pid: int) -> bool:
    """Return whether this host has a process of that number."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


class Heartbeat:
    """How long ago a watcher saw the status change, by the watcher's own clock; other hosts' clocks may be wrong."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat: tuple[str, int, float] | None = None
        self._changed_at = 0.0

    def age(self, status: Status, now: float) -> float:
        """Return the seconds since the status was seen to change. The first look compares the time in the status with
        `now` (unix seconds) instead."""
        if self._beat is None:
            self._changed_at = self._clock() - abs(now - status.t)
        elif self._beat != status.beat:
            self._changed_at = self._clock()
        self._beat = status.beat
        return self._clock() - self._changed_at


def liveness(run: RunDir, status: Status | None, now: float, *, age: float | None = None) -> str:
    """Return the state of a run as an observer sees it: the status's own, or "starting", "died" or "quiet".

    A run has died if its runner is gone without having said so. It is quiet if its status has not changed for 10 s and
    its runner is on another host or the file system does not support locks. `now` is in unix seconds. A caller that
    watches passes Heartbeat's `age`; without it the status's time is compared with `now`, which trusts both clocks.
    """
    if status is None:
        return "starting" if is_held(run.lock) or _is_new(run, now) else "died"
    if status.ended:
        return status.state
    if status.host == socket.gethostname():
        if not process_exists(status.pid):
            return _parting_state(run)
        held = is_held(run.lock)
        if held is not None:
            return status.state if held else _parting_state(run)
    if age is None:
        age = abs(now - status.t)
    return status.state if age <= _QUIET_AFTER else "quiet"


def _parting_state(run: RunDir) -> str:
    """Return the state of a run whose process is gone; the process may have announced it after its status was read."""
    status = read_status(run)
    return status.state if status is not None and status.ended else "died"


def _is_new(run: RunDir, now: float) -> bool:
    """Return whether the directory is so new that its runner may still be starting."""
    try:
        return abs(now - run.profile.stat().st_mtime) <= _QUIET_AFTER
    except OSError:
        return False


class _LockingUnsupportedError(Exception):
    """The file system does not support locks."""


def _take(path: Path, note: bytes, patience: float) -> "BaseFileLock | None":
    """Lock the file, created (mode 0600) if it is missing, and write `note` to it; None if another process still holds
    the lock after `patience` seconds.

    Raises _LockingUnsupportedError, and OSError if the file cannot be opened.
    """
    # Importing filelock takes 40 ms, which a command that only lists finished runs can do without.
    from filelock import FileLock, Timeout

    def leave_note(descriptor: int) -> None:
        # The note is for people; only the lock itself counts.
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
        lock.acquire(timeout=patience)
    except Timeout:
        return None
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise _LockingUnsupportedError from error
        raise
    return lock


def is_held(path: Path) -> bool | None:
    """Return whether some process holds the lock; None if that cannot be found out."""
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
