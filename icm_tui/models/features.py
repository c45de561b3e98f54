"""Sparse text features for the embedded model: hashed word and character n-grams, centred by group.

Features are lower-case words, pairs of neighbouring words, and 3- to 5-grams of characters inside a word that begins
with ^ and ends with $; each weighs (1 + ln tf) ln((1 + N) / (1 + df)) where df >= 2. A row of unit length is hashed to
4096 places (crc32, bit 31 the sign); the mean of its group, then the mean of all rows, is taken off.

Values are multiples of 2^-20, so that float64 sums of products are exact and come out alike in any order.
"""

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

PLACES = 4096
GRAIN = 2.0**20
_WORD = re.compile(r"\w+")
_CHUNK = 4096


class Features:
    """Rows of all items: `indptr` (n + 1), `places` and `values` as in a compressed sparse matrix, group means taken
    off; `mean` (4096) is what remains to be taken off every row."""

    def __init__(self, texts: Sequence[str], groups: Sequence[int]) -> None:
        self.indptr, self.places, self.values = _centre_groups(*_hashed_rows(texts), groups)
        total = np.bincount(self.places, weights=self.values, minlength=PLACES)
        self.mean = _to_grain(total / max(len(texts), 1))
        self.mean_square = float(self.mean @ self.mean)

    def row(self, item: int) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """The places and values of one item, before the mean of all rows is taken off."""
        start, stop = self.indptr[item], self.indptr[item + 1]
        return self.places[start:stop], self.values[start:stop]


def _to_grain(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.rint(values * GRAIN) / GRAIN)


@cache
def _characters(word: str) -> tuple[int, ...]:
    framed = f"^{word}$"
    return tuple(
        crc32(b"c" + framed[start : start + size].encode())
        for size in (3, 4, 5)
        for start in range(len(framed) - size + 1)
    )


def _codes(text: str) -> list[int]:
    """The crc32 of every feature that occurs in a text, repeated as often as it occurs."""
    words = _WORD.findall(text.lower())
    codes = [crc32(b"w" + word.encode()) for word in words]
    codes += [crc32(f"p{one} {other}".encode()) for one, other in pairwise(words)]
    for word in words:
        codes += _characters(word)
    return codes


def _hashed_rows(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.uint16], NDArray[np.float32]]:
    """Unit rows hashed to 4096 places."""
    indptr = np.zeros(len(texts) + 1, dtype=np.int64)
    codes: list[NDArray[np.uint32]] = []
    times: list[NDArray[np.float32]] = []
    for index, text in enumerate(texts):
        code, count = np.unique(np.array(_codes(text), dtype=np.uint32), return_counts=True)
        codes.append(code)
        times.append(count.astype(np.float32))
        indptr[index + 1] = indptr[index] + len(code)
    _characters.cache_clear()
    flat_codes = np.concatenate(codes) if codes else np.zeros(0, np.uint32)
    flat_times = np.concatenate(times) if times else np.zeros(0, np.float32)
    del codes, times
    known, document_frequency = np.unique(flat_codes, return_counts=True)
    rarity = np.where(document_frequency >= 2, np.log((1 + len(texts)) / (1 + document_frequency)), 0.0)
    new_indptr = np.zeros_like(indptr)
    places: list[NDArray[np.uint16]] = []
    values: list[NDArray[np.float32]] = []
    for index in range(len(texts)):
        start, stop = indptr[index], indptr[index + 1]
        code = flat_codes[start:stop]
        weight = (1 + np.log(flat_times[start:stop])) * rarity[np.searchsorted(known, code)]
        length = float(np.sqrt(weight @ weight))
        if length:
            weight = np.where(code >> np.uint32(31) == 1, -weight, weight) / length
        summed = np.bincount(code & np.uint32(PLACES - 1), weights=weight, minlength=PLACES)
        (kept,) = np.nonzero(summed)
        places.append(kept.astype(np.uint16))
        values.append(summed[kept].astype(np.float32))
        new_indptr[index + 1] = new_indptr[index] + len(kept)
    if not texts:
        return new_indptr, np.zeros(0, np.uint16), np.zeros(0, np.float32)
    return new_indptr, np.concatenate(places), np.concatenate(values)


def _centre_groups(
    indptr: NDArray[np.int64],
    places: NDArray[np.uint16],
    values: NDArray[np.float32],
    groups: Sequence[int],
) -> tuple[NDArray[np.int64], NDArray[np.uint16], NDArray[np.float32]]:
    """Take each group's mean off its rows (groups of two or more) and bring all values to multiples of 2^-20."""
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    new_places: list[NDArray[np.uint16]] = [np.zeros(0, np.uint16)] * len(groups)
    new_values: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(groups)
    for together in members.values():
        dense = np.zeros((len(together), PLACES))
        for line, index in enumerate(together):
            dense[line, places[indptr[index] : indptr[index + 1]]] = values[indptr[index] : indptr[index + 1]]
        if len(together) > 1:
            dense -= dense.mean(axis=0)
        dense = _to_grain(dense)
        for line, index in enumerate(together):
            (kept,) = np.nonzero(dense[line])
            new_places[index] = kept.astype(np.uint16)
            new_values[index] = dense[line, kept].astype(np.float32)
    new_indptr = np.concatenate([[0], np.cumsum([len(row) for row in new_places])]).astype(np.int64)
    if not groups:
        return new_indptr, np.zeros(0, np.uint16), np.zeros(0, np.float32)
    return new_indptr, np.concatenate(new_places), np.concatenate(new_values)
