"""`run`, `attach` and the progress line, as a person at a shell meets them."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from icm_tui.cli import main
from icm_tui.commands import attach as attach_module
from icm_tui.commands import headless
from icm_tui.commands import run as run_module
from icm_tui.commands import tui as tui_module
from icm_tui.commands.attach import ProgressLine, progress_text
from icm_tui.run_dir import inbox
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.status import Status, read_status, write_status
from icm_tui.runner.preflight import recalled
from icm_tui.runner.session import Outcome, run_here
from icm_tui.tui import entrance
from tests.runner.made import lines, make
from tests.runner.processes import dead_pid

Told = pytest.CaptureFixture[str]

SMALL = ("--set", "task.limit=16", "--set", "search.shots=4")
SERVER = ("model.backend=openai", "model.base_url=https://host/v1", "model.model=m", "model.price_in=3")


def status(**fields: Any) -> Status:
    given = {"state": "running", "phase": "sweeps", "decision": 30, "decisions": 60, "calls": 99, "items": 8}
    return Status(**{**given, "host": "here", "pid": 1, "t": 0.0, **fields})


# run


def test_run_headless_json_is_one_object(tmp_path: Path, capsys: Told) -> None:
    assert main(["run", "demo", "--headless", "--json", "--out", str(tmp_path / "run"), *SMALL]) == 0
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert told.out.count("\n") == 1
    assert (summary["state"], summary["labelled"], summary["items"]) == ("done", 16, 16)
    assert summary["decisions"] == len(lines(RunDir(tmp_path / "run"), "decision"))
    assert told.err.splitlines()[-1].startswith("done · done · decision ")


def test_run_prints_summary(home: Path, capsys: Told) -> None:
    assert main(["run", "demo", *SMALL]) == 0
    (path,) = (home / "runs").iterdir()
    out = capsys.readouterr().out.splitlines()
    assert path.name.startswith("demo-")
    assert out[0] == f"{path.name}: done, 16 of 16 items labelled (8 A, 8 B)"
    calls, decisions = (len(lines(RunDir(path), kind)) for kind in ("answer", "decision"))
    assert out[1].startswith(f"{calls} calls ({calls / 16} a label), {decisions} decisions, ")
    assert out[2].startswith("coherence: ")
    assert any(line.startswith("progressive") for line in out)
    assert out[-1] == f"The run is in {path}"


def test_run_hides_gold_of_blind_run(home: Path, capsys: Told) -> None:
    assert main(["run", "demo", *SMALL, "--set", "run.blind=true"]) == 0
    assert "progressive" not in capsys.readouterr().out


def test_run_stopped_says_how_to_continue(home: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []

    def show(line: ProgressLine, told: Status) -> None:
        if not stopped:
            (path,) = (home / "runs").iterdir()
            stopped.append(inbox.send(RunDir(path), "stop", {}))

    with monkeypatch.context() as patch:
        patch.setattr(ProgressLine, "show", show)
        assert main(["run", "demo", *SMALL]) == 1
    told = capsys.readouterr()
    (path,) = (home / "runs").iterdir()
    assert told.out.splitlines()[:2] == [
        f"{path.name}: stopped, 0 of 16 items labelled (0 A, 0 B)",
        "0 calls, 0 decisions, 0.0 s, $0.00, method icm, seed 42",
    ]
    expected = f"Stopped at decision 0: stopped by command; nothing is lost. `icm-tui resume {path.name}` continues."
    assert told.err.splitlines()[-1] == expected
    assert main(["resume", path.name, "--headless"]) == 0


def test_run_interrupted_early_says_how_to_continue(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> Outcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(headless, "run_here", interrupted)
    assert main(["run", "demo", "--out", str(tmp_path / "a run"), *SMALL]) == 130
    expected = f"Interrupted; nothing is lost. `icm-tui resume '{tmp_path / 'a run'}'` continues."
    assert capsys.readouterr().err.splitlines()[-1] == expected


def test_run_refuses_directory_that_is_taken(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "notes").write_text("mine")
    assert main(["run", "demo", "--out", str(tmp_path), *SMALL]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"The directory {tmp_path} is not empty, and a run needs one of its own. "
        "Choose another directory, or empty this one."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_run_continues_if_nobody_reads_progress(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    words = ["run", "demo", "--json", "--out", str(run.path), *SMALL]
    line = [sys.executable, "-m", "icm_tui", *words]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert any(told.startswith("running · ") for told in child.stderr)
        child.stderr.close()
        assert json.loads(child.stdout.read())["state"] == "done"
    assert child.returncode == 0


# run --throttle


def test_run_throttle_needs_detach(home: Path, capsys: Told) -> None:
    assert main(["run", "demo", "--throttle", "20", *SMALL]) == 2
    told = "--throttle is for watching a run from elsewhere: give --detach too, then `icm-tui attach`.\n"
    assert capsys.readouterr() == ("", told)
    assert main(["run", "demo", "--detach", "--throttle", "-3", *SMALL]) == 2
    assert capsys.readouterr().err == "A throttle is a number of seconds above 0, such as 20, not '-3'.\n"
    assert list(home.iterdir()) == []


def test_run_throttle_waits_in_inbox(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[tuple[str, object]] = []

    def start(path: Path, sets: list[str]) -> None:
        waiting.extend((command.what, command.args) for command in inbox.take(RunDir(path)))

    monkeypatch.setattr(run_module, "detach", start)
    assert main(["run", "demo", "--detach", "--throttle", "20", *SMALL]) == 0
    assert waiting == [("throttle", {"seconds": 20.0})]


# run --dry-run


def test_run_dry_asks_and_makes_nothing(home: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a dry run came this far")

    for name in ("make_run", "run_here", "detach"):
        monkeypatch.setattr(run_module, name, never)
    assert main(["run", "demo", "--dry-run", "--out", str(home / "out"), *SMALL]) == 0
    out = capsys.readouterr().out
    assert out.startswith("16 items, about ")
    assert "no cost" in out
    assert [f"--- prompt {number} " in out for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert main(["run", "demo", "--dry-run", "--json", *SMALL]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["items"], shown["cost_usd"], shown["paid"], len(shown["prompts"])) == (16, 0.0, False, 3)
    assert all(prompt.endswith("\nSet:") for prompt in shown["prompts"])
    assert list(home.iterdir()) == []


def test_run_dry_prints_cost_of_server(home: Path, capsys: Told) -> None:
    sets = [word for change in SERVER for word in ("--set", change)]
    assert main(["run", "demo", "--dry-run", *SMALL, *sets]) == 0
    assert " tokens read, cost about $0." in capsys.readouterr().out
    assert main(["run", "demo", "--dry-run", *SMALL, *sets[:-2]]) == 0
    assert "cost unknown: set model.price_in" in capsys.readouterr().out


# What money needs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[RunDir]:
    """The runs that were started, in the place of running them."""
    runs: list[RunDir] = []

    def start(made: RunDir, sets: list[str], *, as_json: bool) -> int:
        runs.append(made)
        return 0

    # Nobody is asked here.
    monkeypatch.setattr(run_module, "examine", recalled)
    monkeypatch.setattr(run_module, "run_to_end", start)
    return runs


def paid_run(*more: str) -> int:
    return main(["run", "demo", *SMALL, *(word for change in SERVER for word in ("--set", change)), *more])


def test_run_off_terminal_needs_budget_or_yes(home: Path, capsys: Told, started: list[RunDir]) -> None:
    assert paid_run() == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("This run would make about ")
    assert told.endswith(", and there is no terminal to ask on. Set run.budget_usd, or give --yes.")
    assert not started
    assert not (home / "runs").exists()
    assert paid_run("--yes") == 0
    assert paid_run("--set", "run.budget_usd=2") == 0
    assert len(started) == 2


@pytest.mark.parametrize(("answer", "exit_status"), [("y\n", 0), ("Yes\n", 0), ("n\n", 2), ("\n", 2), ("", 2)])
def test_run_on_terminal_asks_about_money_once(
    answer: str, exit_status: int, started: list[RunDir], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", shown)
    assert paid_run("--headless") == exit_status
    assert len(started) == (exit_status == 0)
    assert shown.getvalue().count("Go on? [y/N]") == 1
    assert ("Nothing was started and nothing was spent.\n" in shown.getvalue()) == (exit_status == 2)


def test_run_refuses_unusable_model_before_making_run(home: Path, capsys: Told) -> None:
    assert paid_run("--yes", "--set", "model.base_url=http://127.0.0.1:1/v1") == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("No connection to 127.0.0.1:1: ")
    assert "is the server running?" in told
    assert not (home / "runs").exists()


# The progress line


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "running · sweeps · decision 30 of 60 · 99 calls · coherence not measured yet"),
        (
            {"rate": 12.3, "seconds_left": 3725.0, "coherence_bits": 0.456, "spent_usd": 1.239},
            "running · sweeps · decision 30 of 60 · 99 calls · 12 decisions/s · 1h02m left · $1.24 · "
            "coherence 0.46 bits",
        ),
        (
            {"rate": 0.52, "seconds_left": 61.9, "coherence_bits": -0.1},
            "running · sweeps · decision 30 of 60 · 99 calls · 0.5 decisions/s · 1m01s left · coherence -0.10 bits",
        ),
        (
            {"state": "pausing", "in_flight": 7, "why": "paused by command", "seconds_left": 9.0},
            "pausing · sweeps · decision 30 of 60 · 7 answers in flight · 99 calls · coherence not measured yet · "
            "paused by command",
        ),
    ],
)
def test_progress_text_is_one_line(fields: dict[str, Any], text: str) -> None:
    assert progress_text(status(**fields)) == text


def test_progress_line_off_terminal_is_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(attach_module.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    line = ProgressLine(stream)
    for later, fields in (
        (0, {"decision": 1}),
        (4.9, {"decision": 2}),
        (0.1, {"decision": 3}),
        (0.1, {"state": "paused", "decision": 4}),
        (0.1, {"state": "paused", "why": "the disk is full", "decision": 5}),
        (0.1, {"state": "paused", "why": "the disk is full", "decision": 6}),
    ):
        now[0] += later
        line.show(status(**fields))
    line.close()
    told = stream.getvalue().splitlines()
    assert [text.split(" of ")[0].split()[-1] for text in told] == ["1", "3", "4", "5"]


def test_progress_line_on_terminal_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    line = ProgressLine(stream)
    line.show(status(why="a long reason " * 9))
    line.show(status(phase="", decision=1, decisions=2))
    line.close()
    before, first, second = stream.getvalue().split("\r")
    assert before == ""
    assert first == progress_text(status())[:39]
    assert second.endswith("\n")
    assert len(second) == 40


def test_progress_line_stops_if_terminal_is_gone() -> None:
    class Gone(Terminal):
        tries = 0

        def flush(self) -> None:
            self.tries += 1
            raise BrokenPipeError

    stream = Gone()
    line = ProgressLine(stream)
    for _ in range(3):
        line.show(status())
    line.close()
    assert stream.tries == 1


# attach


def test_attach_to_run_without_process(tmp_path: Path, capsys: Told) -> None:
    run = make(tmp_path / "run", "task.limit=8", "search.shots=2")
    run_here(run.path)
    ended = read_status(run)
    assert ended is not None
    write_status(run, status(host=os.uname().nodename, pid=dead_pid(), t=ended.t))
    assert main(["attach", str(run.path)]) == 1
    expected = "died · last seen running · sweeps · decision 30 of 60 · 99 calls · coherence not measured yet\n"
    assert capsys.readouterr().out == expected


def test_attach_follows_run_to_its_end(tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path / "run", "task.limit=8", "search.shots=2")
    states = iter(("running", "pausing", "done"))
    write_status(run, status(state="starting", host="elsewhere"))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        write_status(run, status(state=next(states), host="elsewhere", t=float(len(slept))))

    monkeypatch.setattr(attach_module.time, "sleep", sleep)
    monkeypatch.setattr(attach_module.time, "time", lambda: 0.0)
    assert main(["attach", str(run.path)]) == 0
    assert slept == [1.0, 1.0, 1.0]
    shown = [line.split(" · ")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["starting", "running", "pausing", "done"]


def test_attach_to_run_that_ends_meanwhile(tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path / "run", "task.limit=8", "search.shots=2")
    run_here(run.path)
    ended = read_status(run)
    assert ended is not None
    found = iter([status(host=os.uname().nodename, pid=dead_pid()), ended])
    monkeypatch.setattr(attach_module, "read_status", lambda run: next(found))
    assert main(["attach", str(run.path)]) == 0
    assert capsys.readouterr().out.startswith("done · done · ")


def test_attach_without_live_run(home: Path, capsys: Told) -> None:
    assert main(["attach"]) == 2
    expected = "No run is live. `icm-tui runs` lists them all; `icm-tui run demo` starts one.\n"
    assert capsys.readouterr() == ("", expected)


def test_attach_with_several_live_runs(home: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        run = make(home / "runs" / name, "task.limit=8", "search.shots=2")
        write_status(run, status(host="elsewhere"))
    monkeypatch.setattr(attach_module.time, "time", lambda: 1.0)
    assert main(["attach"]) == 2
    assert capsys.readouterr().err == "2 runs are live: one, two. Name one of them.\n"


# On a terminal

Screens = list[tuple[Path | None, bool, bool]]


@pytest.fixture
def screens(monkeypatch: pytest.MonkeyPatch) -> Screens:
    """What the screens were opened with, in the place of opening them; there seems to be a terminal."""
    opened: Screens = []

    def enter(run: Path | None, *, read_only: bool, mouse: bool) -> list[Path]:
        opened.append((run, read_only, mouse))
        return [] if run is None else [run]

    monkeypatch.setattr(entrance, "enter", enter)
    monkeypatch.setattr(tui_module, "refusal", lambda *_: None)
    return opened


@pytest.fixture
def detached(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, list[str]]]:
    """The runs that were started in processes of their own, and what lay in their inboxes before."""
    made: list[tuple[Path, list[str]]] = []

    def detach(path: Path, sets: list[str]) -> None:
        made.append((path, [command.what for command in inbox.take(RunDir(path))]))

    monkeypatch.setattr(run_module, "detach", detach)
    return made


def test_screens_open_with_list_of_runs(screens: Screens) -> None:
    assert main([]) == 0
    assert screens == [(None, False, True)]


@pytest.mark.parametrize(
    ("stdin", "stderr", "term"),
    [
        (io.StringIO(), Terminal(), "xterm-256color"),
        (Terminal(), io.StringIO(), "xterm-256color"),
        (Terminal(), Terminal(), "dumb"),
    ],
)
def test_screens_need_a_terminal_that_can_draw(
    stdin: io.StringIO, stderr: io.StringIO, term: str, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", term)
    assert main([]) == 2
    assert "or give a command, such as `icm-tui run demo`" in stderr.getvalue()
    assert main(["run", "demo", *SMALL]) == 0
    assert "16 of 16 items labelled" in capsys.readouterr().out


def test_run_on_terminal_is_detached_and_watched(
    screens: Screens, detached: list[tuple[Path, list[str]]], tmp_path: Path, capsys: Told
) -> None:
    out = tmp_path / "run"
    assert main(["run", "beliefs", "--out", str(out), *SMALL]) == 0
    assert detached == [(out, [])]
    assert screens == [(out, False, True)]
    assert capsys.readouterr().out == f"run continues. icm-tui attach {out}\n"


def test_run_throttles_demo_on_screen(screens: Screens, detached: list[tuple[Path, list[str]]]) -> None:
    assert main(["run", "demo", *SMALL]) == 0
    ((path, told),) = detached
    assert told == ["throttle"]
    assert screens == [(path, False, True)]


@pytest.mark.parametrize("option", ["--headless", "--json", "--dry-run", "--detach"])
def test_run_opens_no_screen_if_not_wanted(
    option: str, screens: Screens, detached: list[tuple[Path, list[str]]]
) -> None:
    assert main(["run", "demo", option, *SMALL]) == 0
    assert not screens
    assert [told for _, told in detached] == ([[]] if option == "--detach" else [])


def test_run_asks_about_money_before_screen(
    screens: Screens, started: list[RunDir], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert paid_run() == 2
    assert not screens
    assert not started


def test_attach_on_terminal_shows_run(screens: Screens, tmp_path: Path) -> None:
    run = make(tmp_path / "run", "task.limit=8", "search.shots=2")
    assert main(["attach", str(run.path), "--read-only", "--no-mouse"]) == 0
    assert screens == [(run.path, True, False)]


def test_attach_without_name_shows_only_live_run(screens: Screens, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["attach"]) == 0
    monkeypatch.setattr(attach_module.time, "time", lambda: 1.0)
    one = make(home / "runs" / "one", "task.limit=8", "search.shots=2")
    write_status(one, status(host="elsewhere"))
    assert main(["attach"]) == 0
    write_status(make(home / "runs" / "two", "task.limit=8", "search.shots=2"), status(host="elsewhere"))
    assert main(["attach"]) == 0
    assert [run for run, _, _ in screens] == [None, one.path, None]


# The words of parting


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "small continues (decision 30 of 60). icm-tui attach small"),
        ({"state": "paused"}, "small is paused (decision 30 of 60). icm-tui attach small"),
        ({"state": "starting", "decision": 0, "decisions": 0}, "small continues. icm-tui attach small"),
        ({"state": "done", "decision": 60}, "small is done (decision 60 of 60). icm-tui attach small"),
        ({"state": "stopped"}, "small: stopped (decision 30 of 60). icm-tui resume small"),
        ({"t": -99.0}, "small: quiet (decision 30 of 60). icm-tui resume small"),
    ],
)
def test_farewell_says_how_to_come_back(
    fields: dict[str, Any], told: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(home / "runs" / "small", "task.limit=8", "search.shots=2")
    write_status(run, status(**{"host": "elsewhere", **fields}))
    monkeypatch.setattr(attach_module.time, "time", lambda: 1.0)
    assert tui_module.farewell(run.path) == told


def test_farewell_of_removed_run(tmp_path: Path) -> None:
    assert tui_module.farewell(tmp_path / "gone") == "gone is removed."
