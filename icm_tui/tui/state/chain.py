"""The labels of one chain as a viewer keeps them: an entry an item in flat arrays, since items may be very many."""

import math
from array import array
from typing import NamedTuple

from icm_tui.tui.state.curve import Curve

UNLABELLED = -1
NEVER = -1


class Change(NamedTuple):
    """A label changed at decision `n`; None is unlabelled. `by_person` where a pin did it."""

    n: int
    before: int | None
    after: int | None
    by_person: bool = False


class ChainLabels:
    """What the journal says of one chain, an item at each place of the arrays.

    `labels` holds label indices, `decided` the decision that set the label, `flips` how often it went from one label to
    another, `answers` the byte offset of the answer that counts, from the list number `blocks`. UNLABELLED and NEVER
    stand for nothing. `history` has the changes of each item that ever changed, oldest first.
    """

    def __init__(self, n_items: int, n_labels: int) -> None:
        self.labels = array("b", [UNLABELLED]) * n_items
        self.decided = array("i", [NEVER]) * n_items
        self.flips = array("i", [0]) * n_items
        self.answers = array("q", [NEVER]) * n_items
        self.blocks = array("i", [NEVER]) * n_items
        self.history: dict[int, list[Change]] = {}
        self.counts = [0] * n_labels
        self.coherence = Curve()
        self.coherence_bits: float | None = None
        self.sweeps = SweepFlips()
        self._n_labels = n_labels
        self._logprobs = array("f", [math.nan]) * (n_items * n_labels)

    @property
    def labelled(self) -> int:
        """How many items have a label."""
        return sum(self.counts)

    def change(self, item: int, change: Change) -> bool:
        """Take in a change of label; whether it was a flip, from one label to another."""
        before = self.labels[item]
        after = UNLABELLED if change.after is None else change.after
        if before != UNLABELLED:
            self.counts[before] -= 1
        if after != UNLABELLED:
            self.counts[after] += 1
        self.labels[item] = after
        self.decided[item] = NEVER if after == UNLABELLED else change.n
        self.history.setdefault(item, []).append(change)
        flipped = UNLABELLED not in (before, after) and before != after
        self.flips[item] += flipped
        return flipped

    def answer(self, item: int, block: int, logprobs: list[float], offset: int) -> None:
        """Take in an answer (nats a label). Answers to two lists may come in either order: the later list's counts."""
        if block >= self.blocks[item]:
            self.blocks[item] = block
            self.answers[item] = offset
            start = item * self._n_labels
            self._logprobs[start : start + self._n_labels] = array("f", logprobs)

    def logprobs(self, item: int) -> list[float] | None:
        """The log-probability (nats) of every label in the answer that counts; None before there is one."""
        start = item * self._n_labels
        found = self._logprobs[start : start + self._n_labels].tolist()
        return None if math.isnan(found[0]) else found

    def p(self, item: int, leaning: list[float] | None) -> float | None:
        """The probability of the item's label by its answer, once the model's `leaning` (nats a label) is taken off."""
        label, found = self.labels[item], self.logprobs(item)
        if label == UNLABELLED or found is None:
            return None
        if leaning is not None:
            found = [logprob - lean for logprob, lean in zip(found, leaning, strict=True)]
        top = max(found)
        return math.exp(found[label] - top) / sum(math.exp(value - top) for value in found)

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


class SweepFlips:
    """Flips counted a pass over the items: a pass ends when an item comes up that the pass had already."""

    def __init__(self) -> None:
        self.passes: list[int] = []
        self._seen: set[int] = set()
        self._flips = 0

    def add(self, item: int, flips: int) -> None:
        """A decision about `item` (the first of its group) flipped so many labels."""
        if item in self._seen:
            self.passes.append(self._flips)
            self._seen.clear()
            self._flips = 0
        self._seen.add(item)
        self._flips += flips

    def counts(self) -> list[int]:
        """The flips of every pass; the last one may still be under way."""
        return [*self.passes, self._flips] if self._seen else list(self.passes)
