"""The log: which rows there are, at any width. A record's row is made when it is looked at, so that a log of millions
of decisions costs eight bytes each."""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from icm_tui.tui.text.cells import ELLIPSIS, wrap

_EXPLANATION = -1
# The item's own page has all of it.
_LONGEST = 1 << 16
_MOST_WRAPPED = 64


class Explanation(NamedTuple):
    """Streamed reasoning put together: explanation number `call` of the run, who speaks, about which item, at which
    decision. `ended` if nothing more will come."""

    call: int
    item: int
    n: int
    speaker: str
    text: str
    ended: bool = False


class Row(NamedTuple):
    """A row of the log: a record at a byte offset of the journal, or line `line` of a thought."""

    offset: int
    explanation: Explanation | None = None
    line: int = 0


class Log:
    """The entries in the order of the journal: `entries` has a record's byte offset or -1 for a thought, `thoughts`
    the calls of the explanations and `places` the place of each in `entries`."""

    def __init__(self) -> None:
        self.entries = array("q")
        self.explanations: list[int] = []
        self.places: list[int] = []

    def add_record(self, offset: int) -> None:
        """A record that gets a row of its own."""
        self.entries.append(offset)

    def add_explanation(self, call: int) -> None:
        """A thought came to its end here."""
        self.explanations.append(call)
        self.places.append(len(self.entries))
        self.entries.append(_EXPLANATION)


class LogRows:
    """The rows of a log at one width. `texts` maps a call to what was said so far; streams that have not ended stand
    below all entries. A thought whose text is not there (yet) has no row."""

    def __init__(self, log: Log, texts: Mapping[int, Explanation], width: int) -> None:
        self.width = width
        self._log = log
        self._texts = texts
        self._rows = 0
        # Of each thought: the first of its rows, and how many they are.
        self._starts: list[int] = []
        self._heights: list[int] = []
        # Thoughts counted before all of their text was there, with the length of it.
        self._unfinished: dict[int, int] = {}
        self._open: list[tuple[Explanation, int]] = []
        self._wrapped: dict[int, tuple[int, list[str]]] = {}

    def update(self, open_calls: Sequence[int]) -> int:
        """Count the rows, of the entries that came since and of the open streams."""
        log, counted = self._log, len(self._heights)
        changed = counted
        for place, length in list(self._unfinished.items()):
            explanation = self._texts.get(log.explanations[place])
            if explanation is not None and (len(explanation.text) != length or explanation.ended):
                self._heights[place] = self._height(place)
                changed = min(changed, place)
        self._heights.extend(map(self._height, range(counted, len(log.explanations))))
        del self._starts[changed:]
        shift = 0
        if changed:
            shift = self._starts[-1] + self._heights[changed - 1] - log.places[changed - 1] - 1
        for place in range(changed, len(log.explanations)):
            self._starts.append(log.places[place] + shift)
            shift += self._heights[place] - 1
        self._rows = len(log.entries) + shift
        texts = [self._texts[call] for call in open_calls if call in self._texts]
        self._open = [(explanation, line) for explanation in texts for line in range(len(self.lines(explanation)))]
        return self._rows + len(self._open)

    def row(self, index: int) -> Row:
        """What row `index` holds."""
        if index >= self._rows:
            return Row(-1, *self._open[index - self._rows])
        last = bisect_right(self._starts, index) - 1
        if last < 0:
            return Row(self._log.entries[index])
        within = index - self._starts[last]
        if within < self._heights[last]:
            return Row(-1, self._texts[self._log.explanations[last]], within)
        return Row(self._log.entries[self._log.places[last] + 1 + within - self._heights[last]])

    def lines(self, explanation: Explanation) -> list[str]:
        """A thought's text, wrapped for the width."""
        text = explanation.text
        known = self._wrapped.get(explanation.call)
        if known is not None and known[0] == len(text):
            return known[1]
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + ELLIPSIS
        lines = wrap(f"{explanation.n} on {explanation.item}, {explanation.speaker}: {shown}", max(8, self.width - 2))
        if len(self._wrapped) >= _MOST_WRAPPED:
            self._wrapped.clear()
        self._wrapped[explanation.call] = (len(text), lines)
        return lines

    def _height(self, place: int) -> int:
        explanation = self._texts.get(self._log.explanations[place])
        if explanation is None or not explanation.ended:
            self._unfinished[place] = -1 if explanation is None else len(explanation.text)
        else:
            self._unfinished.pop(place, None)
        return 0 if explanation is None else len(self.lines(explanation))
