"""The labels of one chain and what became of them, in flat arrays: items and changes may be millions."""

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from icm_tui.domain.scores import log_softmax

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
        """The items and changes number `start` to `stop` (exclusive), in the order in which they came."""
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


class ChainLabels:
    """What the journal says of one chain, an item at each place of the arrays.

    `labels` holds label indices, `decided` the decision that set the label, `flips` how often it went from one label to
    another, `answers` the byte offset of the answer that counts, from the context number `contexts`. UNLABELLED and
    NEVER stand for nothing. `failed` has the byte offset of the last failed answer of each item that has no other.

    A record that does not fit raises IndexError, OverflowError or ValueError.
    """

    def __init__(self, n_items: int, n_labels: int) -> None:
        self.labels = array("b", [UNLABELLED]) * n_items
        self.decided = array("i", [NEVER]) * n_items
        self.flips = array("i", [0]) * n_items
        self.answers = array("q", [NEVER]) * n_items
        self.contexts = array("i", [NEVER]) * n_items
        self.failed: dict[int, int] = {}
        self.history = History(n_items)
        self.counts = [0] * n_labels
        self._n_labels = n_labels
        self._logprobs = array("d", [math.nan]) * (n_items * n_labels)

    @property
    def labelled(self) -> int:
        """How many items have a label."""
        return sum(self.counts)

    def change(self, item: int, n: int, label: int | None, *, by_person: bool = False) -> bool:
        """An item's label changed at decision `n`, to none if `label` is None; whether it was a flip, from one label
        to another."""
        after = UNLABELLED if label is None else label
        if item < 0 or not UNLABELLED <= after < self._n_labels:
            raise IndexError(f"item {item}, label {after}")
        before = self.labels[item]
        self.history.add(item, n, before, after, by_person)
        if before != UNLABELLED:
            self.counts[before] -= 1
        self.labels[item] = after
        if after == UNLABELLED:
            self.decided[item] = NEVER
            return False
        self.counts[after] += 1
        self.decided[item] = n
        if before in (UNLABELLED, after):
            return False
        self.flips[item] += 1
        return True

    def answer(self, item: int, context_id: int, logprobs: list[float] | None, offset: int) -> None:
        """Take in an answer (nats a label, None if it failed). Answers to two contexts may come in either order: the
        later context's counts."""
        if item < 0 or (logprobs is not None and len(logprobs) != self._n_labels):
            raise IndexError(f"item {item}, log-probabilities {logprobs}")
        latest = self.contexts[item]
        if logprobs is None:
            if latest == NEVER:
                self.failed[item] = offset
            return
        if context_id >= latest:
            self.contexts[item] = context_id
            self.answers[item] = offset
            start = item * self._n_labels
            for label, logprob in enumerate(logprobs):
                self._logprobs[start + label] = logprob
            if self.failed:
                self.failed.pop(item, None)

    def logprobs(self, item: int) -> list[float] | None:
        """The log-probability (nats) of every label in the answer that counts; None before there is one."""
        if self.contexts[item] == NEVER:
            return None
        start = item * self._n_labels
        return self._logprobs[start : start + self._n_labels].tolist()

    def p(self, item: int, label_bias: Sequence[float] | None) -> float | None:
        """The probability of the item's label by its answer, with the model's `label_bias` (nats a label) removed."""
        label = self.labels[item]
        if label == UNLABELLED or self.contexts[item] == NEVER:
            return None
        start = item * self._n_labels
        found: Sequence[float] = self._logprobs[start : start + self._n_labels]
        if label_bias is not None:
            found = [logprob - bias for logprob, bias in zip(found, label_bias, strict=True)]
        return math.exp(log_softmax(found)[label])

    def log_odds(self, item: int) -> float | None:
        """How far the first label is ahead of the second in the answer (nats); for more than two labels, how far the
        item's own is ahead of the best other one."""
        found, label = self.logprobs(item), self.labels[item]
        if found is None:
            return None
        if len(found) == 2:
            return found[0] - found[1]
        if label == UNLABELLED:
            return None
        return found[label] - max(value for place, value in enumerate(found) if place != label)
