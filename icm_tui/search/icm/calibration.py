"""Context calibration: takes off the bias that a context brings to all the questions that share it.

If no groups balance it, the mean score of a context's questions differs from other contexts' because of it. Subtract s
* (mean of the context - mean of the last context means), with s = vL / (vL + vW): vW is the variance within contexts
over a context's size, vL what the context means vary beyond it. So what varies by chance alone is left in place.
"""

from collections import deque
from collections.abc import Sequence

from icm_tui.domain.scores import Scores

_CONTEXTS = 64


class Calibration:
    """The means and variances of the last 64 contexts of one phase."""

    def __init__(self, n_labels: int) -> None:
        self._n_labels = n_labels
        self._means: deque[Scores] = deque(maxlen=_CONTEXTS)
        self._within: deque[Scores] = deque(maxlen=_CONTEXTS)

    def offsets(self, scores: Sequence[Scores]) -> Scores:
        """Count in a context's scores and return what is to be subtracted from each label's score in it."""
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
