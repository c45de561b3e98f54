"""What comes out of the one door through which text reaches the screen, and how wide it is."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from icm_tui.tui.text.cells import (
    ELLIPSIS,
    Line,
    Span,
    as_many_as_fit,
    cut,
    fit,
    joined,
    line,
    rule,
    span,
    spread,
    width,
    wrap,
)
from tests.tui.hostile import CORPUS, SURROGATES

_AWKWARD = st.sampled_from(
    [*"ab \n\t\x1b[]m漢字한\u0301\u0489\u200d\ufe0f\u202e\u1161\ud800\U0001f468\U0001f3fd\U0001f1e9\x9b"]
)
TEXTS = st.text(st.one_of(_AWKWARD, st.characters()), max_size=60)
PLAIN = st.text(st.sampled_from("abc 漢é\u0301"), max_size=80)
LINES = st.lists(st.builds(span, TEXTS), max_size=4).map(tuple)
CELLS = st.integers(0, 60)


def assert_harmless(text: str, *, breaks: str = "") -> None:
    """Nothing in it could steer a terminal or has a width that terminals disagree on."""
    for character in set(text) - set(breaks):
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp"), hex(ord(character))
        assert not re.match("[\ufe00-\ufe0f\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff]", character)
    marks = 2
    for character in text:
        marks = 2 if character in breaks else 0 if get_character_cell_size(character) else marks + 1
        assert marks <= 2


@pytest.mark.parametrize("text", [*CORPUS.values(), *SURROGATES.values()], ids=[*CORPUS, *SURROGATES])
def test_the_hostile_corpus_comes_out_harmless(text: str) -> None:
    assert_harmless(span(text).text)
    assert_harmless("\n".join(wrap(text, 80)), breaks="\n")
    if text.isascii() and text.isprintable():
        assert span(text).text == text[:4096]


@given(text=TEXTS)
@example("x\x1b]0;title\x07y")
@example("\u0301\u0301\u0301e\u0301\u0301\u0301\u0301")
@example("\u1112\u1161\u1161\u1161\u11ab")
def test_any_text_comes_out_harmless(text: str) -> None:
    assert_harmless(span(text).text)
    assert_harmless("\n".join(wrap(text, 20)), breaks="\n")


def test_cleaning_keeps_what_can_be_read() -> None:
    assert span("naïve 漢字 e\u0301 \u22122.6 [/foo]").text == "naïve 漢字 e\u0301 \u22122.6 [/foo]"
    assert span("a\tb\nc").text == "a b c"
    assert span("\U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd").text == "DE \U0001f44d"
    assert span("x\ud800y").text == "x\ufffdy"
    assert span("e" + "\u0301" * 50).text == "e\u0301\u0301"
    assert span("y" * 10_000).text == "y" * 4096


def test_cleaning_a_text_twice_changes_nothing_more() -> None:
    for text in CORPUS.values():
        assert span(span(text).text).text == span(text).text


@given(text=TEXTS, cells=CELLS)
def test_a_text_is_cut_to_the_cells_and_says_so(text: str, cells: int) -> None:
    cleaned = span(text).text
    made = cut(cleaned, cells)
    assert cell_len(made) <= cells
    if cell_len(cleaned) <= cells:
        assert made == cleaned
    elif cells:
        assert made.endswith(ELLIPSIS)
        assert cleaned.startswith(made[:-1])
        assert cell_len(made) >= cells - 1  # a wide character may not have fitted


@given(parts=LINES, cells=CELLS)
def test_fit_has_exactly_the_cells(parts: Line, cells: int) -> None:
    made = fit(parts, cells)
    assert width(made) == cells
    if width(parts) <= cells:
        assert made[: len(parts)] == parts


def test_fit_stops_at_the_edge_of_a_wide_character() -> None:
    assert fit((span("漢字"),), 3) == (Span("漢…"),)
    assert fit((span("漢字"), span("x")), 2) == (Span("…"), Span(" "))
    assert fit((span("ab"), span("cd")), 3) == (Span("ab"), Span("…"))


@given(left=LINES, right=LINES, cells=st.integers(1, 80))
def test_spread_has_exactly_the_cells_and_keeps_the_right(left: Line, right: Line, cells: int) -> None:
    made = spread(left, right, cells)
    assert width(made) == cells
    if right and width(right) + 2 <= cells:
        assert made[-len(right) :] == right


@given(title=LINES, right=LINES, cells=st.integers(1, 80))
def test_a_rule_has_exactly_the_cells(title: Line, right: Line, cells: int) -> None:
    assert width(rule(title, right, cells)) == cells


def test_a_rule_gives_up_the_right_before_the_title() -> None:
    title, right = line(span("2 log", "title")), line(span("following", "dim"))
    assert "".join(part.text for part in rule(title, right, 30)) == "─ 2 log " + "─" * 10 + " following ─"
    assert "".join(part.text for part in rule(title, right, 12)) == "─ 2 log ────"
    assert "".join(part.text for part in rule(title, right, 6)) == "─ 2 l…"


@given(text=PLAIN, cells=st.integers(2, 40))
@example(text="aaaa   a", cells=2)
def test_wrapping_keeps_all_but_the_spaces_it_broke_at(text: str, cells: int) -> None:
    pieces = wrap(text, cells)
    assert all(cell_len(piece) <= cells for piece in pieces)
    # Between two pieces one space may have gone, and one at the very end.
    assert re.fullmatch(" ?".join(map(re.escape, pieces)) + " ?", span(text).text)


@given(words=st.lists(st.text(st.sampled_from("abc漢é"), min_size=1, max_size=4), min_size=1), cells=st.integers(8, 40))
def test_words_that_fit_are_never_broken(words: list[str], cells: int) -> None:
    pieces = wrap(" ".join(words), cells)
    assert [word for piece in pieces for word in piece.split(" ")] == words
    # No piece could have taken the next word, too.
    for piece, following in pairwise(pieces):
        assert cell_len(piece) + 1 + cell_len(following.split(" ")[0]) > cells


@given(text=TEXTS)
def test_a_narrow_text_is_wrapped_as_any_other(text: str) -> None:
    narrow = "".join(character for character in text if character.isascii() and character.isprintable())
    # A wide character in a paragraph of its own does not change how the others are wrapped.
    assert wrap(narrow, 7) == [piece.replace("é", "e") for piece in wrap(narrow.replace("e", "é"), 7)]


def test_wrapping_keeps_paragraphs_and_expands_tabs() -> None:
    assert wrap("one\n\ntwo\tx", 20) == ["one", "", "two x"]
    assert wrap("aaaa bbbb", 4) == ["aaaa", "bbbb"]
    assert wrap("漢字漢", 1) == ["漢", "字", "漢"]
    assert wrap("", 10) == [""]


def test_joined_leaves_out_what_is_empty() -> None:
    parts: list[Line] = [line("a"), (), line("b")]
    assert "".join(part.text for part in joined(parts)) == "a · b"
    assert joined([]) == ()


def shown(made: Line) -> str:
    return "".join(part.text for part in made)


def test_as_many_parts_as_fit_are_joined_and_the_first_is_cut() -> None:
    parts: list[Line] = [line("one"), (), line("漢字"), line("three")]
    assert shown(as_many_as_fit(parts, 20)) == " one · 漢字 · three"
    assert shown(as_many_as_fit(parts, 18)) == " one · 漢字"
    assert shown(as_many_as_fit(parts, 11, "   ")) == " one   漢字"
    assert shown(as_many_as_fit(parts, 10)) == " one"
    assert shown(as_many_as_fit(parts, 3)) == " o…"
    assert shown(as_many_as_fit([], 3)) == " "
    assert len(parts) == 4
