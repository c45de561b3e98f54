"""One labelling being annealed: labels, what was answered about every item, and its held-out coherence."""

from icm_tui.domain.scores import Scores, margin, mean_scores
from icm_tui.search.icm.coherence import HeldOut
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
        """The mean of the answers that count once `scores` has come too, less the label bias; None without any."""
        kept = self.recent(item)
        if scores is not None:
            kept = (*kept, scores)[-self._average :]
        return self._less_bias(mean_scores(kept)) if kept else None

    def keep_answer(self, item: int, scores: Scores) -> None:
        """Let an answer count from now on."""
        self._recent[item] = (*self.recent(item), scores)[-self._average :]
        self.answered[item] = 1

    def forget_answers(self) -> None:
        """A new phase begins: nothing is averaged over its border."""
        self._recent = [()] * self.problem.n_items

    def score_held_out(self, item: int, scores: Scores) -> None:
        """Score the label that the item carries now, before a decision, by an answer alone."""
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
