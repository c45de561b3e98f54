"""Foreign text cannot steer the terminal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.text import multi_line, one_line

_CONTROLS = "\x00\x07\x08\t\n\r\x1b\x7f\x84\x90\x9b\x9c\x9d\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028"
_hostile = st.lists(st.sampled_from([*_CONTROLS, *"[]PX^_(\\0;mABé", "\x1b[", "\x1b]0;", "\x1b\\"])).map("".join)
_texts = st.one_of(st.text(), _hostile, st.lists(st.one_of(st.text(max_size=3), _hostile)).map("".join))
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@given(_texts)
def test_no_control_character_survives(text: str) -> None:
    assert not _FORBIDDEN.search(multi_line(text))
    assert not _FORBIDDEN.search(one_line(text))
    assert not re.search(r"[\n\t\u2028\u2029]", one_line(text))


@given(_texts)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert multi_line(multi_line(text)) == multi_line(text)
    assert one_line(one_line(text)) == one_line(text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Zl", "Zp", "Cs"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text
    assert multi_line(f"{text}\n\t{text}") == f"{text}\n\t{text}"


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\x1b[1;31mred\x1b[0mb", "aredb"),
        ("c1-\udc9b2J, \ud800", "c1-\ufffd2J, \ufffd"),
        ("a\x1b[?25lb\x1b[2 qc", "abc"),
        ("a\x9b31mb", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1b]0;never ended", "a"),
        ("a\x1bPdata\x07more\x1b\\b\x1b_x\x9cc\x1b^y\x1b\\d\x1bXz", "abcd"),
        ("a\x1b(Bb\x1b7c\x1bcd", "abcd"),
        ("a\x1b", "a"),
        ("a\x1b\nb", "a b"),
        ("a\x1b\x1b[0m[31mb", "a31mb"),
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("a\x00\x07\x08\x7f\x85b", "ab"),
        ("abc\u202egnp.exe\u2066\u061c", "abcgnp.exe"),
        # UTF-8 quotation marks read with the wrong code page: a C1 character is no reason to lose the sentence.
        ("he said \xe2\x80\x9cyes\xe2\x80\x9d to her", "he said \xe2yes\xe2 to her"),
        ("le\u015bniczy as le\xc5\x9bniczy", "le\u015bniczy as le\xc5niczy"),
        ("family \U0001f469\u200d\U0001f467", "family \U0001f469\u200d\U0001f467"),
    ],
)
def test_one_line(dirty: str, clean: str) -> None:
    assert one_line(dirty) == clean


def test_multi_line_keeps_newline_and_tab() -> None:
    assert multi_line("a\r\n\tb\x1b[2Jc") == "a\n\tbc"
