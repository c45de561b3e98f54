"""Runs slowed down so that they can be watched, and what is left of them once nobody does."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from icm_tui.run_dir.labels import FinalLabel, final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import DecisionRecord
from icm_tui.run_dir.status import read_status
from tests.tui.terminal import ICM_TUI, PATIENCE, environment

SMALL = ("--set", "task.limit=60")
SLOWLY = "240"


def icm_tui(home: Path, *words: str, status: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
    """What a command says off a terminal; it must end with `status`, if one is given."""
    done = subprocess.run(
        [*ICM_TUI, *words],
        env=environment(home, environ),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert status in (None, done.returncode), done.stdout + done.stderr
    return done


def start(home: Path, *sets: str, seconds: str = SLOWLY) -> RunDir:
    """A run that would take minutes, in a process of its own."""
    said = icm_tui(home, "run", "demo", *SMALL, *sets, "--detach", "--throttle", seconds)
    return RunDir(Path(said.stdout.strip()))


def finish(home: Path, run: RunDir) -> list[FinalLabel]:
    """Take the throttle off, wait for the end, and tell the labels."""
    icm_tui(home, "throttle", str(run.path), "off", status=None)  # it may have ended
    # Prints a line a second until the run has ended.
    icm_tui(home, "attach", str(run.path))
    status = read_status(run)
    assert status is not None
    assert status.state == "done"
    return final_labels(run.path)


def undisturbed(home: Path) -> list[FinalLabel]:
    """The labels of the same run when nobody watches."""
    said = icm_tui(home, "run", "demo", *SMALL, "--headless", "--json")
    return final_labels(Path(msgspec.json.decode(said.stdout)["directory"]))


def labels(finals: list[FinalLabel]) -> list[dict[str, Any]]:
    """To be compared, with the difference shown."""
    return [msgspec.structs.asdict(final) for final in finals]


def decisions(run: RunDir) -> int:
    """How many decisions the journal holds."""
    return sum(isinstance(record, DecisionRecord) for _, record in read_records(run.journal))


def until(what: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until `what` is true, for what no terminal tells."""
    last = time.monotonic() + patience
    while not what():
        assert time.monotonic() < last, "it did not come"
        time.sleep(0.02)


def goes_on(run: RunDir) -> None:
    """Wait until the journal holds three decisions more than now."""
    before = decisions(run)
    until(lambda: decisions(run) >= before + 3)
