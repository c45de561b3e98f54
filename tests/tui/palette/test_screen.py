"""The palette: what it finds, that it does what was typed, and only what the screen allows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.binding import BindingType
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from icm_tui.tui.keys.actions import ACTIONS
from icm_tui.tui.keys.keymap import Keymap, overrides
from icm_tui.tui.palette.screen import Call, Palette, allowed, calls, first_shown, palette_lines, scope_of
from icm_tui.tui.text.cells import width
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_view import LineView
from tests.tui import drawn

RUN = [action for action in ACTIONS if action.scope in ("run", "everywhere")]


def found(typed: str) -> list[str]:
    return [call.action.id for call in calls(RUN, typed)]


def test_nothing_typed_lists_all_in_the_tables_order() -> None:
    assert found("") == found("  ") == [action.id for action in RUN]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("pause", "run.pause"),
        ("pau", "run.pause"),
        ("PAUSE", "run.pause"),
        ("s", "run.step"),
        ("to", "run.to"),
        ("item", "run.open"),
        ("zo", "run.zoom"),
        ("full screen", "run.zoom"),
        ("agreement", "run.gold"),
        ("quit", "everywhere.leave"),
        ("leave", "everywhere.leave"),
        ("stop", "run.stop"),
    ],
)
def test_palette_ranks_names_before_descriptions(typed: str, first: str) -> None:
    assert found(typed)[0] == first


@pytest.mark.parametrize(
    ("typed", "action", "rest"),
    [
        ("to 500", "run.to", "500"),
        ("item  12 ", "run.goto", "12"),
        ("filter flips>2 [/foo]", "run.filter", "flips>2 [/foo]"),
        ("pin B looks wrong", "run.pin", "B looks wrong"),
    ],
)
def test_a_name_with_more_behind_it_is_that_action_alone(typed: str, action: str, rest: str) -> None:
    (call,) = calls(RUN, typed)
    assert (call.action.id, call.rest, call.complete) == (action, rest, True)


def test_palette_calls_with_words_only_what_takes_them() -> None:
    assert found("pause now") == []
    assert found("nonsense") == []
    assert not calls(RUN, "to")[0].complete
    assert calls(RUN, "filter")[0].complete


@given(st.text(max_size=20), st.integers(0, 30), st.integers(20, 120), st.integers(1, 30))
def test_lines_fit_and_the_chosen_one_is_among_them(typed: str, chosen: int, cells: int, height: int) -> None:
    some = calls(RUN, typed)
    chosen = min(chosen, max(0, len(some) - 1))
    lines = palette_lines(some, chosen, Keymap(), cells, height)
    assert len(lines) == max(1, min(height, len(some)))
    if some:
        assert all(width(line) == cells for line in lines)
        marked = [y for y, line in enumerate(lines) if line[0].text.startswith("▸")]
        assert marked == [chosen - first_shown(len(some), chosen, height)]


def test_palette_line_shows_words_key_and_description() -> None:
    keymap = Keymap({"run.filter": ("ctrl+f",)})
    (line,) = palette_lines(calls(RUN, "filter"), 0, keymap, 80, 1)
    assert "".join(part.text for part in line).split()[:6] == ["▸", "filter", "[TEXT]", "ctrl+f", "Show", "some"]
    (line,) = palette_lines([Call(RUN[0], "[red]\x1b[2Jx")], 0, keymap, 80, 1)
    assert "".join(part.text for part in line).startswith("▸ pause [red]x ")


class RunLike(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("run"), *bindings("moving")]

    def __init__(self) -> None:
        super().__init__()
        self.done: list[object] = []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return {"resume": False, "pin": None}.get(action, True)

    def run_words(self, word: str, rest: str) -> None:
        self.done.append((word, rest))

    def action_pause(self) -> None:
        self.done.append("pause")

    def action_stop(self) -> None:
        self.done.append("stop")

    def action_step(self) -> None:
        self.done.append("step")


class Calling(App[None]):
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere")

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self.kept = keymap
        self.set_keymap(overrides(keymap))
        self.helped = 0

    def get_default_screen(self) -> Screen[None]:
        return RunLike()

    def action_commands(self, typed: str = "") -> None:
        self.push_screen(Palette(self.kept, typed))

    def action_help(self) -> None:
        self.helped += 1


def with_app(keymap: Keymap, play: Callable[[Calling, RunLike, Pilot[None]], Awaitable[None]]) -> None:
    async def run() -> None:
        app = Calling(keymap)
        async with app.run_test(size=(80, 24)) as pilot:
            screen = app.screen
            assert isinstance(screen, RunLike)
            await play(app, screen, pilot)

    asyncio.run(run())


def seen(app: App[None]) -> list[str]:
    return [text for text in drawn.lines(app.screen.query_one("#calls", LineView)) if text]


def test_the_screen_tells_its_scope_and_what_is_allowed() -> None:
    async def play(app: Calling, screen: RunLike, pilot: Pilot[None]) -> None:
        assert scope_of(screen) == "run"
        assert scope_of(Screen()) is None
        shut = {"run.resume", "run.pin"}
        assert allowed(screen) == [action for action in RUN if action.id not in shut]

    with_app(Keymap(), play)


def test_it_lists_what_is_allowed_and_does_what_is_chosen() -> None:
    async def play(app: Calling, screen: RunLike, pilot: Pilot[None]) -> None:
        await pilot.press("colon")
        await pilot.pause()
        assert seen(app)[0].split()[:2] == ["▸", "pause"]
        assert not any(" resume " in line for line in seen(app))
        await pilot.press("down", "down", "up", "enter")
        await pilot.pause()
        assert app.screen is screen
        assert screen.done == ["step"]

    with_app(Keymap(), play)


@pytest.mark.parametrize(
    ("keys", "done"),
    [
        ("to 500", [("to", "500")]),
        ("filter flips>2 [/b]", [("filter", "flips>2 [/b]")]),
        ("stop", ["stop"]),
        ("nonsense", []),
        ("pin B", []),
    ],
)
def test_enter_right_behind_the_last_letter_does_what_was_typed(keys: str, done: list[object]) -> None:
    """All keys are there at once, as from a pipe: nothing may be done that stood in the list before."""

    async def play(app: Calling, screen: RunLike, pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+p")
        entry = app.screen.query_one(Input)
        for character in keys:
            entry.insert_text_at_cursor(character)
        await entry.action_submit()
        await pilot.pause()
        assert screen.done == done
        assert (app.screen is screen) == bool(done)

    with_app(Keymap(), play)


def test_a_word_that_needs_an_argument_waits_for_it() -> None:
    async def play(app: Calling, screen: RunLike, pilot: Pilot[None]) -> None:
        await pilot.press("colon", "t", "o", "enter")
        assert app.screen.query_one(Input).value == "to "
        await pilot.press("7", "enter")
        await pilot.pause()
        assert screen.done == [("to", "7")]
        # A key of one's own for it opens the palette at its word.
        await pilot.press("T", "9", "enter")
        await pilot.pause()
        assert screen.done == [("to", "7"), ("to", "9")]

    with_app(Keymap({"run.to": ("T",)}), play)


def test_palette_completes_leaves_and_calls_the_app() -> None:
    async def play(app: Calling, screen: RunLike, pilot: Pilot[None]) -> None:
        await pilot.press("colon", "f", "i", "l", "tab")
        assert app.screen.query_one(Input).value == "filter "
        await pilot.press("escape")
        assert app.screen is screen
        await pilot.press("colon", "h", "e", "l", "p", "enter")
        await pilot.pause()
        assert (app.helped, screen.done) == (1, [])

    with_app(Keymap(), play)


def test_a_click_does_a_command_and_one_beside_it_nothing() -> None:
    async def play(app: Calling, screen: RunLike, pilot: Pilot[None]) -> None:
        await pilot.press("colon")
        await pilot.pause()
        await pilot.click("#calls", offset=(5, 1))
        await pilot.pause()
        assert screen.done == ["step"]
        await pilot.press("colon")
        await pilot.pause()
        await pilot.click(offset=(5, 23))
        await pilot.pause()
        assert app.screen is screen
        assert screen.done == ["step"]

    with_app(Keymap(), play)


def test_nothing_moves_while_nobody_types() -> None:
    async def play(app: Calling, screen: RunLike, pilot: Pilot[None]) -> None:
        await pilot.press("colon")
        await pilot.pause()
        assert not app.screen.query_one(Input).cursor_blink
        assert all(widget.auto_refresh is None for widget in app.screen.walk_children())

    with_app(Keymap(), play)
