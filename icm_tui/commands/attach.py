"""`icm-tui attach`: follow a run from any process that sees its directory; off a terminal, as lines of progress."""

import argparse
import shutil
import time
from typing import TextIO

from icm_tui.commands.tui import has_screen, watch
from icm_tui.errors import STOPPED_SHORT, UserError
from icm_tui.files import runs_dir
from icm_tui.run_dir.layout import RunDir, find_run, run_paths
from icm_tui.run_dir.lock import Heartbeat, liveness
from icm_tui.run_dir.status import ENDED, LIVE, Status, read_status
from icm_tui.text import one_line

_EVERY = 1.0
_REPORT_EVERY = 5.0


def attach(args: argparse.Namespace) -> int:
    """Shows `args.run` on the screen; without a name the only live run, or the list of runs. Off a terminal prints the
    run's state once a second until it ends."""
    if has_screen():
        live = [] if args.run else _live()
        run = find_run(args.run, runs_dir()) if args.run else live[0] if len(live) == 1 else None
        return watch(run.path if run is not None else None, read_only=args.read_only, mouse=not args.no_mouse)
    return _print_lines(find_run(args.run, runs_dir()) if args.run else _only_live())


def _print_lines(run: RunDir) -> int:
    heartbeat = Heartbeat()
    while True:
        status = read_status(run)
        now = time.time()
        state = liveness(run, status, now, age=heartbeat.age(status, now) if status else None)
        if status is not None and state != status.state and state in ENDED:
            continue  # it ended since the status was read
        if status is None:
            print(state, flush=True)
        else:
            shown = "" if state == status.state else f"{state} · last seen "
            print(one_line(shown + progress_text(status)), flush=True)
        if state not in LIVE and state != "quiet":
            return 0 if state == "done" else STOPPED_SHORT
        time.sleep(_EVERY)


def _live() -> list[RunDir]:
    runs = [RunDir(path) for path in run_paths(runs_dir())]
    now = time.time()
    return [run for run in runs if liveness(run, read_status(run), now) in LIVE]


def _only_live() -> RunDir:
    live = _live()
    if len(live) == 1:
        return live[0]
    if not live:
        raise UserError("No run is live. `icm-tui runs` lists them all; `icm-tui run demo` starts one.")
    raise UserError(f"{len(live)} runs are live: {', '.join(run.name for run in live)}. Name one of them.")


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
    """Shows statuses on a stream: redrawn in place on a terminal, a line every few seconds elsewhere. If nobody reads
    the stream any more, nothing is shown and the run continues."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraws = stream.isatty()
        self._drawn = 0
        self._shown_at = -1e9
        self._state: tuple[str, str] | None = None
        self._gone = False

    def show(self, status: Status) -> None:
        """Shows a status: at once on a terminal or if the state is new, otherwise at most every five seconds and, while
        the run is paused, once."""
        now = time.monotonic()
        old = (status.state, status.why) == self._state
        if not self._redraws and old and (status.state == "paused" or now - self._shown_at < _REPORT_EVERY):
            return
        self._shown_at, self._state = now, (status.state, status.why)
        text = progress_text(status)
        if self._redraws:
            text = text[: shutil.get_terminal_size().columns - 1]
            self._write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
        else:
            self._write(text + "\n")

    def close(self) -> None:
        """Ends the line on a terminal, so that what follows does not overwrite it."""
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
