"""The commands that steer a run from a shell: pause, resume, step, skip, to, pin, throttle, stop."""

import argparse
import math
import sys
import time
from collections.abc import Callable
from typing import Any

from icm_tui.commands.console import to_type
from icm_tui.errors import RunFailed, UserError
from icm_tui.files import runs_dir
from icm_tui.run_dir import inbox
from icm_tui.run_dir.layout import RunDir, find_run
from icm_tui.run_dir.lock import Heartbeat, is_held, liveness
from icm_tui.run_dir.reading import end_of_whole_lines, read_records
from icm_tui.run_dir.records import CommandRecord
from icm_tui.run_dir.status import LIVE, Status, read_status
from icm_tui.text import one_line

# A runner looks into its inbox ten times a second, but not while it reads a long journal back or waits for a disk.
PATIENCE = 60.0
_LOOK_EVERY = 0.05
_CHUNK = 1 << 16


def send(args: argparse.Namespace) -> int:
    """Sends `args.what` to the runner of `args.run` and waits for the outcome; after a stop, for its end."""
    watch = _watch_live(find_run(args.run, runs_dir()))
    watch.send(args.what, {"n": args.n} if args.what == "to" else {})
    if args.what == "stop":
        watch.until_ended()
    return 0


def pin(args: argparse.Namespace) -> int:
    """Pins `args.item` of `args.run` to `args.label`, or with `args.off` takes its pin off."""
    from icm_tui.profile.toml import load

    if args.off == (args.label is not None):
        raise UserError("`icm-tui pin` takes either a LABEL or --off, as in `icm-tui pin demo 17 A`.")
    run = find_run(args.run, runs_dir())
    names = load(run.profile).prompt.labels
    if args.label is not None and args.label not in names:
        raise UserError(f"{args.label!r} is no label of {one_line(run.name)}; its labels are {', '.join(names)}.")
    _watch_live(run).send("pin", {"item": args.item, "label": args.label, "note": args.note})
    return 0


def throttle(args: argparse.Namespace) -> int:
    """Spreads the remaining decisions of `args.run` over `args.seconds`, a number as text; "off" ends the throttle."""
    seconds = None if args.seconds == "off" else seconds_of(args.seconds)
    _watch_live(find_run(args.run, runs_dir())).send("throttle", {} if seconds is None else {"seconds": seconds})
    return 0


def seconds_of(text: str) -> float:
    """The seconds of a throttle given on the command line. Raises UserError if they are not a number above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"A throttle is a number of seconds above 0, such as 20, not {text!r}.")
    return seconds


def resume(args: argparse.Namespace) -> int:
    """Lifts the pause of a run that has a runner; gives a run without one a new runner, here or detached."""
    from icm_tui.profile.toml import load
    from icm_tui.runner.controls import with_allowed_sets

    run = find_run(args.run, runs_dir())
    with_allowed_sets(load(run.profile), args.set)
    watch = Watch(run)
    if watch.state == "stopping":
        watch.until_ended()
    if watch.has_runner:
        watch.send("resume", {"set": args.set} if args.set else {})
        return 0
    if args.detach:
        from icm_tui.runner.launch import detach

        detach(run.path, args.set)
        print(run.path)
        return 0
    from icm_tui.commands.headless import run_to_end

    return run_to_end(run, args.set, as_json=args.json)


def _watch_live(run: RunDir) -> "Watch":
    watch = Watch(run)
    if watch.state not in LIVE:
        raise RunFailed(_not_running(run, watch.state))
    return watch


class Watch:
    """Observes a run that another process runs, and sends it commands."""

    def __init__(
        self, run: RunDir, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """`clock` (seconds) and `sleep` are used while waiting."""
        self._run = run
        self._clock = clock
        self._sleep = sleep
        self._heartbeat = Heartbeat(clock)

    @property
    def state(self) -> str:
        """The run's state now, as far as an observer can know it."""
        status, now = self._status(), time.time()
        return liveness(self._run, status, now, age=self._heartbeat.age(status, now) if status else None)

    @property
    def has_runner(self) -> bool:
        """Whether a process works on the run. A run that was killed before its first status looks as if it were
        starting, but nobody holds its lock."""
        state = self.state
        return state in LIVE and not (state == "starting" and is_held(self._run.lock) is False)

    def send(self, what: str, args: dict[str, Any]) -> CommandRecord:
        """Send a command, wait until the journal has its outcome, and return that record.

        Raises RunFailed if it was refused, if the runner ends before it obeys, and if it takes too long.
        """
        offset = end_of_whole_lines(self._run.journal)
        command = inbox.Command(id=inbox.send(self._run, what, args), what=what)
        _say(f"{what}: asked {self._run.name}")
        until = self._clock() + PATIENCE
        while True:
            state = self.state  # before the journal is read, so that all the runner wrote before it ended is in it
            record = self._outcome(command.id, offset)
            if record is not None:
                break
            if state not in LIVE:
                inbox.done(self._run, command)  # or the next runner would obey it
                raise RunFailed(f"{what}: {_not_running(self._run, state)}")
            if self._clock() >= until:
                raise RunFailed(
                    f"{what}: {self._run.name} has not answered within {PATIENCE:g} s. The command stays in its "
                    f"inbox until the runner gets to it; watch it with `icm-tui attach {to_type(self._run)}`."
                )
            self._sleep(_LOOK_EVERY)
        why = f" ({record.why})" if record.why else ""
        if record.outcome == "refused":
            raise RunFailed(f"{what}: refused{why}.")
        _say(f"{what}: {record.outcome}{why}, at decision {record.n}")
        return record

    def until_ended(self) -> None:
        """Wait until the process has ended. Raises RunFailed if that takes too long."""
        until = self._clock() + PATIENCE
        while self.state in LIVE:
            if self._clock() >= until:
                status = self._status()
                waits = f" It is waiting for {status.in_flight} answers." if status and status.in_flight else ""
                raise RunFailed(
                    f"{self._run.name} is still stopping after {PATIENCE:g} s.{waits} "
                    f"Watch it with `icm-tui attach {to_type(self._run)}`."
                )
            self._sleep(_LOOK_EVERY)
        _say(f"{self._run.name} is {self.state}")

    def _status(self) -> Status | None:
        return read_status(self._run)

    def _outcome(self, command: str, offset: int) -> CommandRecord | None:
        """The journal's record of a command, searched from the line at `offset`; None if there is none yet."""
        if not self._run.journal.exists():
            return None
        for _, record in read_records(self._run.journal, start_offset=offset):
            if isinstance(record, CommandRecord) and record.id == command:
                return record
        return None


def _not_running(run: RunDir, state: str) -> str:
    name, typed = one_line(run.name), to_type(run)
    if state == "done":
        return f"{name} is done."
    if state == "quiet":
        return (
            f"{name} has been silent for a while: its runner is on another host, or gone. "
            f"`icm-tui resume {typed}` waits for a sign of life and restarts the run if there is none."
        )
    return f"{name} has no process ({state}). `icm-tui resume {typed}` starts one."


def _say(line: str) -> None:
    print(one_line(line), file=sys.stderr)
