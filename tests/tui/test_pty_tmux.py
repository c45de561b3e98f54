"""The screens inside of tmux, where a line that drops leaves the terminal standing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tui.paced import finish, goes_on, icm_tui, labels, start, undisturbed
from tests.tui.terminal import ICM_TUI, Terminal, tmux

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


def _tell(home: Path, *words: str) -> str:
    server = ["tmux", "-S", str(home / "tmux"), *words]
    return subprocess.run(server, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_a_new_user_starts_the_demo_and_leaves(tmp_path: Path, columns: int, rows: int) -> None:
    with tmux([*ICM_TUI], tmp_path, columns=columns, rows=rows) as terminal:
        terminal.see("demo", "leave")
        terminal.type("\r")
        terminal.see("running")
        terminal.type(" ")
        terminal.see("paused")
        terminal.type("q")
        terminal.wait()
    (path,) = (tmp_path / "icm" / "runs").iterdir()
    icm_tui(tmp_path, "stop", str(path))


def test_a_line_that_drops_and_a_second_one(tmp_path: Path) -> None:
    run = start(tmp_path)
    with tmux([*ICM_TUI, "attach", str(run.path)], tmp_path) as terminal:
        terminal.see("running", "leave")
        terminal.hang_up()
        terminal.wait()
        goes_on(run)
        again = ["tmux", "-S", str(tmp_path / "tmux"), "attach-session"]
        with Terminal(again, tmp_path, columns=120, rows=40) as second:
            second.see("running", "leave", "2 log")
            shown = _tell(tmp_path, "capture-pane", "-p")
            assert "running" in shown
            second.type("q")
            second.wait()
    assert labels(finish(tmp_path, run)) == labels(undisturbed(tmp_path))


def test_the_terminal_is_given_back(tmp_path: Path) -> None:
    """A shell around it, so that the pane stays and can be asked how it was left."""
    inside = f"{' '.join(ICM_TUI)}; echo left; read line"
    with tmux(["/bin/sh", "-c", inside], tmp_path) as terminal:
        terminal.see("demo", "leave")
        asked = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"
        assert _tell(tmp_path, "display-message", "-p", asked).split()[0] == "1"
        terminal.type("q")
        terminal.see("left")
        assert _tell(tmp_path, "display-message", "-p", asked).split() == ["0", "0", "1"]


def test_copying_goes_into_the_buffer_of_tmux(tmp_path: Path) -> None:
    icm_tui(tmp_path, "run", "demo", "--set", "task.limit=40", "--out", str(tmp_path / "run"), "--headless")
    with tmux([*ICM_TUI, "attach", str(tmp_path / "run")], tmp_path) as terminal:
        terminal.see("done", "leave")
        terminal.type("y")
        terminal.see("path")
        terminal.type("p")
        terminal.see("opied")
        assert _tell(tmp_path, "show-buffer") == os.fspath(tmp_path / "run")
        terminal.type("q")
        terminal.wait()
