"""The list of runs and profiles: what it shows, what it opens, and how the program is left."""

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from textual.pilot import Pilot

from icm_tui.errors import UserError
from icm_tui.profile.store import SHIPPED
from icm_tui.tui import clipboard
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import Opening
from icm_tui.tui.home import screen as runs_module
from icm_tui.tui.home.screen import RunsScreen
from icm_tui.tui.keys.keymap import Keymap
from tests.tui.home.screen_driver import Children, FormStub, RunStub, add_run, listed, text, under_cursor, watched

pytestmark = pytest.mark.usefixtures("stubs")


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
        assert under_cursor(pilot.app) == "truthfulqa-preference"

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


def test_home_refuses_an_unreadable_run_before_it_draws(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no profile"):
        IcmApp(Opening(run=tmp_path / "unreadable"), Keymap())


def test_a_run_of_the_list_that_cannot_be_read_is_told_there(home: Path) -> None:
    add_run(home, "unreadable", state="done")

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert text(pilot.app, "status") == " The run unreadable has no profile."

    assert watched(steps).opened == []


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
        "import sys, icm_tui.tui.app, icm_tui.tui.home.screen, icm_tui.tui.entrance, icm_tui.commands.tui;"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"numpy", "httpx", "datasets", "pyarrow", "pandas", "icm_tui.search", "icm_tui.models"}
    assert heavy & set(done.stdout.split()) == set()
    assert "textual.app" in done.stdout.split()
    runs = ("icm_tui.runner", "icm_tui.run_dir", "icm_tui.profile.store")
    assert not [name for name in done.stdout.split() if name.startswith(runs)]
