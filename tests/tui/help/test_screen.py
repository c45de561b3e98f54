"""The help: complete, by the keys that hold, and readable at every width."""

import asyncio
from typing import ClassVar

import pytest
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen

from icm_tui.tui.help.screen import TITLES, HelpScreen, help_lines
from icm_tui.tui.keys.actions import ACTIONS, Scope
from icm_tui.tui.keys.keymap import Keymap, overrides
from icm_tui.tui.keys.names import shown
from icm_tui.tui.palette.screen import scope_of
from icm_tui.tui.text.cells import Line, width
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_view import LineView
from tests.tui import drawn

SCOPES: list[Scope] = ["runs", "run", "item", "form", "models", "doctor"]


def texts(lines: list[Line]) -> list[str]:
    return ["".join(part.text for part in line).rstrip() for line in lines]


def page(scope: Scope | None, keymap: Keymap, problems: list[str], cells: int) -> list[str]:
    return texts(help_lines(scope, keymap, problems, "~/keys.toml", cells))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("cells", [60, 80, 120, 200])
def test_every_action_of_the_screen_is_there_and_every_line_fits(scope: Scope, cells: int) -> None:
    lines = help_lines(scope, Keymap(), [], "~/keys.toml", cells)
    assert all(width(line) <= cells for line in lines)
    words = " ".join(" ".join(texts(lines)).split())
    for action in ACTIONS:
        if action.scope in (scope, "moving", "everywhere"):
            assert f" {action.id} " in words
        else:
            assert f" {action.id} " not in words
    for scope_title in (TITLES[scope], "moving", "everywhere", "the mouse"):
        assert f"─ {scope_title} ─" in words


def test_the_screens_own_actions_come_first() -> None:
    lines = page("item", Keymap(), [], 80)
    heads = [line.strip("─ ") for line in lines if line.startswith("─ ")]
    assert heads == ["an item", "moving", "everywhere", "the mouse", "keys of your own"]
    heads = [line.strip("─ ") for line in page(None, Keymap(), [], 80) if line.startswith("─ ")]
    assert heads == ["moving", "everywhere", "the mouse", "keys of your own"]


def test_keys_are_those_that_hold() -> None:
    lines = page("run", Keymap({"run.pause": ("p", "f5"), "everywhere.mouse": ("ctrl+g",)}), [], 80)
    (pause,) = (line for line in lines if " run.pause " in line)
    assert pause.split()[:3] == ["p", "f5", "run.pause"]
    (to,) = (line for line in lines if " run.to " in line)
    assert to.split()[:3] == [":to", "N", "run.to"]
    assert any("ctrl+g gives the mouse back" in line for line in lines)


def test_the_mouse_is_explained_in_three_sentences() -> None:
    words = " ".join(page("runs", Keymap(), [], 80))
    for said in ("hold Shift, on some Macs Option", "M gives the mouse back", "--no-mouse"):
        assert said in words


def test_what_is_wrong_with_the_keys_is_told_as_it_is() -> None:
    lines = page("run", Keymap(), ["keys.toml:3: [/foo] is \x1b[2Jno key; give it another."], 80)
    assert lines[-1] == " keys.toml:3: [/foo] is no key; give it another."
    assert any("~/keys.toml" in line for line in lines)


class RunLike(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = bindings("run")


class Helping(App[None]):
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere")

    def __init__(self, keymap: Keymap, problems: list[str]) -> None:
        super().__init__()
        self.kept = keymap
        self.problems = problems
        self.mouse = 0
        self.set_keymap(overrides(keymap))

    def get_default_screen(self) -> Screen[None]:
        return RunLike()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(scope_of(self.screen), self.kept, self.problems))

    def action_mouse(self) -> None:
        self.mouse += 1


def seen(app: App[None], name: str = "help") -> list[str]:
    return drawn.lines(app.screen.query_one(f"#{name}", LineView))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
def test_all_of_it_can_be_read_by_moving(size: tuple[int, int]) -> None:
    async def press() -> None:
        keymap = Keymap({"moving.down": ("x",)})
        app = Helping(keymap, [])
        async with app.run_test(size=size) as pilot:
            await pilot.press("question_mark")
            await pilot.pause()
            whole = texts(help_lines("run", keymap, [], seen_path(), size[0]))
            assert seen(app)[0] == whole[0] == "─ a run " + "─" * (size[0] - 8)
            await pilot.press("x")
            below = min(1, max(0, len(whole) - size[1] + 1))
            assert seen(app)[0] == whole[below]
            await pilot.press("up")
            found = set(seen(app))
            for _ in range(6):
                await pilot.press("pagedown")
                found |= set(seen(app))
            assert found >= set(whole)
            assert "the end" in seen(app, "foot")[0]
            await pilot.press("G", "end")
            last = [line for line in seen(app) if line]
            assert last[-1] == whole[-1]
            await pilot.press("g")
            assert seen(app)[0] == whole[0]

    asyncio.run(press())


def seen_path() -> str:
    from icm_tui import files

    return str(files.keymap_path())


@pytest.mark.parametrize("key", ["question_mark", "f1", "escape", "Q"])
def test_it_closes_again_and_the_run_below_gets_no_key(key: str) -> None:
    async def press() -> None:
        app = Helping(Keymap({"everywhere.leave": ("Q",)}), ["keys.toml:1: [/foo]"])
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("question_mark")
            assert isinstance(app.screen, HelpScreen)
            await pilot.pause()
            assert "Q or esc back" in seen(app, "foot")[0]
            await pilot.press("M", "q", "s")
            assert app.mouse == 1
            assert isinstance(app.screen, HelpScreen)
            await pilot.press(key)
            assert isinstance(app.screen, RunLike)

    asyncio.run(press())


def test_the_foot_names_the_keys_that_move() -> None:
    async def press() -> None:
        app = Helping(Keymap({"moving.down": ("ctrl+n",)}), [])
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("f1")
            await pilot.pause()
            more = len(help_lines("run", app.kept, [], seen_path(), 80)) - 23
            assert f"{shown('ctrl+n')} k pgdn · {more} more lines below" in seen(app, "foot")[0]

    asyncio.run(press())
