"""Runs whose runner, for all that a viewer can see, is this process, and what they are sent."""

import os
import socket
import time

from icm_tui.run_dir import inbox
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.status import Status, write_status


def as_live(run: RunDir, state: str, **more: object) -> None:
    """Write the status of a runner at work; for a viewer to believe it, the run must be locked."""
    status = Status(state=state, host=socket.gethostname(), pid=os.getpid(), t=time.time(), decisions=500, **more)
    write_status(run, status)


def sent(run: RunDir) -> list[tuple[str, dict[str, object]]]:
    """The commands in a run's inbox: what and with which arguments."""
    return [(command.what, command.args) for command in inbox.take(run)]
