"""The log: which rows there are, at any width. A record's row is made when it is looked at, so that a log of millions
of decisions costs eight bytes each."""

from array import array
from bisect import bisect_right
from typing import NamedTuple

from icm_tui.tui.cells import wrap


class Thought(NamedTuple):
    """A piece of streamed reasoning put together: who speaks, about which item, at which decision."""

    call: str
    item: int
    n: int
    speaker: str
    text: str


class Row(NamedTuple):
    """A row of the log: a record at a byte offset of the journal, or line `line` of a thought's text."""

    offset: int
    thought: str = ""
    line: int = 0


class Log:
    """The entries in the order of the journal, a record's byte offset or a finished thought each."""

    def __init__(self) -> None:
        self.entries = array("q")
        self.thoughts: list[str] = []

    def add_record(self, offset: int) -> None:
        """A record that gets a row of its own."""
        self.entries.append(offset)

    def add_thought(self, call: str) -> None:
        """A thought came to its end here."""
        self.thoughts.append(call)
        self.entries.append(-len(self.thoughts))


class LogRows:
    """The rows of a log at one width. `texts` maps a call to what was said so far; streams that have not ended stand
    below all entries."""

    def __init__(self, log: Log, texts: dict[str, Thought], width: int) -> None:
        self.width = width
        self._log = log
        self._texts = texts
        self._seen = 0
        self._rows = 0
        self._starts: list[int] = []
        self._entries: list[int] = []
        self._heights: list[int] = []
        self._open: list[tuple[str, int]] = []

    def update(self, open_calls: list[str]) -> int:
        """Count the rows, of the entries that came since and of the open streams."""
        entries = self._log.entries
        for place in range(self._seen, len(entries)):
            if entries[place] >= 0:
                self._rows += 1
                continue
            height = len(self.lines(self._log.thoughts[-1 - entries[place]]))
            self._starts.append(self._rows)
            self._entries.append(place)
            self._heights.append(height)
            self._rows += height
        self._seen = len(entries)
        self._open = [(call, line) for call in open_calls for line in range(len(self.lines(call)))]
        return self._rows + len(self._open)

    def row(self, index: int) -> Row:
        """What stands in row `index`."""
        if index >= self._rows:
            call, line = self._open[index - self._rows]
            return Row(-1, call, line)
        last = bisect_right(self._starts, index) - 1
        if last < 0:
            return Row(self._log.entries[index])
        within = index - self._starts[last]
        if within < self._heights[last]:
            return Row(-1, self._log.thoughts[-1 - self._log.entries[self._entries[last]]], within)
        return Row(self._log.entries[self._entries[last] + 1 + within - self._heights[last]])

    def lines(self, call: str) -> list[str]:
        """A thought's text, wrapped for the width."""
        thought = self._texts.get(call)
        if thought is None:
            return [""]
        return wrap(f"{thought.n} on {thought.item}, {thought.speaker}: {thought.text}", max(8, self.width - 2))
