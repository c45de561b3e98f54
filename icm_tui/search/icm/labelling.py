"""One labelling being annealed: labels, what was answered about every item, and its coherence.

Coherence, in bits, is how much better than chance labels are predicted from the others: mean_i log2 softmax(r_i -
b)[y_i] + H(shares of the labels), at most log2 K. Two forms are never mixed: *as asked* scores each label by the answer
it was drawn from, is biased upward and only compares chains; *held out* scores the label that an item had before an
answer by that answer alone, and is at most 0 by chance.
"""

from collections.abc import Iterable

from icm_tui.domain.scores import BITS, Scores, entropy_bits, log_softmax, margin, mean_scores
from icm_tui.search.icm.demonstrations import LabelPool
from icm_tui.search.problem import Problem


class Labelling:
    """The state that a chain's decisions change. `bias` is the model's label bias, a score a label (nats)."""

    def __init__(self, problem: Problem, average: int) -> None:
        self.problem = problem
        self.labels: list[int | None] = [None] * problem.n_items
        self.pool = LabelPool(problem.n_labels, problem.n_items)
        self.held_out = HeldOut(problem.n_labels)
        self.answered = bytearray(problem.n_items)
        self.bias: Scores = (0.0,) * problem.n_labels
        self._average = average
        self._recent: list[tuple[Scores, ...]] = [()] * problem.n_items

    def recent(self, item: int) -> tuple[Scores, ...]:
        """The answers of this phase that count for an item, oldest first."""
        return self._recent[item]

    def with_answer(self, item: int, scores: Scores | None) -> Scores | None:
        """The mean of the answers that count, with `scores` if given, less the label bias; None without any answer."""
        kept = self.recent(item)
        if scores is not None:
            kept = (*kept, scores)[-self._average :]
        return self._less_bias(mean_scores(kept)) if kept else None

    def keep_answer(self, item: int, scores: Scores) -> None:
        """Let an answer count from now on."""
        self._recent[item] = (*self.recent(item), scores)[-self._average :]
        self.answered[item] = 1

    def forget_answers(self) -> None:
        """Forget the answers so far, since no average crosses into a new phase."""
        self._recent = [()] * self.problem.n_items

    def score_held_out(self, item: int, scores: Scores) -> None:
        """Score the label that the item has before a decision by the new answer alone."""
        label = self.labels[item]
        if label is not None:
            self.held_out.score(item, label, self._less_bias(scores))

    def latest(self, item: int) -> Scores | None:
        """The last answer that counts, less the label bias."""
        kept = self.recent(item)
        return self._less_bias(kept[-1]) if kept else None

    def set_label(self, item: int, label: int | None) -> None:
        """Set a label; its certainty is the margin of the answers that count."""
        self.labels[item] = label
        scores = self.with_answer(item, None)
        self.pool.put(item, label, margin(scores) if scores is not None else 0.0)

    def _less_bias(self, scores: Scores) -> Scores:
        if len(scores) == 2:
            return (scores[0] - self.bias[0], scores[1] - self.bias[1])
        return tuple(score - bias for score, bias in zip(scores, self.bias, strict=True))


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
