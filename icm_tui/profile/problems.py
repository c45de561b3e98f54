"""What is wrong with a profile, in words, and where: in which line of its file, or in which --set."""

import bisect
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from icm_tui.errors import UserError
from icm_tui.text import one_line

KeyPath = tuple[str, ...]


class Problem(NamedTuple):
    """One thing that is wrong. `path` is the setting to blame; `about` are other settings that are involved."""

    path: KeyPath
    text: str
    about: tuple[KeyPath, ...] = ()


class Fault(NamedTuple):
    """A problem and its place: `where` is "profile.toml:12" or "--set search.shots", `line` the line of the file,
    counted from 1, if there is one."""

    where: str
    line: int | None
    key: str
    text: str

    def __str__(self) -> str:
        return one_line(": ".join(part for part in (self.where, self.key, self.text) if part))


class ProfileError(UserError):
    """Everything that is wrong with a profile, a line each; `faults` holds the same for a form."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def placed(
    problems: Iterable[Problem], source: str, lines: Mapping[KeyPath, int], sets: Sequence[KeyPath] = ()
) -> list[Fault]:
    """The problems with their places, in the order of the lines of `source`; those of a --set come last.

    `lines` has the line of each setting that the source has, `sets` the settings that a --set changed.
    """
    faults = [_placed(problem, source, lines, sets) for problem in problems]
    return sorted(faults, key=lambda fault: (fault.where.startswith("--set"), fault.line or 0))


def _placed(problem: Problem, source: str, lines: Mapping[KeyPath, int], sets: Sequence[KeyPath]) -> Fault:
    path, key = problem.path, ".".join(problem.path)
    for given in sets:
        # A --set is to blame for a section only if the source does not have the section.
        if path[: len(given)] == given[: len(path)] and (len(path) > 1 or path not in lines):
            deeper = given if len(given) > len(path) else path
            return Fault(f"--set {'.'.join(deeper)}", None, "", problem.text)
    # The place of a setting that was not written is its section, or else the file.
    for length in range(len(path), 0, -1):
        line = lines.get(path[:length])
        if line is not None:
            return Fault(f"{source}:{line}", line, key, problem.text)
    return Fault(source, None, key, problem.text)


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
    """The line, counted from 1, where each table, key and inline key of a valid TOML text first occurs.

    Keys inside an array of tables have no index.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Reads just enough of TOML to find its keys. It skips values, and relies on a parser having accepted the text."""

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
        """Skip spaces, line ends and comments; return the character after them."""
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
