"""The table of actions, what keys are called, and the page made of both."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.keys import _character_to_key

from icm_tui.tui.keys import page as keys_page
from icm_tui.tui.keys.actions import ACTIONS
from icm_tui.tui.keys.keymap import live_together
from icm_tui.tui.keys.names import key_name, shown

PRINTABLE = [*sorted(set(string.printable) - set(string.whitespace)), *"¡§°µÿé€я世"]


def test_ids_are_unique_and_begin_with_their_scope() -> None:
    ids = [action.id for action in ACTIONS]
    assert len(set(ids)) == len(ids)
    assert all(action.id.startswith(f"{action.scope}.") for action in ACTIONS)
    assert all(action.method.isidentifier() for action in ACTIONS)


def test_no_key_does_two_things_on_a_screen() -> None:
    clashes = [
        (one.id, other.id)
        for place, one in enumerate(ACTIONS)
        for other in ACTIONS[place + 1 :]
        if live_together(one, other) and set(one.keys) & set(other.keys)
    ]
    assert clashes == []


def test_what_is_typed_names_one_action_of_a_screen() -> None:
    called = [
        (one.id, other.id)
        for place, one in enumerate(ACTIONS)
        for other in ACTIONS[place + 1 :]
        if live_together(one, other) and "moving" not in (one.scope, other.scope)
        and one.name == other.name and bool(one.argument) == bool(other.argument)
    ]  # fmt: skip
    assert called == []


def test_every_key_of_the_table_is_named_as_textual_names_it() -> None:
    for action in ACTIONS:
        for key in action.keys:
            assert key_name(shown(key)) == key == key_name(key)


def test_every_action_has_a_plain_way() -> None:
    """A letter, a sign or a named key, or words: never a control or function key alone."""
    for action in ACTIONS:
        plain = [key for key in action.keys if "ctrl" not in key and not key[1:].isdigit()]
        assert plain or action.words, action.id


@pytest.mark.parametrize("character", PRINTABLE)
def test_a_character_is_the_key_that_textual_reports_for_it(character: str) -> None:
    assert key_name(character) == _character_to_key(character)
    assert shown(key_name(character)) == character


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Space", "space"),
        ("Esc", "escape"),
        ("PgDn", "pagedown"),
        ("Return", "enter"),
        ("F12", "f12"),
        ("ctrl+P", "ctrl+p"),
        ("Control+Alt+x", "alt+ctrl+x"),
        ("ctrl++", "ctrl+plus"),
        ("+", "plus"),
        ("slash", "slash"),
        ("shift+s", "S"),
        ("shift+f3", "shift+f3"),
        ("ctrl+i", "tab"),
        ("ctrl+m", "enter"),
        ("é", "é"),
        ("§", "section_sign"),
        ("€", "euro_sign"),
        (" p ", "p"),
    ],
)
def test_the_ways_to_write_a_key(written: str, name: str) -> None:
    assert key_name(written) == name


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("spce", 'there is no key "spce"'),
        ("", "there is no key"),
        ("cmd+p", '"cmd" is no key to hold down'),
        ("shift+1", "write the character that it types"),
        ("f25", 'there is no key "f25"'),
        ("\x1b", "there is no key"),
        ("\U0001f600", "there is no key"),
        ("shift+ß", "write the character that it types"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match="key") as refusal:
        key_name(written)
    assert reason in str(refusal.value)


@given(st.text(max_size=12) | st.characters() | st.characters().map(lambda key: f"shift+{key}"))
def test_a_key_that_is_read_is_shown_so_that_it_is_read_again(text: str) -> None:
    try:
        name = key_name(text)
    except ValueError:
        return
    assert "," not in name
    assert key_name(shown(name)) == name


def test_the_page_is_up_to_date() -> None:
    written = Path(keys_page.__file__).with_name("KEYS.md").read_text("utf-8")
    assert written == keys_page.document(), "run `python -m icm_tui.tui.keys.page > icm_tui/tui/keys/KEYS.md`"


def test_the_page_has_a_row_for_every_action() -> None:
    page = keys_page.document()
    for action in ACTIONS:
        (row,) = (row for row in page.splitlines() if row.endswith(f"| `{action.id}` |"))
        assert row.count("|") == 5
        assert action.help in row
        for key in action.keys:
            assert f"`{shown(key)}`" in row
