"""Hostile texts in every place a text can come from: nothing but our own drawing reaches the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from icm_tui.tui.cells import cut, fit, span, width, wrap
from tests.tui.hostile import CORPUS, SURROGATES

ALL = CORPUS | SURROGATES
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def _drawn_width(text: str) -> int:
    """How far the cursor of a terminal goes that counts character by character, as most do."""
    return sum(wcwidth(character) for character in text)


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_span_steers_nothing(text: str) -> None:
    cleaned = span(text).text
    assert [character for character in cleaned if unicodedata.category(character) in _STEERING] == []
    cleaned.encode()


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_fitted_line_is_as_wide_as_it_says(text: str) -> None:
    for cells in (1, 2, 7, 38, 200):
        fitted = fit((span(text),), cells)
        assert width(fitted) == cells
        assert _drawn_width("".join(part.text for part in fitted)) == cells


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_wrapped_text_steers_nothing(text: str) -> None:
    for piece in wrap(text, 60)[:100]:
        assert [character for character in piece if unicodedata.category(character) in _STEERING] == []
        assert _drawn_width(piece) <= 61


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 80))
def test_any_text_at_all(text: str, cells: int) -> None:
    cleaned = span(text).text
    assert [character for character in cleaned if unicodedata.category(character) in _STEERING] == []
    assert _drawn_width(cut(cleaned, cells)) <= cells
