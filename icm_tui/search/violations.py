"""How many pairs of labels break the rule, kept from decision to decision."""

from collections.abc import Iterable, Sequence

from icm_tui.domain.decisions import LabelChange
from icm_tui.search.problem import Problem

Labels = Sequence[int | None]


class Violations:
    """The violations of every chain that was looked at. A change costs its group, the first look at a chain all."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._broken_in: dict[int, list[int]] = {}
        self._total: dict[int, int] = {}

    def of(self, chain: int, labels: Labels) -> int:
        """How many there are in `chain`, whose labels are `labels`."""
        if chain not in self._total:
            groups = range(len(self._problem.groups))
            self._broken_in[chain] = [self._problem.broken_in(group, labels) for group in groups]
            self._total[chain] = sum(self._broken_in[chain])
        return self._total[chain]

    def note(self, chain: int, changes: Iterable[LabelChange], labels: Labels) -> None:
        """Labels of `chain` changed, to `labels`."""
        if chain not in self._total:
            return
        counts = self._broken_in[chain]
        for group in {self._problem.group_of[item] for item, _, _ in changes}:
            count = self._problem.broken_in(group, labels)
            self._total[chain] += count - counts[group]
            counts[group] = count
