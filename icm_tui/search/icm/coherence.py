"""Coherence, in bits: how much better than chance labels are predicted from the others.

mean_i log2 softmax(r_i - b)[y_i] + H(shares of the labels), at most log2 K. Two forms are never mixed: *as asked*
scores each label by the answer it was drawn from, is biased upward and only compares chains; *held out* scores the
label an item had before an answer by that answer alone, and is at most 0 by chance.
"""

from collections.abc import Iterable

from icm_tui.domain.scores import BITS, Scores, entropy_bits, log_softmax

FEWEST_SCORED = 30


class HeldOut:
    """The running held-out coherence: the latest score of every item that had a label before an answer."""

    def __init__(self, n_labels: int) -> None:
        self._latest: dict[int, tuple[float, int]] = {}
        self._bits = 0.0
        self._counts = [0] * n_labels

    def score(self, item: int, label: int, scores: Scores) -> None:
        """Score `label`, which `item` had before an answer, by that answer's scores (label bias taken off)."""
        before = self._latest.get(item)
        if before is not None:
            self._bits -= before[0]
            self._counts[before[1]] -= 1
        bits = log_softmax(scores)[label] * BITS
        self._latest[item] = (bits, label)
        self._bits += bits
        self._counts[label] += 1

    @property
    def n(self) -> int:
        """How many items were scored."""
        return len(self._latest)

    @property
    def bits(self) -> float | None:
        """The coherence, or None while fewer than 30 items were scored."""
        if self.n < FEWEST_SCORED:
            return None
        return round(self._bits / self.n + entropy_bits(self._counts), 6)


def as_asked(pairs: Iterable[tuple[int, Scores]], n_labels: int) -> float:
    """Coherence of (label, scores with the label bias taken off) pairs; 0 if there are none."""
    counts = [0] * n_labels
    bits = 0.0
    for label, scores in pairs:
        counts[label] += 1
        bits += log_softmax(scores)[label] * BITS
    total = sum(counts)
    return round(bits / total + entropy_bits(counts), 6) if total else 0.0
