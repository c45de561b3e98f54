"""On which line each key of a TOML text stands; the standard parser does not tell."""

import bisect
import re
import tomllib

from icm_tui.profile.problems import KeyPath

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")
# A multi-line string may end in up to two quotation marks of its own before the three that close it.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, on which each table, key and inline key of a valid TOML text first stands.

    Keys inside an array of tables carry no index.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Reads just enough of TOML to find its keys: it skips values and trusts that the text was parsed before."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._gap() != "":
            if self._peek() == "[":
                self._at += 2 if self._text.startswith("[[", self._at) else 1
                table = self._key(())
                while self._peek() == "]":
                    self._at += 1
            else:
                self._pair(table)
        return self._lines

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group()

    def _gap(self) -> str:
        """Skips space, line ends and comments; returns the character after them."""
        self._take(_GAP)
        return self._peek()

    def _key(self, table: KeyPath) -> KeyPath:
        path = table
        while True:
            self._take(_BLANK)
            line = bisect.bisect_left(self._breaks, self._at) + 1
            bare = self._take(_BARE_KEY)
            part = bare or tomllib.loads(f"part = {self._take(_STRING)}")["part"]
            path = (*path, part)
            self._lines.setdefault(path, line)
            self._take(_BLANK)
            if self._peek() != ".":
                return path
            self._at += 1

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        if self._peek() == "=":
            self._at += 1
            self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._take(_BLANK)
        opening = self._peek()
        if opening not in ("[", "{"):
            if not self._take(_STRING):
                self._take(_BARE_VALUE)
            return
        self._at += 1
        closing = "]" if opening == "[" else "}"
        while self._gap() != closing:
            if self._peek() == ",":
                self._at += 1
            elif opening == "[":
                self._value(path)
            else:
                self._pair(path)
        self._at += 1
