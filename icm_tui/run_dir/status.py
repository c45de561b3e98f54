"""The runner's heartbeat: the small file that says how a run stands, and whether its writer is still there."""

import contextlib
import os
import socket
import time
from collections.abc import Callable

import msgspec

from icm_tui.errors import RunFailed
from icm_tui.files import write_all
from icm_tui.run_dir.layout import FILE_MODE, RunDir, unwritable
from icm_tui.run_dir.os_lock import is_held

LIVE = ("starting", "running", "pausing", "paused", "stopping")
ENDED = ("stopped", "done", "failed")

# A runner writes its status about once a second.
QUIET_AFTER = 10.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stood at `t` (unix seconds), as its runner acknowledged it.

    `state` is one of LIVE or ENDED, `why` its reason in words. `decision` of `decisions` were taken; `rate` is in
    decisions a second, `coherence_bits` in bits, `violations` the pairs of the labels shown that break the rule;
    `throttle_seconds` is the time over which a person spread the decisions left, None if they are not spread. Elsewhere
    None means not known (yet).
    """

    state: str
    why: str = ""
    phase: str = ""
    decision: int = 0
    decisions: int = 0
    labelled: int = 0
    items: int = 0
    in_flight: int = 0
    calls: int = 0
    spent_usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    coherence_bits: float | None = None
    rate: float | None = None
    seconds_left: float | None = None
    violations: int | None = None
    throttle_seconds: float | None = None
    host: str
    pid: int
    t: float

    @property
    def ended(self) -> bool:
        """Whether the runner said that it is about to be gone."""
        return self.state in ENDED

    @property
    def beat(self) -> tuple[str, int, float]:
        """What changes with every status written."""
        return self.host, self.pid, self.t


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Status)


def write_status(run: RunDir, status: Status) -> None:
    """Replace status.json (mode 0600). It need not survive a power cut, so it is not synced.

    A full disk has no room for a new file, yet the old one's bytes can be written over; then a reader may see half a
    status for an instant. Raises RunFailed if that does not work either.
    """
    data = _encoder.encode(status)
    beside = run.path / ".status.json.tmp"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.replace(beside, run.status)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        try:
            _write_over(run, data)
        except OSError:
            raise RunFailed(unwritable("The status", run.status, error)) from error


def _write_over(run: RunDir, data: bytes) -> None:
    descriptor = os.open(run.status, os.O_WRONLY)
    try:
        # Spaces hide what is left of a longer status.
        write_all(descriptor, data.ljust(os.fstat(descriptor).st_size))
    finally:
        os.close(descriptor)


def read_status(run: RunDir) -> Status | None:
    """The last status written, or None if there is none or it is being written."""
    try:
        return _decoder.decode(run.status.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def process_exists(pid: int) -> bool:
    """Whether this host has a process of that number."""
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
    """How long ago a watcher saw the status change, by the watcher's own clock: other hosts' clocks may be off."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat: tuple[str, int, float] | None = None
        self._changed_at = 0.0

    def age(self, status: Status, now: float) -> float:
        """Seconds since the status was seen to change. At the first look that is judged by its time, against `now`
        (unix seconds)."""
        if self._beat is None:
            self._changed_at = self._clock() - abs(now - status.t)
        elif self._beat != status.beat:
            self._changed_at = self._clock()
        self._beat = status.beat
        return self._clock() - self._changed_at


def liveness(run: RunDir, status: Status | None, now: float, *, age: float | None = None) -> str:
    """The state of a run as an onlooker must take it: the status's own, "died" or "quiet".

    A run has died if its runner is gone without having said so; it is quiet if its runner is on another host, or
    the file system knows no locks, and its status has not changed for 10 s. `now` is in unix seconds. Who watches gives
    Heartbeat's `age`; without it the time in the status is compared with `now`, which trusts both clocks.
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
    return status.state if age <= QUIET_AFTER else "quiet"


def _parting_state(run: RunDir) -> str:
    """The state of a run whose process is gone. It may have said so since its status was read."""
    status = read_status(run)
    return status.state if status is not None and status.ended else "died"


def _is_new(run: RunDir, now: float) -> bool:
    """Whether the directory was made so lately that its runner may still be on its way."""
    try:
        return abs(now - run.profile.stat().st_mtime) <= QUIET_AFTER
    except OSError:
        return False
