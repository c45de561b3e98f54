"""Text made ready to be drawn: the one door through which every dynamic string reaches the screen.

A Line is a tuple of spans, each a cleaned text and the name of a style. Spans are made by `span` alone, which takes
out what could steer a terminal or upset the count of cells; tests/tui/test_output.py walks the syntax tree of this
package to see that no text is drawn in another way.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from rich.cells import cell_len, get_character_cell_size

from icm_tui.text import multi_line, one_line

Style = Literal["plain", "dim", "bold", "accent", "second", "warn", "title", "cursor", "found"]
"""The styles by what they mean; theme.py says how each looks. No meaning is shown by a style alone."""

ELLIPSIS = "…"
_LONGEST = 4096
_LONGEST_TEXT = 1 << 21
_MOST_MARKS = 2
# Variation selectors, tones of skin, and letters that flags are made of.
_UNSURE = (("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"), ("\U0001f3fb", "\U0001f3ff"))
_FIRST_OF_FLAGS, _LAST_OF_FLAGS = "\U0001f1e6", "\U0001f1ff"


class Span(NamedTuple):
    """A run of cleaned text in one style. Made by `span`."""

    text: str
    style: Style = "plain"


Line = tuple[Span, ...]


def span(text: str, style: Style = "plain") -> Span:
    """A span of one line: `text` without anything that could steer the terminal, cut at 4096 characters."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST]
    return Span(_one_line(text), style)


def line(*parts: Span | str) -> Line:
    """A line of spans; a bare text becomes a plain span."""
    return tuple(part if isinstance(part, Span) else span(part) for part in parts)


def width(line: Iterable[Span]) -> int:
    """How many cells a line takes."""
    return sum(_cells(part.text) for part in line)


def cut(text: str, cells: int) -> str:
    """A cleaned text cut to at most `cells`, its last cell an ellipsis if something was cut off."""
    if cells <= 0:
        return ""
    if text.isascii():
        return text if len(text) <= cells else text[: cells - 1] + ELLIPSIS
    # With at most two marks on a character, no more than that can fit; the rest need not be counted.
    if len(text) <= (1 + _MOST_MARKS) * cells and cell_len(text) <= cells:
        return text
    kept, used = [], 0
    for character in text:
        size = get_character_cell_size(character)
        if used + size > cells - 1:
            break
        kept.append(character)
        used += size
    return "".join(kept) + ELLIPSIS


def fit(line: Iterable[Span], cells: int) -> Line:
    """A line cut or filled with spaces to exactly `cells`."""
    fitted: list[Span] = []
    left = cells
    for part in line:
        if len(part.text) > (1 + _MOST_MARKS) * left or (size := _cells(part.text)) > left:
            fitted.append(Span(cut(part.text, left), part.style))
            left -= _cells(fitted[-1].text)
            break
        fitted.append(part)
        left -= size
    if left > 0:
        fitted.append(Span(" " * left))
    return tuple(fitted)


def joined(parts: Iterable[Line], between: str = " · ") -> Line:
    """Lines put one behind another, with a dim text between them; empty ones are left out."""
    together: list[Span] = []
    for part in parts:
        if part:
            if together:
                together.append(span(between, "dim"))
            together.extend(part)
    return tuple(together)


def as_many_as_fit(parts: Sequence[Line], cells: int, between: str = " · ") -> Line:
    """A space and the first of the parts, joined, as many as `cells` have room for; of the first one what fits."""
    kept = list(parts)
    while len(kept) > 1 and width(joined(kept, between)) + 1 > cells:
        kept.pop()
    made = line(" ", *joined(kept, between))
    return made if width(made) <= cells else fit(made, cells)


def spread(left: Line, right: Line, cells: int) -> Line:
    """`left` at the left edge and `right` at the right one of `cells`; what does not fit of `left` is cut."""
    right_width = width(right)
    if right_width + 2 > cells:
        return fit(left, cells)
    return (*fit(left, cells - right_width), *right)


def rule(title: Line, right: Line, cells: int) -> Line:
    """A title rule: the title, a thin line, and what is at its right end."""
    start = (Span("─ ", "dim"), *title, Span(" ", "dim"))
    end = (Span(" ", "dim"), *right, Span(" ─", "dim")) if right else ()
    room = cells - width(start) - width(end)
    if room < 1:
        return fit(start, cells) if width(start) >= cells or not right else rule(title, (), cells)
    return (*start, Span("─" * room, "dim"), *end)


def wrap(text: str, cells: int) -> list[str]:
    """A cleaned text of several lines, broken between words where possible, each piece at most `cells` (2 at least)
    wide. Only the space at which it was broken is lost."""
    pieces: list[str] = []
    for paragraph in _multi_line(text[:_LONGEST_TEXT]).split("\n"):
        whole = paragraph.expandtabs(4)
        pieces.extend((_wrap_narrow if whole.isascii() else _wrap)(whole, max(2, cells)))
    return pieces


def _wrap_narrow(text: str, cells: int) -> list[str]:
    """As _wrap, for a text whose characters take a cell each."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > cells:
        space = text.rfind(" ", start + 1, start + cells + 1)
        end = space if space >= 0 else start + cells
        pieces.append(text[start:end])
        start = end + (text[end] == " ")
    pieces.append(text[start:])
    return pieces


def _wrap(text: str, cells: int) -> list[str]:
    pieces: list[str] = []
    start, used, last_space = 0, 0, -1
    place = 0
    while place < len(text):
        size = get_character_cell_size(text[place])
        if text[place] == " ":
            last_space = place
        if used + size > cells:
            end = last_space if last_space > start else place
            pieces.append(text[start:end])
            start = end + (text[end] == " ")
            place, used, last_space = start, 0, -1
            continue
        used += size
        place += 1
    pieces.append(text[start:])
    return pieces


def _cells(text: str) -> int:
    """How many cells a cleaned text takes."""
    return len(text) if text.isascii() else cell_len(text)


@lru_cache(maxsize=1024)
def _one_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _countable(one_line(text))


def _multi_line(text: str) -> str:
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return _countable(multi_line(text).replace("\u2028", "\n").replace("\u2029", "\n"))


def _countable(text: str) -> str:
    """Without the characters whose width terminals disagree on, and with at most two marks, or other characters that
    take no cell, on each that does."""
    if text.isascii():
        return text
    characters = set(text)
    replaced = {ord(character): drawn for character in characters if (drawn := _drawn(character)) != character}
    if replaced:
        text = text.translate(replaced)
    if all(map(get_character_cell_size, characters - {"\n"})):
        return text
    kept: list[str] = []
    marks = _MOST_MARKS  # at the start of a line there is nothing to put one on
    for character in text:
        if character == "\n":
            marks = _MOST_MARKS
        elif get_character_cell_size(character) or character == "\t":
            marks = 0
        else:
            marks += 1
            if marks > _MOST_MARKS:
                continue
        kept.append(character)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _drawn(character: str) -> str:
    """What the screen shows for a character: nothing for format characters, variation selectors and tones of skin,
    a letter for one that flags are made of, a sign of replacement for halves of surrogate pairs (bytes that were no
    UTF-8) and what Unicode has not assigned."""
    category = unicodedata.category(character)
    if category == "Cf" or any(first <= character <= last for first, last in _UNSURE):
        return ""
    if category in ("Cs", "Cn"):
        return "\ufffd"
    if _FIRST_OF_FLAGS <= character <= _LAST_OF_FLAGS:
        return chr(ord(character) - ord(_FIRST_OF_FLAGS) + ord("A"))
    return character
