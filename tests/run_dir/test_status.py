import errno
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icm_tui.errors import RunFailed
from icm_tui.run_dir import layout, os_lock
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.status import ENDED, LIVE, Heartbeat, Status, liveness, process_exists, read_status, write_status
from tests.runner.processes import dead_pid, lock_holder

NOW = 1_795_450_746.0


def status_of(state: str = "running", **changes: Any) -> Status:
    here: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "t": NOW}
    return Status(state=state, **(here | changes))


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return layout.create(tmp_path / "run")


# The file


def test_a_status_comes_back_as_it_went_in_a_private_file(run: RunDir) -> None:
    assert read_status(run) is None
    before = os.umask(0)
    try:
        for status in (status_of(why="a reason", coherence_bits=0.5), status_of("paused", t=NOW + 1)):
            write_status(run, status)
            assert read_status(run) == status
    finally:
        os.umask(before)
    assert stat.S_IMODE(run.status.stat().st_mode) == 0o600
    assert sorted(os.listdir(run.path)) == ["inbox", "status.json"]


def test_a_reader_of_the_old_file_keeps_the_old_status(run: RunDir) -> None:
    write_status(run, status_of("running"))
    with run.status.open("rb") as old:
        write_status(run, status_of("paused"))
        assert msgspec.json.decode(old.read(), type=Status).state == "running"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_half_written_status_is_no_status(run: RunDir, data: st.DataObject) -> None:
    write_status(run, status_of(why="\u00e9"))
    whole = run.status.read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    run.status.write_bytes(whole[:length] + data.draw(st.sampled_from([b"", b"\0\0", b"\xff"])))
    assert read_status(run) is None


def test_a_status_with_more_fields_than_are_known_is_read(run: RunDir) -> None:
    fields = msgspec.to_builtins(status_of()) | {"mood": "good"}
    run.status.write_bytes(msgspec.json.encode(fields))
    assert read_status(run) == status_of()


def no_new_files(patch: pytest.MonkeyPatch) -> None:
    """A full disk: a file that is there can be written over, a new one gets no bytes."""
    open_file = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return open_file(path, flags, mode)

    patch.setattr(os, "open", refuse)


def test_on_a_full_disk_the_status_is_written_over_the_old_one(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    write_status(run, status_of("running", why="a long reason " * 9))
    full = status_of("paused", why="the disk is full")
    no_new_files(monkeypatch)
    write_status(run, full)
    assert read_status(run) == full


def test_a_first_status_without_room_is_one_sentence(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    no_new_files(monkeypatch)
    with pytest.raises(RunFailed, match=r"status\.json cannot be written: no space left on device.*free some space"):
        write_status(run, status_of())
    assert os.listdir(run.path) == ["inbox"]


# Who is there


def test_states_that_announce_the_exit_are_taken_at_their_word(run: RunDir) -> None:
    for state in ENDED:
        for host in (socket.gethostname(), "elsewhere"):
            status = status_of(state, host=host, pid=dead_pid() if host != "elsewhere" else 1, t=NOW - 1e6)
            assert liveness(run, status, NOW) == state


def test_on_this_host_a_runner_lives_while_it_holds_the_lock(run: RunDir) -> None:
    with lock_holder(run) as holder:
        for state in LIVE:
            assert liveness(run, status_of(state, pid=holder.pid, t=NOW - 1e6), NOW) == state
        holder.kill()
        holder.wait()
        # A process of that number is not enough: the number may have been given to another.
        assert liveness(run, status_of(pid=os.getpid()), NOW) == "died"
    for state in LIVE:
        assert liveness(run, status_of(state, pid=holder.pid), NOW) == "died"


def test_a_killed_runner_that_nobody_has_waited_for_has_died(run: RunDir) -> None:
    with lock_holder(run) as holder:
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert process_exists(holder.pid)
        assert liveness(run, status_of(pid=holder.pid), NOW) == "died"


def test_looking_does_not_make_a_lock_file(run: RunDir) -> None:
    assert liveness(run, status_of(), NOW) == "died"
    assert not run.lock.exists()


def test_a_run_without_a_status_is_starting_while_somebody_may_be_about_to_run_it(run: RunDir) -> None:
    layout.write_atomically(run.profile, b"")
    os.utime(run.profile, (NOW, NOW))
    assert liveness(run, None, NOW + 5) == "starting"
    assert liveness(run, None, NOW + 11) == "died"
    with lock_holder(run):
        assert liveness(run, None, NOW + 11) == "starting"
    run.profile.unlink()
    assert liveness(run, None, NOW) == "died"


def test_on_another_host_an_old_status_is_quiet(run: RunDir) -> None:
    status = status_of("running", host="elsewhere", pid=1)
    assert liveness(run, status, NOW + 9) == "running"
    assert liveness(run, status, NOW + 11) == "quiet"
    assert liveness(run, status, NOW - 3600, age=1.0) == "running"
    assert liveness(run, status, NOW, age=10.5) == "quiet"


def test_without_locks_the_process_and_the_heartbeat_decide(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icm_tui.run_dir.status.is_held", lambda path: None)
    assert liveness(run, status_of(), NOW + 1) == "running"
    assert liveness(run, status_of(), NOW + 11) == "quiet"
    assert liveness(run, status_of(pid=dead_pid()), NOW) == "died"


def test_a_heartbeat_ages_by_the_watchers_own_clock() -> None:
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


def test_another_users_process_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "kill", refuse)
    assert process_exists(1)


def test_a_lock_that_cannot_be_opened_is_not_known_to_be_held(run: RunDir) -> None:
    run.lock.mkdir()
    assert os_lock.is_held(run.lock) is None


def test_looking_at_a_finished_run_does_not_load_the_lock_library(run: RunDir) -> None:
    write_status(run, status_of("done"))
    code = (
        "import sys; from pathlib import Path; from icm_tui.run_dir.layout import RunDir; "
        "from icm_tui.run_dir.status import liveness, read_status; run = RunDir(Path(sys.argv[1])); "
        "print(liveness(run, read_status(run), 0.0), 'filelock' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=True)
    assert done.stdout == "done False\n"
