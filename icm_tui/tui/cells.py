"""Text made ready to be drawn: the one door through which every dynamic string reaches the screen.

A Line is a tuple of spans, each a cleaned text and the name of a style. Spans are made by `span` alone, which takes
out what could steer a terminal or upset the count of cells; tests/tui/test_output.py walks the syntax tree of this
package to see that no text is drawn in another way.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from rich.cells import cell_len, get_character_cell_size

from icm_tui.clean import multi_line, one_line

Style = Literal["plain", "dim", "bold", "accent", "second", "warn", "title", "cursor", "found"]
"""The styles by what they mean; theme.py says how each looks. No meaning is told by a style alone."""

ELLIPSIS = "…"
_LONGEST = 4096
_LONGEST_TEXT = 1 << 21
_MOST_MARKS = 2
# Variation selectors and tones of skin.
_UNSURE = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff]")


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
    return sum(cell_len(part.text) for part in line)


def cut(text: str, cells: int) -> str:
    """A cleaned text cut to at most `cells`, its last cell an ellipsis where something was cut off."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
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
        size = cell_len(part.text)
        if size > left:
            fitted.append(Span(cut(part.text, left), part.style))
            left -= cell_len(fitted[-1].text)
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


def spread(left: Line, right: Line, cells: int) -> Line:
    """`left` at the left edge and `right` at the right one of `cells`; what does not fit of `left` is cut."""
    right_width = width(right)
    if right_width + 2 > cells:
        return fit(left, cells)
    return (*fit(left, cells - right_width), *right)


def rule(title: Line, right: Line, cells: int) -> Line:
    """A title rule: the title, a thin line, and what stands at its right end."""
    start = (Span("─ ", "dim"), *title, Span(" ", "dim"))
    end = (Span(" ", "dim"), *right, Span(" ─", "dim")) if right else ()
    room = cells - width(start) - width(end)
    if room < 1:
        return fit(start, cells) if width(start) >= cells or not right else rule(title, (), cells)
    return (*start, Span("─" * room, "dim"), *end)


def wrap(text: str, cells: int) -> list[str]:
    """A cleaned text of several lines, broken between words where possible, each piece at most `cells` wide."""
    pieces: list[str] = []
    for paragraph in _multi_line(text[:_LONGEST_TEXT]).split("\n"):
        pieces.extend(_wrap(paragraph.expandtabs(4), max(1, cells)))
    return pieces


def _wrap(text: str, cells: int) -> list[str]:
    if cell_len(text) <= cells:
        return [text]
    pieces: list[str] = []
    start, used, last_space = 0, 0, -1
    place = 0
    while place < len(text):
        size = get_character_cell_size(text[place])
        if text[place] == " ":
            last_space = place
        if used + size > cells and place > start:
            end = last_space if last_space > start else place
            pieces.append(text[start:end])
            start = end + 1 if text[end] == " " else end
            place = start
            used, last_space = 0, -1
            continue
        used += size
        place += 1
    pieces.append(text[start:])
    return pieces


@lru_cache(maxsize=4096)
def _one_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _countable(one_line(text))


def _multi_line(text: str) -> str:
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return _countable(multi_line(text).replace("\u2028", "\n").replace("\u2029", "\n"))


def _countable(text: str) -> str:
    """Without the characters whose width terminals disagree on: format characters, variation selectors and tones of
    skin go, marks are kept up to two on a character, letters of flags become letters, and halves of surrogate pairs
    (bytes that were no UTF-8) and what Unicode has not assigned are replaced."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category == "Cf" or _UNSURE.match(character):
            continue
        if category in ("Cs", "Cn"):
            character = "\ufffd"
        elif "\U0001f1e6" <= character <= "\U0001f1ff":
            character = chr(ord(character) - 0x1F1E6 + ord("A"))
        if category in ("Mn", "Me"):
            marks += 1
            if marks > _MOST_MARKS or not kept or kept[-1] == "\n":
                continue
        else:
            marks = 0
        kept.append(character)
    return "".join(kept)
