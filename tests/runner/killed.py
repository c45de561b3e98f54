"""A runner that is killed without warning, in the middle of a write, when its journal reaches a given length.

As a program it takes turns of runs as they are told on stdin, each in a process of its own that shares what was
imported here, and tells on stdout how each ended.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from icm_tui.models.client import ModelClient, Query
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.runner import TUNING, Tuning
from icm_tui.runner.session import run_here
from tests.runner.made import Shuffled, wrapped

ROOT = Path(__file__).parents[2]


class Turns:
    """Takes turns of a run in processes that may be killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def take(self, run: RunDir, asked: Path, *, length: int | None = None, paid: bool = False) -> int:
        """Go on with a run, killed once its journal has `length` bytes, and return the exit status (-9: killed).

        Every question asked is a line added to `asked`. With `paid` the journal is kept as if answers cost money.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        turn = {"run": str(run.path), "asked": str(asked), "length": length, "paid": paid}
        print(json.dumps(turn), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


@contextmanager
def killable() -> Iterator[Turns]:
    """Turns in processes of their own, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Turns(process)
    finally:
        process.communicate()


class _Noting(Shuffled):
    """Adds a line to a file for every question, at once and for good."""

    def __init__(self, inner: ModelClient, path: str) -> None:
        super().__init__(inner, Random())
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def ask(self, asked: Query) -> None:
        os.write(self._file, f"{asked.question}\n".encode())
        super().ask(asked)


def _kill_at(journal: Path, length: int) -> None:
    """Let the journal grow to `length` bytes and not one more."""
    write = os.write

    def cut_short(descriptor: int, data: memoryview) -> int:
        if journal.exists() and os.path.samestat(os.fstat(descriptor), journal.stat()):
            left = length - os.fstat(descriptor).st_size
            if len(data) >= left:
                write(descriptor, data[: max(0, left)])
                os.kill(os.getpid(), signal.SIGKILL)
        return write(descriptor, data)

    pytest.MonkeyPatch().setattr(os, "write", cut_short)


def _take(turn: dict[str, Any]) -> None:
    run = RunDir(Path(turn["run"]))
    if turn["length"] is not None:
        _kill_at(run.journal, turn["length"])
    tuning = Tuning(durability="paid") if turn["paid"] else TUNING
    outcome = run_here(run.path, model_client_of=wrapped(lambda inner: _Noting(inner, turn["asked"])), tuning=tuning)
    assert outcome.state == "done"


def _serve() -> None:
    for late in ("filelock", "icm_tui.search.replications.fork", "icm_tui.search.replications.paper"):
        importlib.import_module(late)  # what runs import when they need it, each turn would pay for
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _take(json.loads(line))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
