"""Sparse text features for the embedded model: hashed word and character n-grams, centred by group.

Features are lower-case words, pairs of neighbouring words, and 3- to 5-grams of the characters of a word between ^ and
$. Each weighs (1 + ln tf) ln((1 + N) / (1 + df)) if df >= 2, else 0. A row of unit length is hashed to 4096 places
(crc32, with bit 31 as the sign). Then the mean of its group and the mean of all rows are subtracted.

Values are multiples of 2^-20, so that float64 sums of products are exact, in any order.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

PLACES = 4096
GRAIN = 2.0**20
_WORD = re.compile(r"\w+")


class Features:
    """A sparse row for each item, less its group's mean; `mean` (4096) is still to be subtracted from every row."""

    def __init__(self, texts: Sequence[str], groups: Sequence[int]) -> None:
        weighted = _WeightedCodes(texts)
        self._weighty, self._rarity = weighted.weighty()
        members: dict[int, list[int]] = {}
        for item, number in enumerate(groups):
            members.setdefault(number, []).append(item)
        self._start = np.zeros(len(texts), dtype=np.int64)
        self._stop = np.zeros(len(texts), dtype=np.int64)
        # Arrays that grow in place; at 100k items, lists of small arrays would take several times the memory.
        places, values = array("H"), array("f")
        total = np.zeros(PLACES)
        for group in members.values():
            mean = np.zeros(PLACES)
            if len(group) > 1:
                for item in group:
                    mean += weighted.hashed_row(item)
                mean /= len(group)
            for item in group:
                # Computed again rather than kept, since a group may be as large as the task.
                centred = _to_grain(weighted.hashed_row(item) - mean)
                (kept,) = np.nonzero(centred)
                total += centred
                self._start[item] = len(places)
                places.frombytes(kept.astype(np.uint16).tobytes())
                values.frombytes(centred[kept].astype(np.float32).tobytes())
                self._stop[item] = len(places)
        self._places = np.frombuffer(places, dtype=np.uint16)
        self._values = np.frombuffer(values, dtype=np.float32)
        self.mean = _to_grain(total / max(len(texts), 1))
        self.mean_square = float(self.mean @ self.mean)

    def row(self, item: int) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """The places and values of one item, before the mean of all rows is subtracted."""
        start, stop = self._start[item], self._stop[item]
        return self._places[start:stop], self._values[start:stop]

    def weights(self, codes: Sequence[int], times: Sequence[int]) -> NDArray[np.float64]:
        """The weights of features that occur so many `times` in their text, before the row is scaled to unit length."""
        if not len(self._weighty):
            return np.zeros(len(codes))
        sought = np.array(codes, dtype=np.uint32)
        found = np.minimum(np.searchsorted(self._weighty, sought), len(self._weighty) - 1)
        rarity = np.where(self._weighty[found] == sought, self._rarity[found], 0.0)
        return np.asarray((1 + np.log(np.array(times, dtype=np.float64))) * rarity)

    def dense(self, items: Sequence[int], kind: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
        """Whole rows (len(items), 4096) of `kind`, less the mean of all rows."""
        rows = np.tile(-self.mean.astype(kind), (len(items), 1))
        for line, item in enumerate(items):
            places, values = self.row(item)
            rows[line, places] += values
        return rows


class _WeightedCodes:
    """The features of all texts as codes (crc32), how often each occurs in its text, and how rare it is overall."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._bounds = np.zeros(len(texts) + 1, dtype=np.int64)
        codes, times = array("I"), array("H")
        for item, text in enumerate(texts):
            code, count = np.unique(np.array(_codes(text), dtype=np.uint32), return_counts=True)
            codes.frombytes(code.tobytes())
            times.frombytes(np.minimum(count, 2**16 - 1).astype(np.uint16).tobytes())
            self._bounds[item + 1] = len(codes)
        _characters.cache_clear()
        self._codes = np.frombuffer(codes, dtype=np.uint32)
        self._times = np.frombuffer(times, dtype=np.uint16)
        self._known, frequency = np.unique(self._codes, return_counts=True)
        self._rarity = np.where(frequency >= 2, np.log((1 + len(texts)) / (1 + frequency)), 0.0)

    def weighty(self) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """The codes with any weight, in ascending order, and how rare each is. Most codes occur once and have none."""
        weighs = self._rarity > 0.0
        return self._known[weighs], self._rarity[weighs].astype(np.float32)

    def hashed_row(self, item: int) -> NDArray[np.float64]:
        """An item's row of unit length, hashed to 4096 places; zero if no feature has any weight."""
        part = slice(self._bounds[item], self._bounds[item + 1])
        codes = self._codes[part]
        weights = (1 + np.log(self._times[part])) * self._rarity[np.searchsorted(self._known, codes)]
        length = float(np.sqrt(weights @ weights))
        if length:
            weights = np.where(codes >> np.uint32(31) == 1, -weights, weights) / length
        row = np.zeros(PLACES)
        np.add.at(row, codes & np.uint32(PLACES - 1), weights)
        return row


def _to_grain(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.rint(values * GRAIN) / GRAIN)


class Gram(NamedTuple):
    """A feature of a text: "w" for a word, "p" for a pair of words, "c" for characters inside a word."""

    kind: str
    text: str

    @property
    def code(self) -> int:
        """The crc32: modulo 4096 it is the place, and bit 31 is the sign."""
        return crc32(f"{self.kind}{self.text}".encode())


def grams_of(text: str) -> tuple[dict[Gram, int], dict[Gram, str]]:
    """The features of a text with their numbers, and for character n-grams the first word that contains them."""
    words = _WORD.findall(text.lower())
    times = Counter(Gram("w", word) for word in words)
    times.update(Gram("p", f"{one} {other}") for one, other in pairwise(words))
    inside: dict[Gram, str] = {}
    for word in words:
        for part in _inside(word):
            times[Gram("c", part)] += 1
            inside.setdefault(Gram("c", part), word)
    return dict(times), inside


def _inside(word: str) -> Iterator[str]:
    framed = f"^{word}$"
    return (framed[start : start + size] for size in (3, 4, 5) for start in range(len(framed) - size + 1))


@cache
def _characters(word: str) -> tuple[int, ...]:
    return tuple(crc32(b"c" + part.encode()) for part in _inside(word))


def _codes(text: str) -> list[int]:
    """The crc32 of every feature that occurs in a text, repeated as often as it occurs."""
    words = _WORD.findall(text.lower())
    codes = [crc32(b"w" + word.encode()) for word in words]
    codes += [crc32(f"p{one} {other}".encode()) for one, other in pairwise(words)]
    for word in words:
        codes += _characters(word)
    return codes
