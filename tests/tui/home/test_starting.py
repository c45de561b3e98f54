"""What the list of runs and profiles starts, resumes, removes and imports."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from icm_tui.errors import UserError
from icm_tui.profile.schema import Model, Profile, TaskSection
from icm_tui.profile.store import SHIPPED, save
from icm_tui.run_dir.layout import RunDir
from icm_tui.tui.base_app import Opening
from icm_tui.tui.children import Failed, Started
from icm_tui.tui.home.screen import RunsScreen
from icm_tui.tui.widgets.question_screen import Prompt, Question
from tests.runner.processes import dead_pid
from tests.tui.home.screen_driver import Children, FormStub, RunStub, add_run, listed, text, under_cursor, watched

pytestmark = pytest.mark.usefixtures("stubs")


def test_a_newcomer_is_told_what_this_is_and_starts_the_demo(processes: Children, tmp_path: Path) -> None:
    processes.outcome = Started(tmp_path / "run")

    async def steps(pilot: Pilot[None]) -> None:
        words = text(pilot.app, "rows").splitlines()[:3]
        assert words[0] == "  icm-tui labels texts without being told any right label."
        assert words[2] == "  until all labels agree. enter starts the demo: no key, no cost."
        assert under_cursor(pilot.app) == "demo"
        assert "slowed down so that you can watch" in text(pilot.app, "advice")
        await pilot.press("enter")
        await listed(pilot)
        assert isinstance(pilot.app.screen, RunStub)

    assert watched(steps).opened == [tmp_path / "run"]
    assert processes.asked == [("start", SHIPPED / "demo.toml")]


def test_who_comes_back_from_a_run_finds_it_under_the_cursor(processes: Children, home: Path) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        processes.outcome = Started(add_run(home, "started").path)
        await pilot.press("enter")
        await listed(pilot)
        await pilot.press("escape")
        await listed(pilot)
        assert under_cursor(pilot.app) == "started"
        await pilot.press("j")
        await pilot.pause()
        assert under_cursor(pilot.app) == "arithmetic"

    watched(steps)


def test_what_is_being_started_is_named_and_is_not_started_twice(processes: Children, tmp_path: Path) -> None:
    processes.outcome = Started(tmp_path / "run")
    processes.may_answer.clear()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert "  starting demo …" in text(pilot.app, "rows").splitlines()
        assert under_cursor(pilot.app) == "demo"
        await pilot.press("enter")
        assert text(pilot.app, "status") == " demo is being started; wait for it"
        processes.may_answer.set()
        await listed(pilot)
        assert isinstance(pilot.app.screen, RunStub)

    watched(steps)
    assert len(processes.asked) == 1


def test_what_failed_to_start_stays_on_the_screen(processes: Children) -> None:
    processes.outcome = Failed("the log said [/this]\nThe disk is full.")

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await listed(pilot)
        assert text(pilot.app, "said") == " the log said [/this]\n The disk is full."
        assert "starting" not in text(pilot.app, "rows")

    watched(steps)


def test_home_keeps_a_started_run_behind_another_screen(processes: Children, tmp_path: Path) -> None:
    processes.outcome = Started(tmp_path / "run")
    processes.may_answer.clear()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("enter", "question_mark")
        await pilot.pause()
        shown = pilot.app.screen
        processes.may_answer.set()
        await listed(pilot)
        assert pilot.app.screen is shown

    assert watched(steps).opened == []


@pytest.mark.parametrize(
    ("fields", "state", "told"),
    [
        ({"t": 0.0}, "quiet", "R waits for a sign of it"),
        ({"state": "stopped"}, "stopped", "R goes on where it was"),
        ({"state": "failed"}, "failed", "R tries to go on"),
    ],
)
def test_what_has_no_runner_is_offered_for_resume(
    fields: dict[str, Any], state: str, told: str, home: Path, processes: Children
) -> None:
    run = add_run(home, "one", **fields)
    processes.outcome = Started(run.path)

    async def steps(pilot: Pilot[None]) -> None:
        assert f" {state}: " in text(pilot.app, "advice")
        assert told in text(pilot.app, "advice").replace("\n", "")
        await pilot.press("R")
        await listed(pilot)
        assert isinstance(pilot.app.screen, RunStub)

    watched(steps)
    assert processes.asked == [("resume", run.path)]


def test_what_died_is_offered_for_resume_and_what_runs_is_not(home: Path, processes: Children) -> None:
    import socket

    add_run(home, "one", host=socket.gethostname(), pid=dead_pid())
    add_run(home, "two")

    async def steps(pilot: Pilot[None]) -> None:
        told = {}
        for _ in range(2):
            told[under_cursor(pilot.app)] = text(pilot.app, "advice")
            await pilot.press("j")
            await pilot.pause()
        assert "died: its process is gone" in told["one"]
        assert told["two"] == " running: enter opens it"
        await pilot.press("R")
        assert text(pilot.app, "status") == " resume: put the cursor on a run first"
        await pilot.press("g")
        while under_cursor(pilot.app) != "two":
            await pilot.press("j")
            await pilot.pause()
        await pilot.press("R")
        assert "two is running: only a run without a runner" in text(pilot.app, "status")

    watched(steps)
    assert not processes.asked


@pytest.mark.parametrize(("key", "left"), [("y", False), ("n", True), ("escape", True), ("q", True)])
def test_a_run_is_removed_after_a_question(key: str, left: bool, home: Path) -> None:
    run = add_run(home, "one", state="done")

    async def steps(pilot: Pilot[None]) -> None:
        pilot.app.screen.action_remove()  # type: ignore[attr-defined]
        await pilot.pause()
        assert isinstance(pilot.app.screen, Question)
        assert "Remove one with its labels and all its answers?" in text(pilot.app)
        await pilot.press("enter", "d")
        assert isinstance(pilot.app.screen, Question)
        await pilot.press(key)
        await listed(pilot)
        assert ("  one" in text(pilot.app, "rows")) == left

    watched(steps)
    assert run.path.exists() == left


def test_a_run_that_cannot_be_removed_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from icm_tui.run_dir import listing

    def refuse(run: RunDir) -> None:
        raise UserError(f"{run.name} is live.")

    add_run(home, "one")
    monkeypatch.setattr(listing, "remove", refuse)

    async def steps(pilot: Pilot[None]) -> None:
        pilot.app.screen.action_remove()  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("y")
        await listed(pilot)
        assert text(pilot.app, "said") == " one is live."

    watched(steps)


def test_a_viewer_that_only_reads_starts_and_removes_nothing(home: Path, processes: Children) -> None:
    run = add_run(home, "one", state="stopped")

    async def steps(pilot: Pilot[None]) -> None:
        assert "read only" in text(pilot.app, "header")
        for act in (lambda: pilot.press("R"), lambda: pilot.app.run_action("screen.remove")):
            pilot.app.tell("")  # type: ignore[attr-defined]
            await act()
            await pilot.pause()
            assert "it starts, asks, resumes and removes nothing" in text(pilot.app, "status")
        await pilot.press("j", "enter")
        assert "only reads, so it starts nothing" in text(pilot.app, "advice")
        await pilot.press("g", "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunStub)

    watched(steps, Opening(read_only=True))
    assert run.path.exists()
    assert not processes.asked


def test_a_profile_that_costs_money_goes_through_the_form(processes: Children) -> None:
    model = Model(backend="openai", base_url="https://host.invalid/v1", model="m")
    save("a-paid-one", Profile(task=TaskSection(dataset="leanings"), model=model))

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("g")
        await pilot.pause()
        assert under_cursor(pilot.app) == "a-paid-one"
        assert text(pilot.app, "advice") == " enter shows what it would cost, and starts it from there"
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, FormStub)

    watched(steps)
    assert not processes.asked
    ((toml, title, frozen),) = FormStub.opened
    assert 'model = "m"' in toml
    assert (title, frozen) == ("a-paid-one", False)


def test_a_config_of_the_fork_is_imported(tmp_path: Path) -> None:
    config = tmp_path / "virtue" / "icm_config.json"
    config.parent.mkdir()
    config.write_text('{"dataset": "truthful_qa", "model_id": "m", "alpha": 7}')

    async def steps(pilot: Pilot[None]) -> None:
        pilot.app.screen.run_words("import", f" {config} ")  # type: ignore[attr-defined]
        await pilot.pause()
        assert isinstance(pilot.app.screen, FormStub)
        await pilot.press("q")
        await pilot.pause()
        assert "alpha = 7 → search.alpha" in text(pilot.app, "said")

    watched(steps)
    ((toml, title, frozen),) = FormStub.opened
    assert "alpha = 7" in toml
    assert (title, frozen) == ("virtue", False)


def test_the_path_of_a_config_is_asked_for(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("I")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Prompt)
        assert "icm_config.json" in text(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunsScreen)
        await pilot.press("I", "q", "enter")
        await pilot.pause()
        assert "q cannot be read: no such file or directory." in text(pilot.app, "said", "status")

    watched(steps)
    assert not FormStub.opened


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"{", "not valid JSON"), (b'{"dataset": "x"}', "model_id must be given"), (b"\xff", "byte 0 is not UTF-8")],
)
def test_what_cannot_be_imported_says_why(data: bytes, told: str, tmp_path: Path) -> None:
    config = tmp_path / "c.json"
    config.write_bytes(data)

    async def steps(pilot: Pilot[None]) -> None:
        pilot.app.screen.run_words("import", str(config))  # type: ignore[attr-defined]
        await pilot.pause()
        assert told in text(pilot.app, "said", "status").replace("\n", "")

    watched(steps, size=(200, 60))
    assert not FormStub.opened
