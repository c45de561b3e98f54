"""Whole numbers kept in order, to be added, removed and looked up by rank."""

from array import array
from bisect import bisect_left, bisect_right, insort
from itertools import accumulate

MOST = 1024


class SortedNumbers:
    """Different 64-bit numbers in ascending order, in chunks of at most `most`.

    Chunks are plain memory: among 100 thousand numbers a search in them reads a few lines of it, where a list of
    objects would have each one fetched from a place of its own.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._chunks = [array("q")]
        # Chunk i holds what is above bound i - 1 and up to bound i.
        self._bounds: list[int] = []
        self._ends: list[int] | None = None
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def __getitem__(self, rank: int) -> int:
        """The number at a rank from 0, the smallest."""
        if self._ends is None:
            self._ends = list(accumulate(map(len, self._chunks)))
        place = bisect_right(self._ends, rank)
        return self._chunks[place][rank - self._ends[place]]

    def add(self, number: int) -> None:
        """Put in a number that is not there."""
        place = bisect_left(self._bounds, number)
        insort(self._chunks[place], number)
        self._total += 1
        self._ends = None
        self._split(place)

    def remove(self, number: int) -> None:
        """Take out a number that is there."""
        place = bisect_left(self._bounds, number)
        chunk = self._chunks[place]
        del chunk[bisect_left(chunk, number)]
        self._total -= 1
        self._ends = None
        if len(chunk) < self._most // 4 and self._bounds:
            self._join(min(place, len(self._bounds) - 1))

    def _split(self, place: int) -> None:
        chunk = self._chunks[place]
        if len(chunk) > self._most:
            half = len(chunk) // 2
            self._chunks[place : place + 1] = [chunk[:half], chunk[half:]]
            self._bounds.insert(place, chunk[half - 1])

    def _join(self, place: int) -> None:
        self._chunks[place].extend(self._chunks.pop(place + 1))
        del self._bounds[place]
        self._split(place)
