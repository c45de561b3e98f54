"""The list of runs and profiles: what it shows, what its keys do, and how the program is left."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from icm_tui.errors import UserError
from icm_tui.profiles.schema import Model, Profile, TaskSection
from icm_tui.profiles.store import SHIPPED, save
from icm_tui.runs.layout import RunDir
from icm_tui.runs.status import Status, write_status
from icm_tui.tui import children, clipboard
from icm_tui.tui.app import IcmApp, Opening
from icm_tui.tui.children import Failed, Started
from icm_tui.tui.keymap import Keymap
from icm_tui.tui.screens import runs as runs_module
from icm_tui.tui.screens.question import Prompt, Question
from icm_tui.tui.screens.runs import RunsScreen
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from tests.runs.made import make
from tests.runs.processes import dead_pid

Steps = Callable[[Pilot[None]], Awaitable[None]]


class RunStub(Screen[None]):
    """In the place of a run's screen."""

    def __init__(self, path: Path, opening: Opening) -> None:
        super().__init__()
        if path.name == "unreadable":
            raise UserError("The run unreadable has no profile.")
        self.path = path


class FormStub(Screen[None]):
    """In the place of the form; keeps what it was opened with."""

    opened: ClassVar[list[tuple[str, str, bool]]] = []

    def __init__(self, draft: Any, *, frozen: bool, title: str) -> None:
        super().__init__()
        self.opened.append((draft.to_toml(), title, frozen))


@pytest.fixture(autouse=True)
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icm_tui.tui.screens.run", SimpleNamespace(RunScreen=RunStub))
    monkeypatch.setitem(sys.modules, "icm_tui.tui.screens.form", SimpleNamespace(FormScreen=FormStub))
    monkeypatch.setattr(FormStub, "opened", [])


class Children:
    """In the place of other processes: keeps what was asked for, answers when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, Path]] = []
        self.outcome: Started | Failed = Failed("no test has said what comes of it")
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        monkeypatch.setattr(children, "start", self.start)
        monkeypatch.setattr(children, "resume", self.resume)

    async def start(self, profile: Path, *, agreed: bool = False) -> Started | Failed:
        return await self._answer("start", profile)

    async def resume(self, run: Path) -> Started | Failed:
        return await self._answer("resume", run)

    async def _answer(self, what: str, path: Path) -> Started | Failed:
        self.asked.append((what, path))
        await self.may_answer.wait()
        return self.outcome


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Children:
    return Children(monkeypatch)


def add_run(home: Path, name: str, **fields: Any) -> RunDir:
    """A run of another host, which takes the status by its word."""
    run = make(home / "runs" / name, "task.limit=8", "search.shots=2")
    given = {"state": "running", "decision": 30, "decisions": 60, "items": 8, "host": "elsewhere", "pid": 1}
    write_status(run, Status(**{**given, "t": run.profile.stat().st_mtime, **fields}))
    return run


def watched(
    steps: Steps, opening: Opening | None = None, size: tuple[int, int] = (80, 24), keymap: Keymap | None = None
) -> IcmApp:
    """The app after `steps`."""
    app = IcmApp(opening or Opening(), keymap or Keymap())

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await listed(pilot)
            await steps(pilot)

    asyncio.run(run())
    return app


async def listed(pilot: Pilot[None]) -> None:
    """Wait for the list to be read."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def text(app: Any, *names: str) -> str:
    """What stands on the screen, or in some of its widgets."""
    wanted = [widget for widget in app.screen.query("*") if isinstance(widget, LineView | LineList)]
    if names:
        wanted = [widget for widget in wanted if widget.id in names]
    return "\n".join(widget.render_line(y).text.rstrip() for widget in wanted for y in range(widget.size.height))


def under_cursor(app: Any) -> str:
    rows = app.screen.query_one(LineList)
    return str(rows.render_line(rows.cursor - rows.scroll_offset.y).text).split()[0]


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


def test_a_run_that_started_while_another_screen_is_shown_does_not_push_in(processes: Children, tmp_path: Path) -> None:
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


def test_runs_are_listed_with_how_they_stand(home: Path) -> None:
    add_run(home, "one", coherence_bits=0.89)
    add_run(home, "two", state="paused")

    async def steps(pilot: Pilot[None]) -> None:
        lines = text(pilot.app, "rows").splitlines()
        (one,) = (line for line in lines if line.startswith("  one"))
        assert one.split()[:5] == ["one", "running", "30/60", ".89", "bits"]
        assert text(pilot.app, "header").endswith("2 runs · 2 live")
        heads = next(line for line in lines if "state" in line)
        assert heads.index("state") == one.index("running")
        assert heads.index("decision") + len("decision") == one.index("30/60") + len("30/60")

    watched(steps)
    watched(steps, size=(120, 40))
    watched(steps, size=(200, 60))


def test_the_cursor_passes_over_headings(home: Path) -> None:
    add_run(home, "one")

    async def steps(pilot: Pilot[None]) -> None:
        assert under_cursor(pilot.app) == "one"
        await pilot.press("j")
        await pilot.pause()
        assert under_cursor(pilot.app) == "arithmetic"
        await pilot.press("k")
        await pilot.pause()
        assert under_cursor(pilot.app) == "one"
        await pilot.press("k", "g")
        await pilot.pause()
        assert under_cursor(pilot.app) == "one"
        await pilot.press("G")
        await pilot.pause()
        assert under_cursor(pilot.app) == "truthfulqa"

    watched(steps)


def test_the_cursor_stays_on_its_run_when_others_come(home: Path) -> None:
    add_run(home, "one")

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("j", "j")
        await pilot.pause()
        before = under_cursor(pilot.app)
        add_run(home, "two")
        pilot.app.screen._read()  # type: ignore[attr-defined]
        await listed(pilot)
        assert "  two" in text(pilot.app, "rows")
        assert under_cursor(pilot.app) == before

    watched(steps)


def test_a_list_that_takes_long_to_read_is_read_seldom(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 3.0)  # every look at it is three seconds later
    monkeypatch.setattr(runs_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    async def steps(pilot: Pilot[None]) -> None:
        add_run(home, "one")
        screen = cast(RunsScreen, pilot.app.screen)
        looks = 0
        while "  one" not in text(pilot.app, "rows"):
            looks += 1
            screen._tick()
            await listed(pilot)
        assert looks == 10  # three seconds of thirty

    watched(steps)


def test_a_run_is_opened_and_left(home: Path) -> None:
    run = add_run(home, "one")

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunStub)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunsScreen)
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("q")
        await pilot.pause()
        assert not pilot.app.is_running

    assert watched(steps).opened == [run.path]


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_the_program_is_left_from_the_list(key: str) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.is_running
        await pilot.press(key)
        await pilot.pause()
        assert not pilot.app.is_running

    assert watched(steps).return_code == 0


def test_the_program_opens_on_a_run(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        assert isinstance(pilot.app.screen, RunStub)
        await pilot.press("ctrl+c")

    assert watched(steps, Opening(run=tmp_path)).opened == [tmp_path]


def test_a_run_that_cannot_be_read_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no profile"):
        IcmApp(Opening(run=tmp_path / "unreadable"), Keymap())


def test_a_run_of_the_list_that_cannot_be_read_is_told_there(home: Path) -> None:
    add_run(home, "unreadable", state="done")

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert text(pilot.app, "status") == " The run unreadable has no profile."

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
    from icm_tui.runs import listing

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
            assert "it starts, resumes and removes nothing" in text(pilot.app, "status")
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


def test_a_profile_and_a_runs_settings_are_edited(home: Path) -> None:
    add_run(home, "one")

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("F")
        await pilot.pause()
        await pilot.press("q", "j", "F")
        await pilot.pause()

    watched(steps)
    assert [(title, frozen) for _, title, frozen in FormStub.opened] == [("one", True), ("arithmetic", False)]


def test_a_profile_with_errors_is_listed_with_them(home: Path) -> None:
    folder = home / "profiles"
    folder.mkdir()
    (folder / "a-bad-one.toml").write_text('[task]\ndataset = "leanings"\nlimti = 3\n')

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("g")
        await pilot.pause()
        assert under_cursor(pilot.app) == "a-bad-one"
        assert "has errors" in text(pilot.app, "rows")
        assert "did you mean limit?" in text(pilot.app, "advice").replace("\n", "")
        assert "limti" in text(pilot.app, "advice")

    watched(steps)


def test_a_folder_that_cannot_be_read_is_told(home: Path) -> None:
    (home / "runs").write_text("not a folder")

    async def steps(pilot: Pilot[None]) -> None:
        assert "The directory of runs" in text(pilot.app, "said")

    watched(steps)


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
        assert text(pilot.app, "status") == " q cannot be read: no such file or directory"

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


def test_paths_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = add_run(home, "one")
    copied: list[str] = []
    monkeypatch.setattr(clipboard, "copy_and_tell", lambda app, words: copied.append(words))

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("y", "j", "y")

    watched(steps)
    assert copied == [str(run.path), str(SHIPPED / "arithmetic.toml")]


def test_a_long_list_scrolls(home: Path) -> None:
    for number in range(40):
        add_run(home, f"run-{number:02}")

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("G")
        await pilot.pause()
        assert "truthfulqa" in text(pilot.app, "rows")
        await pilot.press("g")
        await pilot.pause()
        assert "state" in text(pilot.app, "rows") or "run-" in text(pilot.app, "rows").splitlines()[0]

    watched(steps)


@pytest.mark.parametrize("size", [(59, 24), (80, 15), (20, 5)])
def test_a_terminal_that_is_too_small_is_told_in_a_line(size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        small = pilot.app.screen.query_one("#small")
        assert small.display
        assert [widget for widget in pilot.app.screen.children if widget.size.height] == [small]
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert under_cursor(pilot.app) == "demo"

    watched(steps, size=size)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
def test_hostile_names_are_shown_as_they_are(size: tuple[int, int], home: Path) -> None:
    folder = home / "profiles"
    folder.mkdir()
    (folder / "a.toml").write_text('[task]\ndataset = "[/foo] [@click=app.quit]x[/] \\u001b]0;t\\u0007"\n')
    run = add_run(home, "one", state="done")
    run.path.rename(run.path.with_name("[bold]\x1b[2J[@click=app.quit]\u202eone"))

    async def steps(pilot: Pilot[None]) -> None:
        assert "[bold]" in text(pilot.app)
        await pilot.press("G", "g")
        await pilot.pause()
        shown = text(pilot.app)
        assert not {"\x1b", "\u202e", "\x07"} & set(shown)
        pilot.app.screen.action_remove()  # type: ignore[attr-defined]
        await pilot.pause()
        assert not {"\x1b", "\u202e"} & set(text(pilot.app))

    watched(steps, size=size)


def test_keys_of_ones_own_are_named_and_heeded(home: Path, processes: Children) -> None:
    add_run(home, "one", state="stopped")
    keymap = Keymap({"runs.resume": ("r",)})

    async def steps(pilot: Pilot[None]) -> None:
        assert "r goes on where it was" in text(pilot.app, "advice")
        await pilot.press("r")
        await listed(pilot)

    watched(steps, keymap=keymap)
    assert [what for what, _ in processes.asked] == ["resume"]


def test_what_is_wrong_with_the_keys_is_said_at_the_start() -> None:
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.pause()
        assert text(pilot.app, "status") == " keys.toml:1: wrong. (1 more in the help)"

    app = IcmApp(Opening(), Keymap(), ["keys.toml:1: wrong.", "keys.toml:2: too."])

    async def run() -> None:
        async with app.run_test(notifications=True) as pilot:
            await listed(pilot)
            await steps(pilot)

    asyncio.run(run())


def test_a_sentence_finds_its_way_where_there_is_no_line_for_it(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        pilot.app.tell("[/foo] \x1b[2J[b")  # type: ignore[attr-defined]
        await pilot.pause()
        (told,) = pilot.app._notifications
        assert (told.message, told.markup) == ("[/foo] [b", False)

    watched(steps, Opening(run=tmp_path))


def test_the_program_loads_nothing_heavy_before_it_is_drawn() -> None:
    code = (
        "import sys, icm_tui.tui.app, icm_tui.tui.screens.runs, icm_tui.tui.entrance, icm_tui.commands.tui;"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"numpy", "httpx", "datasets", "pyarrow", "pandas", "icm_tui.search", "icm_tui.models"}
    assert heavy & set(done.stdout.split()) == set()
    assert "textual.app" in done.stdout.split()
    assert not [name for name in done.stdout.split() if name.startswith(("icm_tui.runs", "icm_tui.profiles.store"))]
