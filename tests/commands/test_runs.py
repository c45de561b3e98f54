import io
import json
import os
import sys
from pathlib import Path

import pytest

from icm_tui.cli import main
from icm_tui.commands.console import columns
from icm_tui.text import disk_size


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_runs_lists_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert capsys.readouterr() == (
        "",
        f"There are no runs in {home / 'runs'} yet. `icm-tui run demo` starts one.\n",
    )


def test_runs_json_lists_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}


def test_runs_lists_run(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["NAME", "STATE", "DECISIONS", "LABELLED"]
    assert row.split()[:2] == ["demo-1", "done"]
    assert "40/40" in row
    assert row.index("done") == heading.index("STATE")


def test_runs_json_lists_run(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["name"], run["path"], run["state"], run["labelled"]) == ("demo-1", str(listed), "done", 40)


def test_runs_lists_run_with_little_known(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (listed / "status.json").unlink()
    (listed / "profile.toml").write_text("")
    os.utime(listed / "profile.toml", (0, 0))
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:7] == ["demo-1", "died", *"-----"]


def test_runs_rm_off_terminal_needs_yes(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "rm", "demo"]) == 2
    assert capsys.readouterr().err == ("There is no terminal to ask on; to remove demo-1 all the same, give --yes.\n")
    assert listed.is_dir()
    assert main(["runs", "rm", "demo", "--yes"]) == 0
    assert capsys.readouterr().err == "demo-1 is removed.\n"
    assert not listed.exists()


@pytest.mark.parametrize(
    ("answer", "status", "left"), [("y\n", 0, False), ("yes\n", 0, False), ("\n", 2, True), ("", 2, True)]
)
def test_runs_rm_on_terminal_asks(
    answer: str, status: int, left: bool, listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = _Terminal()
    monkeypatch.setattr(sys, "stdin", _Terminal(answer))
    monkeypatch.setattr(sys, "stderr", told)
    assert main(["runs", "rm", "demo"]) == status
    assert told.getvalue().startswith("Remove demo-1 with its labels and all its answers? [y/N] ")
    assert listed.exists() == left


def test_runs_rm_refuses_unknown_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "rm", "demo", "--yes"]) == 2
    assert "There is no run 'demo'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (999, "999 B"), (4_083_000, "4.08 MB"), (2.5e9, "2.5 GB"), (7e15, "7000 TB")]
)
def test_disk_size_has_three_digits(size: float, shown: str) -> None:
    assert disk_size(size) == shown


def test_columns_are_aligned_and_clean() -> None:
    assert list(columns([("A", "B"), ("long\x1b[2J", "x\ny")])) == ["A     B", "long  x y"]
