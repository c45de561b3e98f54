"""The run's screen: keys, panes and sizes, over real small runs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.session import run_here
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import Opening
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.run.screen import RunScreen
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from tests.runner.made import make
from tests.tui.drawn import text, until
from tests.tui.live import as_live, sent

LARGE, SMALL = (120, 40), (80, 24)


def show(
    run: RunDir,
    use: Callable[[Pilot[None], RunScreen], Awaitable[None]],
    size: tuple[int, int] = LARGE,
    **opening: bool,
) -> None:
    async def go() -> None:
        app = IcmApp(Opening(run=run.path, **opening), Keymap())
        async with app.run_test(size=size, notifications=True) as pilot:
            screen = app.screen
            assert isinstance(screen, RunScreen)
            await until(pilot, lambda: screen.feed.loading is None and screen.feed.view.n > 0)
            await use(pilot, screen)

    asyncio.run(go())


@pytest.mark.parametrize("size", [LARGE, (200, 60)])
def test_a_large_screen_shows_all_four_panes(done: RunDir, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        shown = text(pilot)
        for title in ("1 profile", "2 log", "3 labels", "4 accuracy", "item 0", "coherence"):
            assert title in shown

    show(done, use, size)


def test_run_screen_shows_one_pane_if_it_is_small(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        assert "3 labels" in text(pilot)
        assert "2 log" not in text(pilot)
        for key, title in (("1", "1 profile"), ("2", "2 log"), ("4", "4 accuracy"), ("3", "3 labels")):
            await pilot.press(key)
            await pilot.pause()
            assert title in text(pilot)
        await pilot.press("tab")
        await pilot.pause()
        assert "4 accuracy" in text(pilot)

    show(done, use, SMALL)


@pytest.mark.parametrize("size", [(60, 16), SMALL, LARGE])
def test_why_a_run_stands_is_told_whole_and_gives_its_room_back(live: RunDir, size: tuple[int, int]) -> None:
    why = (
        "The server takes no more calls now: the day's calls of a free model are used up, and it says that they come "
        "back at midnight. Wait until then, or name another model in model.model. After that press space; no answer "
        "that was given is asked for again. THE END."
    )
    as_live(live, "paused", why=why)

    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await until(pilot, lambda: why in " ".join(text(pilot).split()), looks=500)
        as_live(live, "running")
        await until(pilot, lambda: "THE END." not in text(pilot))
        await until(pilot, lambda: screen.query_one("#status").size.height == 1)

    show(live, use, size)


def test_a_reason_without_end_leaves_half_the_screen(live: RunDir) -> None:
    as_live(live, "paused", why="word " * 3000)

    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await until(pilot, lambda: screen.query_one("#status").size.height == 12)
        assert "…" in [row.strip() for row in text(pilot).splitlines()]
        assert "3 labels" in text(pilot)

    show(live, use, SMALL)


def test_every_size_down_to_a_line_is_drawn_and_back(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        for size in (
            (200, 60),
            (120, 40),
            (100, 30),
            (80, 24),
            (60, 16),
            (59, 16),
            (40, 10),
            (20, 5),
            (8, 2),
            (120, 40),
        ):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert screen.feed.run.name[:4] in text(pilot) or size[0] < 20
        assert "4 accuracy" in text(pilot)

    show(done, use)


def test_below_60_by_16_one_true_line_is_left(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        shown = text(pilot)
        n = screen.feed.view.n
        assert f"done {n}/{n}" in shown
        assert "labels" not in shown

    show(done, use, (50, 10))


def test_z_gives_the_chosen_pane_the_whole_screen_and_back(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await pilot.press("2", "z")
        await pilot.pause()
        assert "3 labels" not in text(pilot)
        await pilot.press("z")
        await pilot.pause()
        assert "3 labels" in text(pilot)

    show(done, use)


def test_the_table_shows_the_labels_that_the_run_came_to(done: RunDir) -> None:
    from icm_tui.run_dir.labels import final_labels

    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        assert list(screen.feed.view.shown.labels) == [final.label for final in final_labels(done.path)]

    show(done, use)


def test_a_filter_is_typed_obeyed_and_dropped(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        table = screen.query_one("#labels", LineList)
        await pilot.press("slash", *"label=A", "enter")
        await pilot.pause()
        assert "20 match / label=A" in text(pilot)
        assert table.has_focus
        await pilot.press("escape")
        await pilot.pause()
        assert "match" not in text(pilot)

    show(done, use)


def test_a_filter_that_cannot_be_read_is_told_while_it_is_typed(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await pilot.press("slash", *"flips>x")
        await pilot.pause()
        assert "needs a number" in text(pilot)
        await pilot.press("backspace", "0")
        await pilot.pause()
        assert "needs a number" not in text(pilot)

    show(done, use)


def test_sorting_goes_round_and_keeps_every_item(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        for word in ("flips", "p", "latest"):
            await pilot.press("o")
            await pilot.pause()
            assert f"o sort: {word}" in text(pilot)
            assert sorted(screen._panes.table.rows) == list(range(40))
        await pilot.press("o")
        assert screen._panes.table.rows == range(40)

    show(done, use)


def test_log_stops_following_on_up_and_follows_on_f(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        log = screen.query_one("#log", LineList)
        await pilot.press("2", "k", "k")
        await pilot.pause()
        assert not log.following
        assert "below, f follows" in text(pilot)
        await pilot.press("f")
        await pilot.pause()
        assert log.following

    show(done, use)


def test_going_to_an_item_by_number(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        screen.run_words("item", "33")
        await pilot.pause()
        assert screen.current_item == 33
        screen.run_words("item", "999")
        await pilot.pause()
        assert "There is no item 999" in text(pilot)

    show(done, use)


def test_keys_of_a_filter_that_come_in_one_burst_are_its_keys(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        # Posted all at once, as a stalled line brings them: f, o, s and q mean other things to the table.
        for key in "/foqs":
            screen.app.post_message(events.Key("slash" if key == "/" else key, key))
        await until(pilot, lambda: "/ foqs" in text(pilot))
        assert screen._panes.table.sort == "number"
        assert len(screen._panes.table.rows) == 0

    show(done, use)


def test_back_from_an_item_the_cursor_is_where_that_screen_went(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await pilot.press("j", "enter")
        await pilot.pause()
        await pilot.press("n", "n", "escape")
        await until(pilot, lambda: screen.app.screen is screen)
        await pilot.pause()
        assert screen.current_item == 3

    show(done, use)


def test_enter_in_the_log_opens_the_item_of_its_line(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        from icm_tui.tui.item.screen import ItemScreen

        await pilot.press("2", "k", "k", "k", "k")
        await pilot.pause()
        wanted = screen._panes.item_of_log_row(screen.query_one("#log", LineList).cursor)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(screen.app.screen, ItemScreen))
        assert screen.app.screen.item == wanted
        assert wanted is not None

    show(done, use)


def test_space_says_pausing_until_the_runner_answers(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await pilot.press("space")
        await pilot.pause()
        assert sent(live) == [("pause", {})]
        assert "pause: asked" in text(pilot)
        assert "PAUSED" not in text(pilot)
        as_live(live, "paused", why="paused by command")
        await until(pilot, lambda: "PAUSED" in text(pilot))
        await pilot.press("space")
        await pilot.pause()
        assert [what for what, _ in sent(live)] == ["pause", "resume"]

    show(live, use)


def test_step_skip_to_and_the_brake_go_into_the_inbox(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await pilot.press("s", "S", "B")
        screen.run_words("to", "120")
        await pilot.pause()
        assert sent(live) == [("step", {}), ("skip", {}), ("throttle", {"seconds": 20.0}), ("to", {"n": 120})]

    show(live, use)


def test_stop_asks_first(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        screen.action_stop()
        await pilot.pause()
        await pilot.press("n")
        await pilot.pause()
        assert sent(live) == []
        screen.action_stop()
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert sent(live) == [("stop", {})]

    show(live, use)


def test_a_read_only_view_sends_nothing(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        assert "read only" in text(pilot)
        await pilot.press("space", "s", "S", "B")
        screen.run_words("to", "120")
        screen.run_words("pin", "A")
        await pilot.pause()
        assert sent(live) == []
        assert "read only" in text(pilot)

    show(live, use, read_only=True)


def test_a_pin_by_words(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await pilot.press("j", "j")
        screen.run_words("pin", "B  read twice")
        screen.run_words("pin", "off")
        screen.run_words("pin", "Q")
        await pilot.pause()
        assert sent(live) == [
            ("pin", {"item": 2, "label": "B", "note": "read twice"}),
            ("pin", {"item": 2, "label": None, "note": ""}),
        ]
        assert "'Q' is no label; name one of A, B, or off" in text(pilot)

    show(live, use)


def test_what_needs_a_runner_is_refused_without_one(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        screen.run_words("to", "120")
        await pilot.pause()
        assert "the run is done" in text(pilot) or "no runner" in text(pilot)
        assert sent(done) == []

    show(done, use)


def test_gold_in_a_blind_run_is_hidden_until_asked_for(tmp_path: Path) -> None:
    run = make(tmp_path / "blind", "run.blind=true")
    run_here(run.path)

    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        assert "this run is blind" in text(pilot)
        assert "progressive" not in text(pilot)
        await pilot.press("a")
        await until(pilot, lambda: "progressive" in text(pilot))
        assert run.looked.exists()

    show(run, use)


def test_a_screen_where_nothing_changes_draws_nothing(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: RunScreen) -> None:
        await until(pilot, lambda: "progressive" in text(pilot))
        drawn: list[str] = []
        for view in [*screen.query(LineView), *screen.query(LineList)]:
            view.refresh = lambda *regions, name=view.id, **_: drawn.append(str(name))  # type: ignore[method-assign]
        for _ in range(5):
            screen._tick()
        assert drawn == []

    show(done, use)
