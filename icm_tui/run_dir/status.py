"""The runner's heartbeat: the small file that says what a run is doing."""

import contextlib
import os

import msgspec

from icm_tui.errors import RunFailed
from icm_tui.files import write_all
from icm_tui.run_dir.layout import FILE_MODE, RunDir, unwritable

LIVE = ("starting", "running", "pausing", "paused", "stopping")
ENDED = ("stopped", "done", "failed")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run at `t` (unix seconds), as its runner acknowledged it.

    `state` is one of LIVE or ENDED, `why` the reason in words. `decision` of `decisions` were taken; `rate` is in
    decisions per second, `coherence_bits` in bits, and `violations` counts the pairs of labels that break the rule.
    `throttle_seconds` is the time over which a person spread the remaining decisions, None if they are not spread. In
    the other fields None means not known (yet).
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
        """Whether the runner announced that it is about to exit."""
        return self.state in ENDED

    @property
    def beat(self) -> tuple[str, int, float]:
        """A value that differs in every status written."""
        return self.host, self.pid, self.t


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Status)


def write_status(run: RunDir, status: Status) -> None:
    """Replace status.json (mode 0600). It need not survive a power cut, so it is not synced.

    A full disk has no room for a new file, but the bytes of the old one can be overwritten; then a reader may see half
    a status for an instant. Raises RunFailed if that fails, too.
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
        # Spaces overwrite the rest of a longer status.
        write_all(descriptor, data.ljust(os.fstat(descriptor).st_size))
    finally:
        os.close(descriptor)


def read_status(run: RunDir) -> Status | None:
    """Return the last status written; None if there is none or it is just being written."""
    try:
        return _decoder.decode(run.status.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
