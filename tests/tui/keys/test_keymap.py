"""A person's own keys: what is read, what is refused and how, and that Textual obeys them."""

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Footer, Input

from icm_tui import files
from icm_tui.tui.keys.actions import ACTIONS
from icm_tui.tui.keys.keymap import Keymap, live_together, load_keymap, overrides, read_keymap
from icm_tui.tui.keys.names import shown
from icm_tui.tui.widgets.bindings import bindings

BY_ID = {action.id: action for action in ACTIONS}


def read(*lines: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    keymap, problems = read_keymap("\n".join(["[keys]", *lines]), "keys.toml")
    return keymap.keys, problems


def test_keys_of_ones_own_are_read() -> None:
    keys, problems = read('"run.pause" = "space, p"', 'run.to = "T"', '"moving.down" = "ctrl+n"')
    assert problems == []
    assert keys == {"run.pause": ("space", "p"), "run.to": ("T",), "moving.down": ("ctrl+n",)}
    keymap = Keymap(keys)
    assert keymap.of(BY_ID["run.pause"]) == ("space", "p")
    assert keymap.of(BY_ID["run.step"]) == ("s",)
    assert overrides(keymap)["run.pause"] == "space,p"


def test_two_actions_can_change_keys_with_each_other() -> None:
    keys, problems = read('"run.pause" = "s"', '"run.step" = "space"')
    assert problems == []
    assert keys == {"run.pause": ("s",), "run.step": ("space",)}


def test_screens_that_are_never_there_together_can_share_a_key() -> None:
    assert read('"item.history" = "s"') == ({"item.history": ("s",)}, [])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"run.puase" = "p"', 'keys.toml:2: there is no action "run.puase"; did you mean run.pause?'),
        ('"zzz" = "p"', 'keys.toml:2: there is no action "zzz"; ids are listed in the help.'),
        ('"run.pause" = 3', 'keys.toml:2: run.pause needs its keys as one text, such as "p" or "space,p".'),
        ('"run.pause" = " "', "keys.toml:2: run.pause needs its keys as one text"),
        ('"run.pause" = "p,,x"', 'keys.toml:2: there is no key ""'),
        ('"run.pause" = "Foo"', 'keys.toml:2: there is no key "Foo"'),
        ('"run.pause" = "ctrl+q"', "keys.toml:2: ctrl+q always leaves the program; give run.pause another key."),
        (
            '"run.pause" = "x"',
            "keys.toml:2: x is the key of run.ask on the same screen; give one of the two another key. "
            "Until then run.pause keeps space.",
        ),
        ('"moving.down" = "e"', "keys.toml:2: e is the key of run.why on the same screen"),
        ('"run.pause" = "/"', "keys.toml:2: / is the key of run.filter on the same screen"),
        ('"run.to" = "?"', "keys.toml:2: ? is the key of everywhere.help on the same screen"),
    ],
)
def test_keymap_names_a_wrong_entry_and_keeps_its_default(line: str, told: str) -> None:
    keys, problems = read(line, '"run.zoom" = "Z"')
    assert keys == {"run.zoom": ("Z",)}
    (problem,) = problems
    assert problem.startswith(told)


def test_of_two_entries_with_one_key_the_later_one_gives_way() -> None:
    keys, problems = read('"run.pause" = "p"', '"run.step" = "p"')
    assert keys == {"run.pause": ("p",)}
    assert problems == [
        "keys.toml:3: p is the key of run.pause on the same screen; give one of the two another key. "
        "Until then run.step keeps s."
    ]


def test_a_key_that_comes_back_to_its_action_is_not_given_away() -> None:
    """Step's own new key is taken, so step keeps s; then pause cannot have s either."""
    keys, problems = read('"run.pause" = "s"', '"run.step" = "x"')
    assert keys == {}
    assert [problem.split(": ")[0] for problem in problems] == ["keys.toml:2", "keys.toml:3"]


def test_an_action_named_in_both_ways_is_told() -> None:
    keys, problems = read('"run.pause" = "p"', 'run.pause = "x"')
    assert keys == {"run.pause": ("p",)}
    assert problems == ["keys.toml:3: run.pause is named twice; keep one of the lines."]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[keys\n"run.pause" = "p"', "keys.toml:1: is not TOML ("),
        ('"run.pause" = "p"', 'keys.toml:1: "run.pause" is outside the table [keys]'),
        ("keys = 3", "keys.toml:1: keys is a table"),
        ("x = " + "9" * 5000, "keys.toml: a number in it has too many digits"),
        ("x = " + "[" * 100_000, "keys.toml: tables or lists are nested too deeply"),
    ],
)
def test_a_file_that_is_none_changes_nothing(text: str, told: str) -> None:
    keymap, problems = read_keymap(text, "keys.toml")
    assert keymap == Keymap()
    (problem,) = problems
    assert problem.startswith(told)


def test_the_file_stands_beside_the_profiles(home: Path) -> None:
    assert files.keymap_path() == home / "keys.toml"
    assert load_keymap(files.keymap_path()) == (Keymap(), [])
    files.keymap_path().write_text('\ufeff[keys]\n"run.pause" = "p"\n', "utf-8")
    assert load_keymap(files.keymap_path()) == (Keymap({"run.pause": ("p",)}), [])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    keymap, problems = load_keymap(tmp_path)
    assert keymap == Keymap()
    assert problems == [f"{tmp_path} cannot be read: is a directory. The keys are the usual ones."]
    latin = tmp_path / "keys.toml"
    latin.write_bytes(b"[keys] # \xe9\n")
    assert load_keymap(latin) == (
        Keymap(),
        [f"{latin}: byte 9 is not UTF-8; save the file as UTF-8 text. The keys are the usual ones."],
    )


@given(st.text() | st.text(alphabet='[]keys"run.pause=spaceth,\n').map(lambda text: f"[keys]\n{text}"))
def test_no_text_ends_in_an_exception(text: str) -> None:
    read_keymap(text, "keys.toml")


ENTRIES = st.dictionaries(
    st.sampled_from(sorted(BY_ID)),
    st.lists(st.sampled_from("abcdefghijklmnopPSx/?:123") | st.just("space"), min_size=1, max_size=3).map(",".join),
    max_size=8,
)


@given(ENTRIES)
def test_what_is_left_shares_no_key_and_what_is_not_left_is_told(entries: dict[str, str]) -> None:
    keymap, problems = read_keymap(
        "[keys]\n" + "".join(f'"{name}" = "{keys}"\n' for name, keys in entries.items()), "f"
    )
    assert len(keymap.keys) + len(problems) == len(entries)
    for one in ACTIONS:
        for other in ACTIONS:
            if one is not other and live_together(one, other):
                assert not set(keymap.of(one)) & set(keymap.of(other)), (one.id, other.id)


class RunLike(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = bindings("run")

    def compose(self) -> ComposeResult:
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.done: list[str] = []

    def action_pause(self) -> None:
        self.done.append("pause")

    def action_next_pane(self) -> None:
        self.done.append("next pane")


class Bound(App[None]):
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere")

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self.set_keymap(overrides(keymap))
        self.typed: list[str] = []

    def get_default_screen(self) -> Screen[None]:
        return RunLike()

    def action_commands(self, typed: str = "") -> None:
        self.typed.append(typed)


def test_textual_obeys_the_table_and_the_keymap_over_it() -> None:
    async def press() -> None:
        app = Bound(Keymap({"run.pause": ("p", "slash"), "run.to": ("T",), "run.filter": ("ctrl+f",)}))
        async with app.run_test(size=(80, 24)) as pilot:
            screen = app.screen
            assert isinstance(screen, RunLike)
            await pilot.press("space", "p", "slash", "tab")
            assert screen.done == ["pause", "pause", "next pane"]
            # An action that needs words opens the palette at them; the palette's own key opens it empty.
            await pilot.press("T", "colon", "ctrl+p")
            assert app.typed == ["to ", "", ""]

    asyncio.run(press())


def test_footer_shows_the_table_and_fits_80_columns() -> None:
    async def look() -> None:
        app = Bound(Keymap())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            footer = app.screen.query_one(Footer)
            wanted = [action for action in ACTIONS if action.footer and action.scope in ("run", "everywhere")]
            entries = [(entry.key_display, entry.description) for entry in footer.query("FooterKey")]
            assert entries == [(shown(action.keys[0]), action.label) for action in wanted]
            assert sum(len(key) + len(label) + 2 for key, label in entries) <= 80

    asyncio.run(look())


def test_keys_that_type_go_into_a_line_that_is_typed_in() -> None:
    class WithInput(RunLike):
        def compose(self) -> ComposeResult:
            yield Input()

    class Typing(Bound):
        def get_default_screen(self) -> Screen[None]:
            return WithInput()

    async def press() -> None:
        app = Typing(Keymap({"run.zoom": ("Z",)}))
        async with app.run_test() as pilot:
            await pilot.press("a", "space", "colon", "Z", "slash", "question_mark")
            assert app.screen.query_one(Input).value == "a :Z/?"
            assert app.typed == []
            assert isinstance(app.screen, RunLike)
            assert app.screen.done == []

    asyncio.run(press())
