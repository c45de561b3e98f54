"""The progress of a run in one line: redrawn in place on a terminal, printed every few seconds elsewhere."""

import shutil
import time
from typing import TextIO

from icm_tui.run_dir.status import Status

_EVERY = 5.0


def progress_text(status: Status) -> str:
    """A status in one line: state, decisions, rate, time left, coherence."""
    parts = [f"{status.state} · {status.phase.replace('_', ' ')} · decision {status.decision} of {status.decisions}"]
    if status.state == "pausing" or status.state == "stopping":
        parts.append(f"{status.in_flight} answers in flight")
    parts.append(f"{status.calls} calls")
    if status.rate:
        parts.append(f"{status.rate:.0f} decisions/s" if status.rate >= 10 else f"{status.rate:.1f} decisions/s")
    if status.seconds_left is not None and status.state == "running":
        parts.append(f"{_duration(status.seconds_left)} left")
    if status.spent_usd:
        parts.append(f"${status.spent_usd:.2f}")
    coherence = "not measured yet" if status.coherence_bits is None else f"{status.coherence_bits:.2f} bits"
    parts.append(f"coherence {coherence}")
    if status.why:
        parts.append(status.why)
    return " · ".join(parts)


class ProgressLine:
    """Shows statuses on a stream; `close` ends the line. If nobody reads the stream any more, nothing is shown: a
    run does not end because its progress is not looked at."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraws = stream.isatty()
        self._drawn = 0
        self._told = -1e9
        self._state: tuple[str, str] | None = None
        self._gone = False

    def show(self, status: Status) -> None:
        """Show a status: at once on a terminal or if the state is new, else at most every five seconds, and while
        the run is paused not again."""
        now = time.monotonic()
        old = (status.state, status.why) == self._state
        if not self._redraws and old and (status.state == "paused" or now - self._told < _EVERY):
            return
        self._told, self._state = now, (status.state, status.why)
        text = progress_text(status)
        if self._redraws:
            text = text[: shutil.get_terminal_size().columns - 1]
            self._write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
        else:
            self._write(text + "\n")

    def close(self) -> None:
        """Leave the line standing."""
        if self._redraws and self._drawn:
            self._write("\n")

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._gone = True


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
