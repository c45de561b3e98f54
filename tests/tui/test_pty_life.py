"""Runs watched on a real terminal that is left, resized, stalled, hung up or killed: the run never notices."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from icm_tui.run_dir.labels import FinalLabel
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import liveness
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import CommandRecord
from icm_tui.run_dir.status import LIVE, read_status
from tests.tui.paced import decisions, finish, goes_on, icm_tui, labels, start, undisturbed, until
from tests.tui.terminal import ICM_TUI, Terminal

pytestmark = pytest.mark.slow

SIZES = [(200, 60), (120, 40), (100, 30), (80, 24), (60, 16), (59, 16), (60, 15), (40, 10), (20, 5)]
AS_FOUND = "the terminal as it was found"


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[FinalLabel]:
    """The labels of the same run when nobody watches."""
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    """A live run that takes long."""
    started = start(tmp_path)
    yield started
    icm_tui_stop(tmp_path, started)


def icm_tui_stop(home: Path, run: RunDir) -> None:
    """Leave no runner behind, also where a test failed."""
    if liveness(run, read_status(run), time.time()) in LIVE:
        icm_tui(home, "stop", str(run.path))


def attach(home: Path, run: RunDir, *words: str, columns: int = 80, rows: int = 24) -> Terminal:
    return Terminal([*ICM_TUI, "attach", str(run.path), *words], home, columns=columns, rows=rows)


def is_shown(terminal: Terminal) -> None:
    """Wait for the whole screen of a run: its head, its foot and items."""
    terminal.see("running", "leave", "A")


def commands(run: RunDir) -> list[str]:
    """What was asked of the runner from a screen."""
    return [record.what for _, record in read_records(run.journal) if isinstance(record, CommandRecord)]


def ends_as_expected(home: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    goes_on(run)
    assert labels(finish(home, run)) == labels(expected)


def test_starting_the_demo_from_the_list_and_leaving(tmp_path: Path) -> None:
    with Terminal(ICM_TUI, tmp_path) as terminal:
        terminal.see("demo", "leave")
        terminal.type("\r")
        terminal.see("running", "FLIP")
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}
    assert "icm-tui attach demo-" in terminal.text.replace("\n", "")
    (path,) = (tmp_path / "icm" / "runs").iterdir()
    run = RunDir(path)
    assert commands(run) == ["throttle"]
    goes_on(run)
    icm_tui(tmp_path, "stop", str(path))


def test_leaving(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}, AS_FOUND
    assert not terminal.alternate
    said = terminal.text.replace("\n", "")
    assert re.search(rf"{run.name} continues \(decision \d+ of \d+\)\. icm-tui attach {run.name}", said)
    ends_as_expected(tmp_path, run, expected)


@pytest.mark.parametrize("key", ["\x03", "\x11"], ids=["ctrl+c", "ctrl+q"])
def test_the_keys_of_other_programs_leave_too(tmp_path: Path, run: RunDir, key: str) -> None:
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        terminal.type(key)
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}
    goes_on(run)


def test_resizing_through_all_sizes(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    with attach(tmp_path, run, columns=200, rows=60) as terminal:
        is_shown(terminal)
        for columns, rows in [*SIZES, *reversed(SIZES)]:
            terminal.resize(columns, rows)
            if columns >= 60 and rows >= 16:
                terminal.until(lambda: "pause" in terminal.lines[-1] and "running" in terminal.lines[0])
            else:
                terminal.until(lambda: "pause" not in terminal.text and re.search(r"\d", terminal.text))
        is_shown(terminal)
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}
    ends_as_expected(tmp_path, run, expected)


def test_a_storm_of_sizes(tmp_path: Path, run: RunDir) -> None:
    with attach(tmp_path, run, columns=120, rows=40) as terminal:
        is_shown(terminal)
        for step in range(60):
            terminal.resize(20 + step * 3, 5 + step)
        for step in range(60):
            terminal.resize(200 - step * 3, 65 - step)
        terminal.resize(80, 24)
        terminal.until(lambda: "leave" in terminal.lines[-1] and "running" in terminal.lines[0])
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}


def test_a_hangup(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        terminal.hang_up()
        terminal.wait(10)
    ends_as_expected(tmp_path, run, expected)


def test_a_hangup_that_nobody_tells_of(tmp_path: Path, run: RunDir) -> None:
    words = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *ICM_TUI, "attach", str(run.path)]
    with Terminal(words, tmp_path) as terminal:
        is_shown(terminal)
        terminal.hang_up()
        terminal.wait(10)
    goes_on(run)


def test_a_terminal_that_stalls_for_ten_seconds(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    with attach(tmp_path, run, columns=120, rows=40) as terminal:
        is_shown(terminal)
        terminal.stall()
        begun = _latest(run)
        until(lambda: _latest(run) > begun + 10)
        taken = decisions(run)
        terminal.go_on()
        terminal.until(lambda: (shown := _decision_shown(terminal)) is not None and shown >= taken)
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}
    ends_as_expected(tmp_path, run, expected)


def _latest(run: RunDir) -> float:
    *_, (_, record) = read_records(run.journal)
    return record.t


def _decision_shown(terminal: Terminal) -> int | None:
    """The decision that the head of the screen tells."""
    found = re.search(r"(\d+)/\d+", terminal.lines[0])
    return int(found.group(1)) if found else None


def test_ended_by_a_signal_while_the_terminal_stalls(tmp_path: Path, run: RunDir) -> None:
    with attach(tmp_path, run, columns=200, rows=60) as terminal:
        is_shown(terminal)
        terminal.stall()
        goes_on(run)
        terminal.kill(signal.SIGTERM)
        terminal.process.wait(10)
        assert terminal.process.returncode != 0
    goes_on(run)


def test_a_killed_viewer(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        terminal.kill(signal.SIGKILL)
        assert terminal.wait() == -signal.SIGKILL
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        terminal.type("q")
        assert terminal.wait() == 0
    ends_as_expected(tmp_path, run, expected)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_viewer_told_to_end(tmp_path: Path, run: RunDir, number: int) -> None:
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        terminal.kill(number)
        assert terminal.wait() == 128 + number
    assert terminal.left_changed() == {}
    goes_on(run)


def test_pausing_and_stepping_change_no_label(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        terminal.type(" ")
        terminal.see("paused")
        at = decisions(run)
        terminal.type("s")
        until(lambda: decisions(run) == at + 1)
        terminal.type(" ")
        terminal.see("running")
        terminal.type("q")
        assert terminal.wait() == 0
    assert commands(run) == ["throttle", "pause", "step", "resume"]
    ends_as_expected(tmp_path, run, expected)


def test_two_viewers_and_one_that_may_only_read(tmp_path: Path, run: RunDir) -> None:
    with attach(tmp_path, run, columns=120, rows=40) as one, attach(tmp_path, run, "--read-only") as other:
        is_shown(one)
        is_shown(other)
        other.type(" sS")
        one.type(" ")
        one.see("paused")
        other.see("paused")
        assert commands(run) == ["throttle", "pause"]
        for terminal in (one, other):
            terminal.type("q")
            assert terminal.wait() == 0
            assert terminal.left_changed() == {}


def test_the_end_is_seen(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        assert labels(finish(tmp_path, run)) == labels(expected)
        terminal.see("done")
        terminal.type("q")
        assert terminal.wait() == 0
    assert f"{run.name} is done" in terminal.text


def test_a_run_that_dies_is_seen_to(tmp_path: Path, run: RunDir, expected: list[FinalLabel]) -> None:
    status = read_status(run)
    assert status is not None
    with attach(tmp_path, run) as terminal:
        is_shown(terminal)
        os.kill(status.pid, signal.SIGKILL)
        terminal.see("died")
        terminal.type("R")
        terminal.see("running")
        terminal.type("q")
        assert terminal.wait() == 0
    assert labels(finish(tmp_path, run)) == labels(expected)


def test_a_run_removed_while_it_is_looked_at(tmp_path: Path, run: RunDir) -> None:
    icm_tui(tmp_path, "stop", str(run.path))
    with attach(tmp_path, run) as terminal:
        terminal.see("stopped")
        icm_tui(tmp_path, "runs", "rm", str(run.path), "--yes")
        terminal.type("jkG")
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}
    assert "Traceback" not in terminal.text
