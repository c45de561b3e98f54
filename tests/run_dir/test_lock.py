import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest

from icm_tui.errors import RunFailed, UserError
from icm_tui.run_dir import layout
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock, is_held
from icm_tui.run_dir.status import Status, write_status
from tests.runner.processes import dead_pid, lock_holder, no_locks

HERE = socket.gethostname()


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return layout.create(tmp_path / "run")


def beat(run: RunDir, t: float, *, state: str = "running", host: str = "elsewhere", pid: int = 7) -> None:
    write_status(run, Status(state=state, host=host, pid=pid, t=t))


class Time:
    """A clock that moves on while it sleeps; `meanwhile` runs after each sleep."""

    def __init__(self, meanwhile: Callable[[float], None] = lambda now: None) -> None:
        self.now = 50.0
        self._meanwhile = meanwhile

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._meanwhile(self.now)

    def lock(self, run: RunDir) -> RunLock:
        return RunLock(run, clock=self.clock, sleep=self.sleep)


def test_lock_refusal_names_the_process_that_holds_it(run: RunDir) -> None:
    with lock_holder(run) as holder:
        with pytest.raises(UserError) as caught, RunLock(run):
            pass
        assert str(caught.value) == (
            f"The run run is already being run by process {holder.pid} on {HERE}; watch it with `icm-tui attach run`, "
            "or stop it first with `icm-tui stop run`."
        )
        assert caught.value.exit_status == 2
    with RunLock(run):
        pass


def test_lock_refusal_reaches_another_process(run: RunDir) -> None:
    with RunLock(run), pytest.raises(AssertionError, match=f"process {os.getpid()} on"), lock_holder(run):
        pass


def test_lock_is_released_by_a_killed_process(run: RunDir) -> None:
    with lock_holder(run) as holder:
        beat(run, 1.0, host=HERE, pid=holder.pid)
        holder.kill()
        holder.wait()
        with RunLock(run):
            assert is_held(run.lock)
        assert not is_held(run.lock)


def test_lock_is_released_after_an_error_and_can_be_retaken(run: RunDir) -> None:
    lock = RunLock(run)
    with pytest.raises(ZeroDivisionError), lock:
        _ = 1 / 0
    with lock, pytest.raises(UserError, match=f"process {os.getpid()} on"), RunLock(run):
        pass
    lock.release()


def test_lock_file_is_private(run: RunDir) -> None:
    before = os.umask(0)
    try:
        with RunLock(run):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(run.lock.stat().st_mode) == 0o600


def test_lock_outlasts_an_onlooker_who_probes_it(run: RunDir) -> None:
    probing, may_end = threading.Event(), threading.Event()
    probe = filelock.FileLock(run.lock, thread_local=False)
    acquire, release = probe.acquire, probe.release
    acquire()

    def onlooker() -> None:
        probing.set()
        may_end.wait(30)
        release()

    thread = threading.Thread(target=onlooker)
    thread.start()
    assert probing.wait(30)
    may_end.set()
    with RunLock(run, patience=30.0):  # however slow the machine
        pass
    thread.join()


def test_lock_with_an_empty_file_is_held_by_another_process(run: RunDir) -> None:
    with lock_holder(run):
        run.lock.write_bytes(b"")
        with pytest.raises(UserError, match="being run by another process;"), RunLock(run):
            pass


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EROFS, r"lock .*lock cannot be written: read-only file system\. To mend it, make that disk writable"),
        (errno.ENOSPC, "no space left on device"),
    ],
)
def test_lock_reports_a_disk_that_takes_no_file(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    no_locks(monkeypatch, number)
    with pytest.raises(RunFailed, match=sentence), RunLock(run):
        pass


# The heartbeat


def test_lock_respects_another_hosts_live_runner_and_wrong_clock(run: RunDir) -> None:
    beat(run, 1.0)  # decades behind
    time = Time(lambda now: beat(run, 1.0 + (now > 53.0)))
    with pytest.raises(UserError, match="process 7 on elsewhere; watch it"), time.lock(run):
        pass
    assert 53.0 < time.now < 55.0
    assert not is_held(run.lock)


def test_lock_is_taken_from_a_dead_host_after_ten_seconds(run: RunDir) -> None:
    beat(run, 1e12)
    time = Time()
    with time.lock(run):
        assert is_held(run.lock)
    assert time.now == pytest.approx(60.0)


def test_lock_is_taken_when_a_watched_runner_ends(run: RunDir) -> None:
    beat(run, 1.0)
    time = Time(lambda now: beat(run, now, state="stopped"))
    with time.lock(run):
        pass
    assert time.now < 52.0


def test_lock_ignores_a_status_half_written_while_watched(run: RunDir) -> None:
    beat(run, 1.0)

    def tear(now: float) -> None:
        run.status.write_bytes(b'{"state"')

    time = Time(tear)
    with time.lock(run):
        pass
    assert time.now == pytest.approx(60.0)


@pytest.mark.parametrize("state", ["done", "stopped", "failed"])
def test_lock_does_not_watch_an_announced_exit(run: RunDir, state: str) -> None:
    beat(run, 1.0, state=state)
    time = Time()
    with time.lock(run):
        pass
    assert time.now == 50.0


def test_lock_alone_decides_on_this_host(run: RunDir) -> None:
    beat(run, 1.0, host=HERE, pid=os.getppid())
    time = Time()
    with time.lock(run):
        pass
    assert time.now == 50.0


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_lock_without_locking_goes_by_the_heartbeat(run: RunDir, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    no_locks(monkeypatch, number)
    assert Time().lock(run).__enter__() is not None  # no status, nobody there
    beat(run, 1.0, host=HERE, pid=os.getppid())
    with (
        pytest.raises(UserError, match=f"process {os.getppid()} on {HERE}"),
        Time(lambda now: beat(run, now, host=HERE, pid=os.getppid())).lock(run),
    ):
        pass
    for pid, watched in ((os.getppid(), True), (dead_pid(), False), (os.getpid(), False)):
        beat(run, 1.0, host=HERE, pid=pid)
        time = Time()
        with time.lock(run):
            pass
        assert (time.now > 50.0) is watched


def test_lock_is_not_inherited_by_children(run: RunDir) -> None:
    arguments: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "close_fds": False}
    with RunLock(run):
        child = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()"], **arguments)
        assert child.stdout is not None
        child.stdout.readline()
    try:
        assert not is_held(run.lock)
    finally:
        child.communicate(b"\n")
