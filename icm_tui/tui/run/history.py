"""What became of each item's label, in flat arrays: a long run on many items has millions of changes."""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

UNLABELLED = -1
NEVER = -1


class Change(NamedTuple):
    """A label changed at decision `n`; None is unlabelled. `by_person` if a pin did it."""

    n: int
    before: int | None
    after: int | None
    by_person: bool = False


class History:
    """The changes of every item: fifteen bytes a change and four an item."""

    def __init__(self, n_items: int) -> None:
        self._last = array("i", [-1]) * n_items
        self._earlier = array("i")
        self._item = array("i")
        self._n = array("i")
        self._before = array("b")
        self._after = array("b")
        self._by_person = array("b")

    def add(self, item: int, n: int, before: int, after: int, by_person: bool) -> None:
        """Put a change behind the item's others; `before` and `after` are UNLABELLED if there is no label."""
        self._item.append(item)
        self._n.append(n)
        self._before.append(before)
        self._after.append(after)
        self._by_person.append(by_person)
        self._earlier.append(self._last[item])
        self._last[item] = len(self._earlier) - 1

    def of(self, item: int) -> list[Change]:
        """The item's changes, oldest first."""
        changes: list[Change] = []
        place = self._last[item]
        while place >= 0:
            changes.append(self._at(place))
            place = self._earlier[place]
        return changes[::-1]

    def last(self, item: int) -> Change | None:
        """The item's last change, or None if it has had none."""
        place = self._last[item]
        return None if place < 0 else self._at(place)

    def last_n(self, item: int) -> int:
        """The decision of the item's last change, or NEVER."""
        place = self._last[item]
        return NEVER if place < 0 else self._n[place]

    def __len__(self) -> int:
        """How many changes there are; each is whole once it is counted."""
        return len(self._earlier)

    def between(self, start: int, stop: int) -> Iterator[tuple[int, Change]]:
        """The items and changes number `start` to `stop` (that one left out), in the order in which they came."""
        for number in range(start, stop):
            yield self._item[number], self._at(number)

    def _at(self, place: int) -> Change:
        before, after = self._before[place], self._after[place]
        return Change(
            self._n[place],
            None if before == UNLABELLED else before,
            None if after == UNLABELLED else after,
            bool(self._by_person[place]),
        )
