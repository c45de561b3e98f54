"""The small screen that pins an item, and a pin in words, over real small runs."""

import pytest
from textual import events
from textual.pilot import Pilot

from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import CommandRecord
from icm_tui.tui.item.pin_screen import PinScreen, label_keys, read_words
from icm_tui.tui.item.screen import ItemScreen
from tests.tui.drawn import text, until
from tests.tui.hostile import MEGABYTE
from tests.tui.item.screen_driver import ITEM, show, write
from tests.tui.live import sent


def test_a_label_has_a_key_of_its_own_whatever_it_is_called() -> None:
    assert label_keys(["A", "B"]) == ["a", "b"]
    assert label_keys(["yes", "no", "yonder"]) == ["y", "n", "o"]
    assert label_keys(["q", "0", "aa", "a"]) == ["1", "2", "a", "4"]
    assert label_keys(["漢", "\x1b[2J", "--"])[2] == "3"
    many = label_keys([chr(ord("A") + number) * 2 for number in range(26)])
    assert len(set(many)) == 26
    assert not set(many) & {"q", "0"}


def test_words_name_a_label_and_a_note() -> None:
    assert read_words(" B looks  wrong ", ["A", "B"]) == ("B", "looks  wrong")
    assert read_words("A", ["A", "B"]) == ("A", "")
    assert read_words("off", ["A", "B"]) == (None, "")
    assert read_words("off", ["on", "off"]) == ("off", "")
    for words in ("", "C", "b"):
        with pytest.raises(Exception, match="name one of A, B, or off"):
            read_words(words, ["A", "B"])


def test_a_pin_takes_a_key_for_the_label_and_a_note(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("P")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PinScreen)
        assert f"Pin item {ITEM}, now" in text(pilot)
        assert "takes it off" not in text(pilot)
        await pilot.press("z", "0", "b", *"quite so", "enter")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert sent(live) == [("pin", {"item": ITEM, "label": "B", "note": "quite so"})]
        assert "pin: asked" in text(pilot)

    show(live, use)


def test_keys_that_come_all_at_once_pin_all_the_same(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("P")
        await pilot.pause()
        for character in "b so i\x7fit is\r":
            key = {"\x7f": "backspace", "\r": "enter", " ": "space"}.get(character, character)
            pilot.app.post_message(events.Key(key, character))
        await until(pilot, lambda: pilot.app.screen is screen)

    show(live, use)
    assert sent(live) == [("pin", {"item": ITEM, "label": "B", "note": "so it is"})]


@pytest.mark.parametrize("keys", [["escape"], ["q"], ["a", "escape"], ["b", "x", "q", "escape"]])
def test_escape_pins_nothing(live: RunDir, keys: list[str]) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("P", *keys)
        await pilot.pause()
        assert pilot.app.screen is screen

    show(live, use)
    assert sent(live) == []


@pytest.mark.parametrize("key", ["0", "backspace"])
def test_zero_takes_a_pin_off(live: RunDir, key: str) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("P")
        await pilot.pause()
        assert "takes it off; pinned to A: so it is" in text(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert pilot.app.screen is screen

    args = {"item": ITEM, "label": "A", "note": "so it is"}
    write(live, CommandRecord(id="x", what="pin", args=args, n=3, outcome="done"))
    show(live, use)
    assert sent(live) == [("pin", {"item": ITEM, "label": None, "note": ""})]


def test_what_is_pasted_into_a_note_steers_nothing(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("P", "a")
        pilot.app.post_message(events.Paste("one \x1b[2J\x9b31m\u202etwo"))
        await until(pilot, lambda: "one two" in text(pilot))
        pilot.app.post_message(events.Paste("y" * MEGABYTE))
        await pilot.press("!", "enter")
        await pilot.pause()

    show(live, use)
    assert sent(live) == [("pin", {"item": ITEM, "label": "A", "note": "one two!"})]


def test_an_ended_run_refuses_a_pin_with_a_sentence(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("P")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert "pin: the run is done, its labels are final." in text(pilot)
        screen.run_words("pin", "A")
        await pilot.app.push_screen(PinScreen(screen._feed, ITEM))
        await pilot.pause()
        assert "its labels are final" in text(pilot)
        await pilot.press("a")
        await pilot.pause()
        assert pilot.app.screen is screen

    show(done, use)
    assert sent(done) == []


def test_a_pin_can_be_typed_in_words(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        screen.run_words("pin", "B looks wrong")
        screen.run_words("pin", "off")
        screen.run_words("pin", "nonsense")
        await pilot.pause()
        assert "'nonsense' is no label" in text(pilot)

    show(live, use)
    assert sent(live) == [
        ("pin", {"item": ITEM, "label": "B", "note": "looks wrong"}),
        ("pin", {"item": ITEM, "label": None, "note": ""}),
    ]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (20, 5), (8, 2)])
def test_the_pins_screen_is_drawn_at_every_size(live: RunDir, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("P")
        await pilot.pause()
        shown = text(pilot)
        assert f"Pin item {ITEM}" in shown or size[0] < 80
        await pilot.press("a")
        await pilot.pause()
        assert "with a note if you like" in text(pilot) or size[0] < 80

    show(live, use, size=size)
