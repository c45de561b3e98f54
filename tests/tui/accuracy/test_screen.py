"""The accuracy screen: gold columns with curves, what the split follows, the seeds, and tables of comparisons."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from icm_tui.cli import main
from icm_tui.run_dir.layout import RunDir
from icm_tui.tui.accuracy.screen import AccuracyScreen
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import Opening
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.run.screen import RunScreen
from icm_tui.tui.widgets.line_list import LineList
from tests.tui.drawn import text, until

_SMALL = ["--set", "task.limit=60", "--set", "search.chains=2", "--set", "search.sweeps=2"]


@pytest.fixture(scope="module")
def siblings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two runs on the shipped dilemmas, with sixteen gold columns; to be read only."""
    folder = tmp_path_factory.mktemp("siblings")
    assert main(["run", "dilemmas", *_SMALL, "--headless", "--siblings", "2", "--out", str(folder)]) == 0
    return folder


def show(
    path: Path,
    use: Callable[[Pilot[None], AccuracyScreen], Awaitable[None]],
    size: tuple[int, int] = (120, 40),
    **opening: bool,
) -> None:
    async def go() -> None:
        app = IcmApp(Opening(run=path, **opening), Keymap())
        async with app.run_test(size=size, notifications=True) as pilot:
            screen = app.screen
            assert isinstance(screen, RunScreen)
            await until(pilot, lambda: screen.feed.loading is None and screen.feed.view.n > 0)
            await pilot.press("A")
            await until(pilot, lambda: isinstance(app.screen, AccuracyScreen))
            assert isinstance(app.screen, AccuracyScreen)
            await use(pilot, app.screen)

    asyncio.run(go())


def column_names(pilot: Pilot[None]) -> list[str]:
    rows = pilot.app.screen.query_one(LineList)
    shown = [rows.render_line(y).text for y in range(rows.size.height)]
    return [row.strip("* ").split()[0] for row in shown if row.strip()]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_every_gold_column_with_its_curve(siblings: Path, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await until(pilot, lambda: "best of" in text(pilot))
        shown = text(pilot)
        assert "truthfulness" in shown
        assert "p of all" in shown
        assert "read as A = " in shown
        assert "decision" in shown

    show(siblings / "seed-42", use, size)


def test_sorting_and_filtering(siblings: Path) -> None:
    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await until(pilot, lambda: "best of" in text(pilot))
        everything = column_names(pilot)
        await pilot.press("o", "o", "o", "o")
        await pilot.pause()
        assert column_names(pilot) == sorted(everything)
        await pilot.press("slash", *"car")
        await pilot.pause()
        assert column_names(pilot) == ["care", "self_care"]
        await pilot.press("enter")
        await pilot.pause()
        assert "2 match / car, esc clears" in text(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert sorted(column_names(pilot)) == sorted(everything)

    show(siblings / "seed-42", use)


def test_a_chosen_column_comes_first_on_the_run_s_screen(siblings: Path) -> None:
    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await until(pilot, lambda: "best of" in text(pilot))
        await pilot.press("G", "space")
        await pilot.pause()
        last = column_names(pilot)[-1]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
        rows = pilot.app.screen.query_one("#accuracy", LineList)
        await until(pilot, lambda: rows.render_line(0).text.split()[0] == last)

    show(siblings / "seed-42", use)


def test_what_the_split_follows_with_gold_and_without(siblings: Path) -> None:
    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await until(pilot, lambda: "best of" in text(pilot))
        await pilot.press("tab")
        await until(pilot, lambda: "gold, lift" in text(pilot))
        await pilot.press("a")
        await until(pilot, lambda: "words" in text(pilot) and "gold, lift" not in text(pilot))
        await pilot.press("a")
        await until(pilot, lambda: "gold, lift" in text(pilot))

    show(siblings / "seed-42", use)


def test_seeds_are_compared(siblings: Path) -> None:
    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await pilot.press("tab", "tab")
        await until(pilot, lambda: "adjusted Rand" in text(pilot))
        assert "seeds 42 and 43" in text(pilot)
        assert "does not say that any of them is right" in text(pilot)

    show(siblings / "seed-43", use)


def test_a_run_alone_says_how_to_get_siblings(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await pilot.press("tab", "tab")
        await until(pilot, lambda: "--siblings 5" in text(pilot))

    show(done.path, use)


def test_a_blind_run_shows_nothing_until_asked(tmp_path: Path) -> None:
    path = tmp_path / "blind"
    assert main(["run", "dilemmas", *_SMALL, "--headless", "--set", "run.blind=true", "--out", str(path)]) == 0

    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await pilot.pause()
        assert "this run is blind" in text(pilot)
        assert column_names(pilot) == []
        await pilot.press("tab")
        await until(pilot, lambda: "words" in text(pilot))
        assert "gold, lift" not in text(pilot)
        assert not (path / "looked").exists()
        await pilot.press("a")
        await until(pilot, lambda: "gold, lift" in text(pilot))
        assert (path / "looked").exists()

    show(path, use)


def test_a_read_only_view_of_a_blind_run_marks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "blind"
    assert main(["run", "dilemmas", *_SMALL, "--headless", "--set", "run.blind=true", "--out", str(path)]) == 0

    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await pilot.press("a")
        await pilot.pause()
        assert "this run is blind" in text(pilot)
        assert not (path / "looked").exists()

    show(path, use, read_only=True)


def test_the_tables_of_comparisons(tmp_path: Path) -> None:
    path = tmp_path / "run"
    words = ["run", "demo", "--headless", "--out", str(path), "--set", "task.limit=60", "--set", "task.held_out=0.33"]
    assert main(words) == 0

    async def nothing_yet(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await pilot.press("tab", "tab", "tab")
        await until(pilot, lambda: "`icm-tui baselines run --gold` asks" in text(pilot))
        await pilot.press("tab")
        await until(pilot, lambda: "`icm-tui held-out run` asks" in text(pilot))

    show(path, nothing_yet)
    assert main(["baselines", str(path), "--shots", "8"]) == 0
    assert main(["held-out", str(path), "--shots", "0,4", "--draws", "2"]) == 0
    run = RunDir(path)
    stale = run.curves.read_bytes().replace(b'"labels":"', b'"labels":"x')
    run.curves.write_bytes(stale)

    async def both(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await pilot.press("tab", "tab", "tab")
        await until(pilot, lambda: "progressive · lists of 8 · best naming: found" in text(pilot))
        assert column_names(pilot) == ["found", "zero_shot", "random_labels"]
        await pilot.press("a")
        await until(pilot, lambda: "compares with gold, which is hidden" in text(pilot))
        assert column_names(pilot) == []
        await pilot.press("a", "tab")
        await until(pilot, lambda: "labels have changed since" in text(pilot))
        assert column_names(pilot) == ["zero_shot", "found", "gold", "random", "scrambled"]

    show(path, both)


def test_a_run_that_holds_nothing_out_says_how(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: AccuracyScreen) -> None:
        await pilot.press("tab", "tab", "tab", "tab")
        await until(pilot, lambda: "task.held_out=0.2" in text(pilot))

    show(done.path, use)
