"""The two biases that are taken off a model's answers: its label bias, and the bias of a context.

The label bias is measured before anything is labelled. Each context, with random labels spread evenly, is shown with
one random item under every cyclic shift of its labels. What the labels say cancels, and the mean score is the label
bias.

A context biases all questions that share it. Unless groups balance this out, the mean scores of contexts differ.
Calibration subtracts s * (mean of the context - mean of the last context means), with s = vL / (vL + vW): vW is the
variance within contexts divided by a context's size, vL the variance of the context means beyond vW. Differences by
chance alone are left in place.
"""

from collections import deque
from collections.abc import Callable, Sequence

from icm_tui.domain.decisions import Context, Demonstrations, PhaseName, Question
from icm_tui.domain.scores import Scores, centred, mean_scores
from icm_tui.search.draws import Draws, Purpose
from icm_tui.search.problem import Problem

_CONTEXTS = 64


class LabelBias:
    """The questions of `contexts` contexts, each under every shift of its labels; decision `number` waits for them."""

    def __init__(
        self,
        problem: Problem,
        draws: Draws,
        contexts: int,
        shots: int,
        number: int,
        publish: Callable[[str, int, Demonstrations], Context],
    ) -> None:
        self.open: dict[str, tuple[Question, tuple[int, int]]] = {}
        self._problem = problem
        self._draws = draws
        self._wanted = contexts
        self._shots = shots
        self._number = number
        self._publish = publish
        self._contexts = 0
        self._answers: dict[tuple[int, int], Scores | None] = {}

    def admit(self) -> None:
        """Draw the contexts that the journal does not hold."""
        while self._contexts < self._wanted * self._problem.n_labels:
            chain, shift = divmod(self._contexts, self._problem.n_labels)
            item, shown = self._draw(chain)
            rotated = [(other, (label + shift) % self._problem.n_labels) for other, label in shown]
            self._open(item, chain, shift, self._publish(PhaseName.LABEL_BIAS, chain, rotated))

    def restore_context(self, context: Context) -> None:
        """Take the next context from the journal."""
        chain, shift = divmod(self._contexts, self._problem.n_labels)
        self._open(self._draw(chain)[0], chain, shift, context)

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        """Keep an answer (nats a label; None if the item was refused)."""
        _, place = self.open.pop(question)
        self._answers[place] = None if logprobs is None else centred(logprobs)

    def ready(self) -> bool:
        """Whether every question has its answer."""
        return len(self._answers) == self._wanted * self._problem.n_labels

    def bias(self) -> Scores:
        """The label bias, a score for each label (nats), from the contexts with an answer under every shift."""
        means: list[Scores] = []
        for chain in range(self._wanted):
            scores = [self._answers[chain, shift] for shift in range(self._problem.n_labels)]
            known = [score for score in scores if score is not None]
            if len(known) == len(scores):
                means.append(mean_scores(known))
        mean = mean_scores(means) if means else (0.0,) * self._problem.n_labels
        return tuple(round(value, 6) for value in mean)

    def _draw(self, chain: int) -> tuple[int, list[tuple[int, int]]]:
        generator = self._draws.generator(Purpose.LABEL_BIAS, chain)
        problem = self._problem
        item = int(generator.integers(problem.n_items))
        others = problem.n_items - len(problem.groups[problem.group_of[item]])
        shown: list[int] = []
        taken: set[int] = set()
        while len(shown) < min(self._shots, others):
            other = int(generator.integers(problem.n_items))
            if other not in taken and problem.group_of[other] != problem.group_of[item]:
                taken.add(other)
                shown.append(other)
        labels = generator.permutation([place % problem.n_labels for place in range(len(shown))]).tolist()
        return item, list(zip(shown, labels, strict=True))

    def _open(self, item: int, chain: int, shift: int, context: Context) -> None:
        name = f"label_bias/{chain}/{self._number}/{item}/{shift}"
        self.open[name] = (Question(name, context.id, item, self._number), (chain, shift))
        self._contexts += 1


class Calibration:
    """The means and variances of the last 64 contexts of one phase."""

    def __init__(self, n_labels: int) -> None:
        self._n_labels = n_labels
        self._means: deque[Scores] = deque(maxlen=_CONTEXTS)
        self._within: deque[Scores] = deque(maxlen=_CONTEXTS)

    def offsets(self, scores: Sequence[Scores]) -> Scores:
        """Take in a context's scores, and return what to subtract from each label's score in it."""
        if not scores:
            return (0.0,) * self._n_labels
        size = len(scores)
        columns = list(zip(*scores, strict=True))
        means = tuple(sum(column) / size for column in columns)
        self._means.append(means)
        if size > 1:
            self._within.append(
                tuple(
                    sum((value - mean) ** 2 for value in column) / (size - 1) / size
                    for column, mean in zip(columns, means, strict=True)
                )
            )
        if len(self._means) < 2 or not self._within:
            return (0.0,) * self._n_labels
        return tuple(self._offset(label, means[label]) for label in range(self._n_labels))

    def _offset(self, label: int, mean: float) -> float:
        means = [context[label] for context in self._means]
        centre = sum(means) / len(means)
        between = sum((value - centre) ** 2 for value in means) / (len(means) - 1)
        chance = sum(context[label] for context in self._within) / len(self._within)
        beyond = max(0.0, between - chance)
        total = beyond + chance
        return beyond / total * (mean - centre) if total else 0.0
