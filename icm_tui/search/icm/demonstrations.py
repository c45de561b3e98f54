"""The labelled items that are shown before a question."""

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from sortedcontainers import SortedList

from icm_tui.search.problem import Problem

T = TypeVar("T")

_CHUNK = 64
_PER_NAT = 10**6
_ITEM_BITS = 32
_ITEM_MASK = 2**_ITEM_BITS - 1
_UNLABELLED = -1
# Servers give an impossible label -9999 nats and the like. Certainties above this count as equal, so that they fit.
_MOST_NATS = 2000.0


class LabelPool:
    """The labelled items of one labelling, with a sorted list for each label, so that the more certain half of a label
    can be drawn from without reading all of it.

    Items are sorted by certainty to 1e-6 nats, then by number, both packed into one integer: comparing two integers
    reads two places in memory instead of six for pairs, which matters when there are many items. Arrays of numbers
    rather than objects keep the state of all items small enough for the processor's cache.
    """

    def __init__(self, n_labels: int, n_items: int) -> None:
        self._sorted = [SortedList() for _ in range(n_labels)]
        self._label = array("b", [_UNLABELLED]) * n_items
        self._packed = array("q", [0]) * n_items

    def __len__(self) -> int:
        return sum(map(len, self._sorted))

    def count(self, label: int) -> int:
        """How many items carry `label`."""
        return len(self._sorted[label])

    def put(self, item: int, label: int | None, certainty: float) -> None:
        """Give `item` this label and certainty (nats); None removes it."""
        old = self._label[item]
        if old != _UNLABELLED:
            self._sorted[old].remove(self._packed[item])
        self._label[item] = _UNLABELLED if label is None else label
        if label is not None:
            packed = round(min(certainty, _MOST_NATS) * _PER_NAT) << _ITEM_BITS | item
            self._sorted[label].add(packed)
            self._packed[item] = packed

    def eligible(self, label: int, confident: float) -> range:
        """The places of the more certain share `confident` of a label's items, in order of certainty."""
        total = len(self._sorted[label])
        return range(total - math.ceil(total * confident), total)

    def item_at(self, label: int, place: int) -> int:
        """The item at a place of a label's order of certainty."""
        return int(self._sorted[label][place] & _ITEM_MASK)


def draw_context(
    pool: LabelPool,
    problem: Problem,
    generator: np.random.Generator,
    *,
    outside: Iterable[int],
    shots: int,
    balanced: bool,
    confident: float,
) -> list[tuple[int, int]]:
    """Draw (item, label) pairs from labelled items outside the groups `outside`, shuffled.

    A `balanced` context takes equally many of each label, and tops up from other labels if one has too few; otherwise
    items are drawn regardless of their labels. Once 4 * shots items are labelled, only the more certain share
    `confident` of each label is eligible. The context is shorter than `shots` if fewer items are eligible.
    """
    excluded = set(outside)
    share = confident if len(pool) >= 4 * shots else 1.0
    ranges = [pool.eligible(label, share) for label in range(problem.n_labels)]
    source = _Numbers(generator)
    shown: list[tuple[int, int]] = []
    if balanced:
        chosen: list[list[int]] = [[] for _ in ranges]
        wanted = _quotas(shots, len(ranges), source)
        _fill(pool, problem, source, ranges, chosen, wanted, excluded)
        missing = shots - sum(map(len, chosen))
        if missing:
            wanted = [len(items) + missing for items in chosen]
            _fill(pool, problem, source, ranges, chosen, wanted, excluded, limit=shots)
        shown = [(item, label) for label, items in enumerate(chosen) for item in items]
    else:
        shown = _draw_any(pool, problem, source, ranges, shots, excluded)
    generator.shuffle(shown)
    return [(item, label) for item, label in shown]


class _Numbers:
    """Uniform numbers from a generator, fetched in chunks because a single one costs as much as a chunk."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._left: list[float] = []

    def below(self, bound: int) -> int:
        if not self._left:
            self._left = self._generator.random(_CHUNK).tolist()
        return int(self._left.pop() * bound)


def _quotas(shots: int, n_labels: int, source: _Numbers) -> list[int]:
    """Equal shares for all labels; a label drawn at random and those after it get one more until `shots` are given."""
    quotas = [shots // n_labels] * n_labels
    first = source.below(n_labels)
    for extra in range(shots % n_labels):
        quotas[(first + extra) % n_labels] += 1
    return quotas


def _fill(
    pool: LabelPool,
    problem: Problem,
    source: _Numbers,
    ranges: Sequence[range],
    chosen: list[list[int]],
    wanted: Sequence[int],
    excluded: set[int],
    limit: int | None = None,
) -> None:
    """Draw until each label has as many as wanted, or none are left, or `limit` items are drawn in all."""
    for label, places in enumerate(ranges):
        want = wanted[label] - len(chosen[label])
        if limit is not None:
            want = min(want, limit - sum(map(len, chosen)))
        if want <= 0:
            continue
        taken = set(chosen[label])
        for item in _sample(pool, problem, source, label, places, want, excluded, taken):
            chosen[label].append(item)


def _sample(
    pool: LabelPool,
    problem: Problem,
    source: _Numbers,
    label: int,
    places: range,
    want: int,
    excluded: set[int],
    taken: set[int],
) -> list[int]:
    """Up to `want` different items from `places` of one label, none excluded or taken, each equally likely."""
    items: list[int] = []
    if len(places) >= 4 * (want + len(taken) + _members(problem, excluded)):
        while len(items) < want:
            item = pool.item_at(label, places.start + source.below(len(places)))
            if item not in taken and problem.group_of[item] not in excluded:
                items.append(item)
                taken.add(item)
        return items
    free = [item for item in (pool.item_at(label, place) for place in places) if item not in taken]
    free = [item for item in free if problem.group_of[item] not in excluded]
    return _some(free, want, source)


def _draw_any(
    pool: LabelPool,
    problem: Problem,
    source: _Numbers,
    ranges: Sequence[range],
    shots: int,
    excluded: set[int],
) -> list[tuple[int, int]]:
    total = sum(map(len, ranges))
    shown: list[tuple[int, int]] = []
    taken: set[int] = set()
    if total < 4 * (shots + _members(problem, excluded)):
        free = [(pool.item_at(label, place), label) for label, places in enumerate(ranges) for place in places]
        free = [pair for pair in free if problem.group_of[pair[0]] not in excluded]
        return _some(free, shots, source)
    while len(shown) < shots:
        place, label = source.below(total), 0
        while place >= len(ranges[label]):
            place -= len(ranges[label])
            label += 1
        item = pool.item_at(label, ranges[label].start + place)
        if item not in taken and problem.group_of[item] not in excluded:
            taken.add(item)
            shown.append((item, label))
    return shown


def _some(free: list[T], want: int, source: _Numbers) -> list[T]:
    """Up to `want` of `free`, each as likely as another; `free` is used up."""
    drawn: list[T] = []
    while free and len(drawn) < want:
        place = source.below(len(free))
        drawn.append(free[place])
        free[place] = free[-1]
        free.pop()
    return drawn


def _members(problem: Problem, groups: Iterable[int]) -> int:
    return sum(len(problem.groups[group]) for group in groups)
