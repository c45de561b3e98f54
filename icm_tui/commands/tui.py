"""`icm-tui` on a terminal: open the screens, and afterwards say how to come back to a run."""

import argparse
import os
import sys
import time
from pathlib import Path

from icm_tui.errors import UserError
from icm_tui.text import one_line
from icm_tui.tui.terminal import refusal


def open_(args: argparse.Namespace) -> int:
    """Opens the list of runs. Raises UserError off a terminal, with what to do instead."""
    why = refusal(sys.stdin, sys.stderr, os.environ)
    if why is not None:
        raise UserError(why)
    return watch(None)


def has_screen() -> bool:
    """Whether there is a terminal to show the screens on."""
    return refusal(sys.stdin, sys.stderr, os.environ) is None


def watch(run: Path | None, *, read_only: bool = False, mouse: bool = True) -> int:
    """Shows a run, or the list of runs, until the person leaves; then prints the state of each run that was shown, and
    how to come back to it."""
    from icm_tui.tui.entrance import enter

    for path in enter(run, read_only=read_only, mouse=mouse):
        print(farewell(path))
    return 0


def farewell(path: Path) -> str:
    """The state of a run and how to come back to it, in one line."""
    from icm_tui.commands.console import to_type
    from icm_tui.run_dir.layout import RunDir
    from icm_tui.run_dir.lock import liveness
    from icm_tui.run_dir.status import LIVE, read_status

    run = RunDir(path)
    name, typed = one_line(run.name), to_type(run)
    if not run.is_run():
        return f"{name} is removed."
    status = read_status(run)
    state = liveness(run, status, time.time())
    at = f"decision {status.decision} of {status.decisions}" if status is not None and status.decisions else ""
    where = f" ({at})" if at else ""
    if state == "done":
        return f"{name} is done{where}. icm-tui attach {typed}"
    if state == "paused":
        return f"{name} is paused{where}. icm-tui attach {typed}"
    if state in LIVE:
        return f"{name} continues{where}. icm-tui attach {typed}"
    return f"{name}: {state}{where}. icm-tui resume {typed}"
