"""The labels of one chain as a viewer keeps them: an entry an item in flat arrays, since items may be very many."""

import math
from array import array
from collections.abc import Hashable

from icm_tui.tui.run.history import NEVER, UNLABELLED, History
from icm_tui.tui.text.curve import Curve


class ChainLabels:
    """What the journal says of one chain, an item at each place of the arrays.

    `labels` holds label indices, `decided` the decision that set the label, `flips` how often it went from one label to
    another, `answers` the byte offset of the answer that counts, from the context number `contexts`. UNLABELLED and
    NEVER stand for nothing. `failed` has the byte offset of the last failed answer of each item that has no other.
    `energy` is what methods paper and fork raise.

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
        self.coherence = Curve()
        self.coherence_bits: float | None = None
        self.energy = Curve()
        self.sweeps = SweepFlips()
        self._n_labels = n_labels
        self._logprobs = array("f", [math.nan]) * (n_items * n_labels)

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

    def p(self, item: int, label_bias: list[float] | None) -> float | None:
        """The probability of the item's label by its answer, once the model's `label_bias` (nats a label) is taken
        off."""
        label = self.labels[item]
        if label == UNLABELLED or self.contexts[item] == NEVER:
            return None
        start = item * self._n_labels
        logprobs = self._logprobs[start : start + self._n_labels]
        if label_bias is None:
            found = logprobs.tolist()
        else:
            found = [logprob - lean for logprob, lean in zip(logprobs, label_bias, strict=True)]
        top = max(found)
        return math.exp(found[label] - top) / sum([math.exp(value - top) for value in found])

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
    """Flips counted a pass over the items: a pass ends when an item comes up that the pass had already, or when another
    phase begins."""

    def __init__(self) -> None:
        self.passes: list[int] = []
        self._seen: set[int] = set()
        self._phase: Hashable = None
        self._flips = 0

    def add(self, phase: Hashable, item: int, flips: int) -> None:
        """A decision of `phase` about `item` (the first of its group) flipped so many labels."""
        if self._seen and (item in self._seen or phase != self._phase):
            self.passes.append(self._flips)
            self._seen.clear()
            self._flips = 0
        self._phase = phase
        self._seen.add(item)
        self._flips += flips

    def counts(self) -> list[int]:
        """The flips of every pass; the last one may still be under way."""
        return [*self.passes, self._flips] if self._seen else list(self.passes)
