"""A line of text while it is typed.

Textual's Input would have the focus while it is typed in, and the keys behind the one that moves the focus are already
on their way to where it was: what comes in one burst over a stalled line would end up out of order, in the wrong field.
This line is part of what has the focus all the time.
"""

import re

import msgspec

from icm_tui.tui.form.values import cleaned
from icm_tui.tui.text.cells import Line, cut, fit, line, span, width

_LAST_WORD = re.compile(r"\S*\s*\Z")


class Typed(msgspec.Struct, frozen=True):
    """A text of one line and the place of the cursor in it, as a number of characters."""

    text: str
    at: int

    @classmethod
    def of(cls, text: str) -> "Typed":
        """A text with the cursor at its end."""
        text = cleaned(text)
        return cls(text, len(text))

    def key(self, name: str, character: str | None) -> "Typed | None":
        """The line after a key, by Textual's name and the character it types; None for a key that is none of a line."""
        before, after = self.text[: self.at], self.text[self.at :]
        match name:
            case "left":
                return Typed(self.text, max(0, self.at - 1))
            case "right":
                return Typed(self.text, min(len(self.text), self.at + 1))
            case "home" | "ctrl+a":
                return Typed(self.text, 0)
            case "end" | "ctrl+e":
                return Typed(self.text, len(self.text))
            case "backspace":
                return Typed(before[:-1] + after, max(0, self.at - 1))
            case "delete" | "ctrl+d":
                return Typed(before + after[1:], self.at)
            case "ctrl+u":
                return Typed(after, 0)
            case "ctrl+k":
                return Typed(before, self.at)
            case "ctrl+w":
                before = _LAST_WORD.sub("", before)
                return Typed(before + after, len(before))
        if character is not None and character.isprintable():
            return self.pasted(character)
        return None

    def pasted(self, text: str) -> "Typed":
        """The line with a text put in at the cursor, its line ends made spaces."""
        before = cleaned(self.text[: self.at] + text.strip("\r\n"))
        return Typed(before + self.text[self.at :], len(before))

    def drawn(self, cells: int) -> Line:
        """The line in `cells`, moved so far that the cursor is in sight."""
        before, under, after = self.text[: self.at], self.text[self.at : self.at + 1] or " ", self.text[self.at + 1 :]
        # The cursor needs a cell or two, and one more character behind it shows that there is more.
        before = _last(before, max(0, cells - 3))
        start = line(span(before, "found"), span(under, "cursor"))
        return fit((*start, span(cut(after, max(0, cells - width(start))), "found")), cells)


def _last(text: str, cells: int) -> str:
    """The end of a text that fits into `cells`."""
    start = max(0, len(text) - cells)
    while width(line(text[start:])) > cells:
        start += 1
    return text[start:]
