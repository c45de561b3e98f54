"""Starts a runner as a process of its own, which outlives the terminal that it was started from."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from icm_tui.errors import RunFailed
from icm_tui.run_dir.layout import FILE_MODE, RunDir, unwritable
from icm_tui.run_dir.status import read_status

# A server may have to read a large model before it can be probed, in seconds.
PATIENCE = 300.0
_LOOK_EVERY = 0.02
_LOG_SHOWN = 4000


def detach(path: Path, sets: list[str], *, then: Sequence[Path] = (), patience: float = PATIENCE) -> None:
    """Start the runner of the run in `path` in a session of its own, and wait up to `patience` seconds for its first
    status. When that run is done, the same process works through the runs in `then`.

    When this returns, the process runs. Otherwise the process is gone, and RunFailed says what it wrote to its log.
    """
    run = RunDir(path)
    try:
        descriptor = os.open(run.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
    except OSError as error:
        raise RunFailed(unwritable("The run's log", run.log, error)) from error
    said_before = os.fstat(descriptor).st_size
    words = [sys.executable, "-m", "icm_tui", "_runner", str(path), *map(str, then)]
    for change in sets:
        words += ["--set", change]
    try:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor, start_new_session=True
        )
    finally:
        os.close(descriptor)
    until = time.monotonic() + patience
    while time.monotonic() < until:
        status = read_status(run)
        if status is not None and status.pid == child.pid:
            # Nobody here waits for it: nothing is to warn that it still runs when this process ends.
            child.returncode = 0
            return
        if child.poll() is not None:
            if child.returncode == 0:
                return
            raise RunFailed(_said(run, said_before) or f"The runner ended at once with status {child.returncode}.")
        time.sleep(_LOOK_EVERY)
    child.kill()
    child.wait()
    raise RunFailed(f"The runner gave no sign within {patience:g} s and was ended; {run.log} may say why.")


def _said(run: RunDir, since: int) -> str:
    """The end of what the runner wrote to its log from byte `since` on."""
    try:
        data = run.log.read_bytes()[since:]
    except OSError:
        return ""
    return data[-_LOG_SHOWN:].decode("utf-8", "replace").strip()
