"""The line that is typed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.tui.form.values import cleaned
from icm_tui.tui.text.cells import width
from icm_tui.tui.text.typed import Typed


def after(start: str, *keys: str) -> Typed:
    typed = Typed.of(start)
    for key in keys:
        found = typed.key(key, key if len(key) == 1 else None)
        assert found is not None
        typed = found
    return typed


@pytest.mark.parametrize(
    ("keys", "text", "at"),
    [
        (["x"], "two wordsx", 10),
        (["left", "left", "x"], "two worxds", 8),
        (["home", "x", "right"], "xtwo words", 2),
        (["home", "left", "delete"], "wo words", 0),
        (["end", "right", "delete"], "two words", 9),
        (["backspace", "backspace"], "two wor", 7),
        (["home", "backspace"], "two words", 0),
        (["ctrl+w"], "two ", 4),
        (["ctrl+w", "ctrl+w", "ctrl+w"], "", 0),
        (["left", "left", "ctrl+u"], "ds", 0),
        (["left", "left", "ctrl+k"], "two wor", 7),
        (["ctrl+a", "ctrl+d", "ctrl+e"], "wo words", 8),
    ],
)
def test_keys_edit_the_line(keys: list[str], text: str, at: int) -> None:
    assert after("two words", *keys) == Typed(text, at)


def test_a_key_that_is_none_of_a_lines_is_left() -> None:
    assert all(Typed.of("a").key(key, None) is None for key in ("enter", "escape", "tab", "up", "f1", "ctrl+s"))


def test_a_pasted_text_becomes_one_clean_line() -> None:
    assert Typed("ad", 1).pasted("b\nc\x1b[2J\u202e\n") == Typed("ab cd", 4)
    assert Typed.of("\x1b]0;x\x07a").text == "a"


@pytest.mark.parametrize(
    ("text", "at", "cells", "shown"),
    [
        ("abc", 3, 8, "abc"),
        ("abcdefghij", 10, 6, "hij"),
        ("abcdefghij", 0, 6, "abcde…"),
        ("abcdefghij", 5, 6, "cdefg…"),
        ("好好好好", 4, 6, "好"),
    ],
)
def test_the_line_moves_so_that_the_cursor_is_seen(text: str, at: int, cells: int, shown: str) -> None:
    assert "".join(part.text for part in Typed(text, at).drawn(cells)).rstrip() == shown


_text = st.text("ab 好e\u0301\x1b[\u202e\n", max_size=30)


@given(_text, st.integers(0, 30), _text, st.integers(4, 40))
def test_whatever_is_typed_is_clean_and_fits(start: str, left: int, pasted: str, cells: int) -> None:
    typed = Typed.of(start)
    for _ in range(left):
        typed = typed.key("left", None) or typed
    typed = typed.pasted(pasted)
    assert 0 <= typed.at <= len(typed.text)
    assert cleaned(typed.text[: typed.at]) == typed.text[: typed.at]
    line = typed.drawn(cells)
    assert width(line) == cells
    assert [part.style for part in line if part.style == "cursor"] == ["cursor"]
