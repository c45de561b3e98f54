"""Runners in processes of their own: when the start returns, either one runs or it says why not."""

import contextlib
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from icm_tui.cli import main
from icm_tui.commands import attach
from icm_tui.errors import RunFailed
from icm_tui.run_dir import inbox
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import liveness, process_exists
from icm_tui.run_dir.status import LIVE, Status, read_status
from icm_tui.runner.launch import detach
from icm_tui.runner.session import run_here
from tests.runner.journals import resealed
from tests.runner.made import lines, make, trajectory
from tests.runner.test_faults import sentence

SETS = ("search.shots=4", "task.limit=16")


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return make(tmp_path / "run", *SETS, "run.max_calls=20")


def told(run: RunDir) -> Status:
    status = read_status(run)
    assert status is not None
    return status


@contextlib.contextmanager
def detached(run: RunDir, *sets: str) -> Iterator[int]:
    """The number of a runner that was started detached, and is stopped and waited for at the end of the block."""
    detach(run.path, list(sets))
    pid = told(run).pid
    try:
        yield pid
    finally:
        inbox.send(run, "stop", {})
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_detach_starts_a_runner_in_its_own_session(run: RunDir, tmp_path: Path) -> None:
    with detached(run) as pid:
        assert process_exists(pid)
        assert pid != os.getpid()
        assert os.getsid(pid) == pid
        assert liveness(run, told(run), time.time()) in LIVE
        assert stat.S_IMODE(run.log.stat().st_mode) == 0o600
    assert (told(run).state, told(run).why) == ("stopped", "stopped by command")
    assert run.log.read_bytes() == b""
    assert run_here(run.path, sets=["run.max_calls=100000"]).state == "done"
    whole = make(tmp_path / "whole", *SETS)
    run_here(whole.path)
    assert trajectory(run) == trajectory(whole)


def test_detach_passes_settings_on(run: RunDir) -> None:
    with detached(run, "run.max_calls=21", "model.concurrency=2"):
        pass
    assert lines(run, "command")[0]["args"] == {"set": ["run.max_calls=21", "model.concurrency=2"]}


def test_detach_accepts_a_run_that_is_done_at_once(run: RunDir) -> None:
    run_here(run.path, sets=["run.max_calls=100000"])
    detach(run.path, [])
    assert told(run).state == "done"
    with contextlib.suppress(ChildProcessError):  # it may have been waited for
        os.waitpid(told(run).pid, 0)


def test_detach_says_why_a_runner_cannot_start(run: RunDir) -> None:
    with detached(run):
        pass
    run.journal.write_bytes(resealed(run.journal.read_bytes().replace(b'"format":1', b'"format":2', 1)))
    log = run.log.read_bytes()
    for _ in range(2):
        with pytest.raises(RunFailed) as caught:
            detach(run.path, [])
        assert str(caught.value) == sentence(run)
        assert run.log.read_bytes() == log + f"{caught.value}\n".encode()
        log = run.log.read_bytes()


def test_detach_refuses_a_setting_that_may_not_change(run: RunDir) -> None:
    with pytest.raises(RunFailed, match=r"^search\.shots cannot be changed while a run is under way"):
        detach(run.path, ["search.shots=2"])


def test_detach_says_that_a_log_cannot_be_written(run: RunDir) -> None:
    run.log.mkdir()
    with pytest.raises(RunFailed) as caught:
        detach(run.path, [])
    expected = f"The run's log {run.log} cannot be written: is a directory. To mend it, choose another directory."
    assert str(caught.value) == expected


def test_detach_ends_a_runner_that_gives_no_sign(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen[bytes]] = []

    class Started(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            children.append(self)

    monkeypatch.setattr(subprocess, "Popen", Started)
    with pytest.raises(RunFailed) as caught:
        detach(run.path, [], patience=0.0)
    assert str(caught.value) == f"The runner gave no sign within 0 s and was ended; {run.log} may say why."
    assert [child.returncode for child in children] == [-9]


def test_attach_follows_a_run_detached_from_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "_EVERY", 0.01)
    words = [word for change in ("task.limit=16", "run.name=mine") for word in ("--set", change)]
    assert main(["run", "demo", "--detach", *words]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.parent == home / "runs"
    assert path.name.startswith("mine-")
    pid = told(RunDir(path)).pid
    assert main(["attach", "mine"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    decisions = len(lines(RunDir(path), "decision"))
    assert last.startswith(f"done · done · decision {decisions} of {decisions} · ")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert main(["attach", "mine"]) == 0


def test_attach_without_a_name_follows_the_only_live_run(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(home / "runs" / "only", *SETS, "run.max_calls=20")
    with detached(run) as pid:

        def stop(seconds: float) -> None:
            if process_exists(pid) and not stopped:
                stopped.append(inbox.send(run, "stop", {}))

        stopped: list[str] = []
        monkeypatch.setattr(attach.time, "sleep", stop)
        assert main(["attach"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert "run.max_calls = 20 is reached; raise it with --set run.max_calls=CALLS" in "".join(shown)
    assert shown[-1].startswith("stopped · ")
    assert shown[-1].endswith(" · stopped by command")
