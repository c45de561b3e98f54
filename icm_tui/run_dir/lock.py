"""One runner a run: the lock in the run's directory, and the heartbeat if the lock cannot tell."""

import os
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from icm_tui.errors import RunFailed, UserError
from icm_tui.run_dir.layout import RunDir, unwritable
from icm_tui.run_dir.os_lock import LockingUnsupportedError, take
from icm_tui.run_dir.status import QUIET_AFTER, Status, process_exists, read_status

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOOK_EVERY = 0.5


class _Owner(msgspec.Struct, frozen=True):
    """What the lock's file says of who holds it."""

    host: str
    pid: int


class RunLock:
    """The right to run a run, held by one process at a time; a context manager.

    If the last status was written on another host, whose locks may not reach here, or if there are no locks,
    the status is watched for 10 s: a runner that lives changes it about once a second.
    """

    def __init__(
        self,
        run: RunDir,
        *,
        host: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`host` is this one's name unless given; `clock` (seconds) and `sleep` are used while watching."""
        self._run = run
        self._host = host or socket.gethostname()
        self._clock = clock
        self._sleep = sleep
        self._lock: BaseFileLock | None = None

    def acquire(self) -> None:
        """Take the lock. Raises UserError if a live runner has it, RunFailed if the disk refuses."""
        note = msgspec.json.encode(_Owner(self._host, os.getpid()))
        try:
            self._lock = take(self._run.lock, note)
            locked = True
        except LockingUnsupportedError:
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
        """Let go. Does nothing if the lock is not held."""
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
            # A container may give a new process the number that a dead one had.
            gone = status.pid == os.getpid() or not process_exists(status.pid)
            if locked or gone:
                return
        self._watch(status)

    def _watch(self, first: Status) -> None:
        until = self._clock() + QUIET_AFTER
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
