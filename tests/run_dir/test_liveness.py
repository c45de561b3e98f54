import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from icm_tui.run_dir import layout
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import Heartbeat, is_held, liveness, process_exists
from icm_tui.run_dir.status import ENDED, LIVE, Status, write_status
from tests.runner.processes import dead_pid, lock_holder, no_locks

NOW = 1_795_450_746.0


def status_of(state: str = "running", **changes: Any) -> Status:
    here: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "t": NOW}
    return Status(state=state, **(here | changes))


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return layout.create(tmp_path / "run")


def test_liveness_trusts_a_state_that_announced_the_exit(run: RunDir) -> None:
    for state in ENDED:
        for host in (socket.gethostname(), "elsewhere"):
            status = status_of(state, host=host, pid=dead_pid() if host != "elsewhere" else 1, t=NOW - 1e6)
            assert liveness(run, status, NOW) == state


def test_liveness_on_this_host_follows_the_lock(run: RunDir) -> None:
    with lock_holder(run) as holder:
        for state in LIVE:
            assert liveness(run, status_of(state, pid=holder.pid, t=NOW - 1e6), NOW) == state
        holder.kill()
        holder.wait()
        # A process of that number is not enough: the number may have been given to another.
        assert liveness(run, status_of(pid=os.getpid()), NOW) == "died"
    for state in LIVE:
        assert liveness(run, status_of(state, pid=holder.pid), NOW) == "died"


def test_liveness_of_an_unreaped_runner_is_died(run: RunDir) -> None:
    with lock_holder(run) as holder:
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert process_exists(holder.pid)
        assert liveness(run, status_of(pid=holder.pid), NOW) == "died"


def test_liveness_makes_no_lock_file(run: RunDir) -> None:
    assert liveness(run, status_of(), NOW) == "died"
    assert not run.lock.exists()


def test_liveness_without_a_status_is_starting_for_a_while(run: RunDir) -> None:
    layout.write_atomically(run.profile, b"")
    os.utime(run.profile, (NOW, NOW))
    assert liveness(run, None, NOW + 5) == "starting"
    assert liveness(run, None, NOW + 11) == "died"
    with lock_holder(run):
        assert liveness(run, None, NOW + 11) == "starting"
    run.profile.unlink()
    assert liveness(run, None, NOW) == "died"


def test_liveness_of_an_old_status_elsewhere_is_quiet(run: RunDir) -> None:
    status = status_of("running", host="elsewhere", pid=1)
    assert liveness(run, status, NOW + 9) == "running"
    assert liveness(run, status, NOW + 11) == "quiet"
    assert liveness(run, status, NOW - 3600, age=1.0) == "running"
    assert liveness(run, status, NOW, age=10.5) == "quiet"


def test_liveness_without_locks_uses_process_and_heartbeat(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    run.lock.touch()
    no_locks(monkeypatch)
    assert liveness(run, status_of(), NOW + 1) == "running"
    assert liveness(run, status_of(), NOW + 11) == "quiet"
    assert liveness(run, status_of(pid=dead_pid()), NOW) == "died"


def test_heartbeat_ages_by_the_watchers_own_clock() -> None:
    seconds = [100.0]
    heartbeat = Heartbeat(clock=lambda: seconds[0])
    # The first look can only compare clocks: an hour off seems an hour old, before or behind.
    assert heartbeat.age(status_of(t=NOW + 3600), NOW) == 3600
    seconds[0] += 1
    assert heartbeat.age(status_of(t=NOW + 3601), NOW) == 0
    seconds[0] += 7
    assert heartbeat.age(status_of(t=NOW + 3601), NOW) == 7
    assert heartbeat.age(status_of(t=NOW + 3601, pid=1), NOW) == 0
    assert Heartbeat(clock=lambda: 5.0).age(status_of(t=NOW - 4), NOW) == 4


def test_process_exists() -> None:
    assert process_exists(os.getpid())
    assert not process_exists(dead_pid())
    for number in (0, -1, 2**80):
        assert not process_exists(number)


def test_process_exists_sees_another_users_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "kill", refuse)
    assert process_exists(1)


def test_is_held_is_unknown_if_the_lock_cannot_be_opened(run: RunDir) -> None:
    run.lock.mkdir()
    assert is_held(run.lock) is None


def test_liveness_of_a_finished_run_does_not_load_filelock(run: RunDir) -> None:
    write_status(run, status_of("done"))
    code = (
        "import sys; from pathlib import Path; from icm_tui.run_dir.layout import RunDir; "
        "from icm_tui.run_dir.lock import liveness; from icm_tui.run_dir.status import read_status; "
        "run = RunDir(Path(sys.argv[1])); print(liveness(run, read_status(run), 0.0), 'filelock' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=True)
    assert done.stdout == "done False\n"
