import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icm_tui.errors import RunFailed
from icm_tui.run_dir import layout
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.status import Status, read_status, write_status

NOW = 1_795_450_746.0


def status_of(state: str = "running", **changes: Any) -> Status:
    here: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "t": NOW}
    return Status(state=state, **(here | changes))


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return layout.create(tmp_path / "run")


# The file


def test_status_survives_the_disk_in_a_private_file(run: RunDir) -> None:
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


def test_status_in_a_replaced_file_stays_readable(run: RunDir) -> None:
    write_status(run, status_of("running"))
    with run.status.open("rb") as old:
        write_status(run, status_of("paused"))
        assert msgspec.json.decode(old.read(), type=Status).state == "running"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_status_half_written_is_none(run: RunDir, data: st.DataObject) -> None:
    write_status(run, status_of(why="\u00e9"))
    whole = run.status.read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    run.status.write_bytes(whole[:length] + data.draw(st.sampled_from([b"", b"\0\0", b"\xff"])))
    assert read_status(run) is None


def test_status_with_unknown_fields_is_read(run: RunDir) -> None:
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


def test_status_overwrites_the_old_one_on_a_full_disk(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    write_status(run, status_of("running", why="a long reason " * 9))
    full = status_of("paused", why="the disk is full")
    no_new_files(monkeypatch)
    write_status(run, full)
    assert read_status(run) == full


def test_status_without_room_for_a_first_file_says_why(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    no_new_files(monkeypatch)
    with pytest.raises(RunFailed, match=r"status\.json cannot be written: no space left on device.*free some space"):
        write_status(run, status_of())
    assert os.listdir(run.path) == ["inbox"]
