"""Processes that hold a run's lock or are known to be gone, controlled through pipes; a system without locks."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import filelock
import pytest

from icm_tui.run_dir.layout import RunDir

_HOLD = """
import sys
from pathlib import Path
from icm_tui.errors import UserError
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock
try:
    with RunLock(RunDir(Path(sys.argv[1]))):
        print("held", flush=True)
        sys.stdin.read()
except UserError as error:
    print(error, flush=True)
"""


@contextmanager
def lock_holder(run: RunDir) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run's lock until the end of the block, unless it is killed before."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if said != "held\n":
            raise AssertionError(said)
        yield process
    finally:
        process.communicate()


def dead_pid() -> int:
    """The number of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def no_locks(patch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    """Let every attempt to lock a file fail with an error number."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    patch.setattr(filelock.FileLock, "acquire", refuse)
