import errno
import os
import shutil
import socket
from pathlib import Path

import pytest

from icm_tui.domain.items import Item
from icm_tui.errors import UserError
from icm_tui.run_dir import layout
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.listing import RunSummary, list_runs, remove
from icm_tui.run_dir.status import Status, write_status
from tests.runner.processes import lock_holder

PROFILE = b'[search]\nmethod = "icm"\n[model]\nbackend = "openai"\nmodel = "some/model"\n'


def make_run(path: Path, profile: bytes = PROFILE, started: float = 1000.0) -> RunDir:
    run = layout.create(path)
    layout.write_atomically(run.profile, profile)
    layout.write_items(run, [Item(uid="1", text="a claim")])
    os.utime(run.profile, (started, started))
    return run


def test_list_runs_without_a_directory_is_empty(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "runs") == []


def test_list_runs_summarises_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo-1")
    (run.inbox / "x.json").write_bytes(b"12345")
    write_status(
        run,
        Status(state="done", decision=5, decisions=6, labelled=3, items=4, coherence_bits=0.25, host="h", pid=1, t=2.0),
    )
    sizes = sum(path.stat().st_size for path in (run.profile, run.items, run.status)) + 5
    assert list_runs(tmp_path) == [
        RunSummary(
            name="demo-1",
            path=str(run.path),
            state="done",
            decision=5,
            decisions=6,
            labelled=3,
            items=4,
            coherence=0.25,
            method="icm",
            model="some/model",
            disk=sizes,
            started=1000.0,
        )
    ]


def test_list_runs_puts_the_latest_first_and_lists_only_runs(tmp_path: Path) -> None:
    for name, started in (("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", 3.0)):
        make_run(tmp_path / name, started=started)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_bytes(b"")
    make_run(tmp_path / ".half-removed")
    assert [summary.name for summary in list_runs(tmp_path)] == ["b", "d", "c", "a"]


@pytest.mark.parametrize(
    ("profile", "method", "model"),
    [
        (b'[model]\nbackend = "embedded"\n', None, "embedded"),
        (b'[model]\nbackend = "gguf"\npath = "/models/small.gguf"\n', None, "small.gguf"),
        (b'model = "text"\n[search]\nmethod = 3\n', None, None),
        (b"not toml", None, None),
        (b"\xff", None, None),
        (b"", None, None),
    ],
)
def test_list_runs_survives_odd_profiles(tmp_path: Path, profile: bytes, method: str | None, model: str | None) -> None:
    make_run(tmp_path / "run", profile)
    (summary,) = list_runs(tmp_path)
    assert (summary.method, summary.model) == (method, model)
    assert (summary.state, summary.decision, summary.coherence) == ("died", None, None)


def test_list_runs_opens_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run")
    run.journal.write_bytes(b"x" * 1000)
    opened: list[str] = []

    def read_bytes(self: Path) -> bytes:
        opened.append(self.name)
        return b""

    def read_text(self: Path, encoding: str) -> str:
        opened.append(self.name)
        return ""

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr(Path, "read_text", read_text)
    (summary,) = list_runs(tmp_path)
    assert summary.disk > 1000
    assert opened == ["status.json", "profile.toml"]


def test_remove_deletes_a_run_that_nobody_runs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    other = make_run(tmp_path / "other")
    write_status(run, Status(state="running", host=socket.gethostname(), pid=os.getpid(), t=2.0))
    remove(run)
    assert os.listdir(tmp_path) == ["other"]
    assert other.is_run()


def test_remove_refuses_a_live_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with lock_holder(run) as holder:
        with pytest.raises(UserError, match=f"already being run by process {holder.pid} on .* stop it first"):
            remove(run)
        assert run.is_run()
        assert run.items.exists()


def test_remove_leaves_what_is_no_run_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"")
    with pytest.raises(UserError, match="is not a run, so it is left alone"):
        remove(RunDir(tmp_path))
    assert os.listdir(tmp_path) == ["precious"]


def test_remove_in_part_takes_the_run_off_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run")

    def refuse(path: Path) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(
        UserError, match=r"run cannot be deleted: permission denied\. What is left of it is in .*removed"
    ):
        remove(run)
    assert list_runs(tmp_path) == []


def test_remove_leaves_a_run_whole_that_it_cannot_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run")

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UserError, match=r"What is left of it is in .*run;"):
        remove(run)
    assert run.is_run()
