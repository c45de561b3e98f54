"""Method `fork`: the search of the fork that this project follows, as published, with its flaws.

An item's score is log p(A) - log p(B) whatever label it carries, so the energy rewards A; only the first few labelled
items are ever shown; and all answers of a batch but one are thrown away. It is here so that its published settings
can be run and their results seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from icm_tui.domain.decisions import Decision, PhaseName, Proposal
from icm_tui.domain.rules import RULES, parts_of
from icm_tui.domain.scores import Scores
from icm_tui.search.draws import Draws, Purpose
from icm_tui.search.problem import Problem
from icm_tui.search.replications.sequential import Sequential, logarithmic
from icm_tui.search.settings import ForkSettings

A, B = 0, 1

_MOST_A_GROUP = 2
_MOST_FLIPS = 3
_HEAVIEST = 2.0
_CHUNK = 256
# Scores are multiples of 1e-6 nats: a sum of whole ones is exact in any order.
_UNITS = 1e6


def disagreements(labels: Sequence[int | None], keys: Sequence[int]) -> int:
    """The fork's count of broken rules in one group; `keys` has each member's key; a label None is unlabelled.

    A key whose labels differ counts its labelled members less one; if there are fewer different labels than keys,
    so that keys do not oppose, the group's labelled members less the number of different labels count as well.
    """
    of_key: dict[int, list[int]] = {}
    for label, key in zip(labels, keys, strict=True):
        if label is not None:
            of_key.setdefault(key, []).append(label)
    inside = sum(len(own) - 1 for own in of_key.values() if len(set(own)) > 1)
    together = [label for own in of_key.values() for label in own]
    different = len(set(together))
    return inside + (len(together) - different if different < len(of_key) else 0)


def repair(labels: Sequence[int | None], keys: Sequence[int]) -> list[int | None]:
    """The labels of one group with the 1, 2 or 3 flips that leave nothing broken; as given if there are none.

    As in the fork's code only such repairs are tried, fewest flips first and then in the members' order. A flip changes
    no score, so every such repair raises the energy equally.
    """
    if not disagreements(labels, keys):
        return list(labels)
    labelled = [place for place, label in enumerate(labels) if label is not None]
    parts = parts_of(range(len(labelled)), [keys[place] for place in labelled])
    if len(parts) > 2:
        return list(labels)
    choices = []
    for first in (A, B):
        wanted = {labelled[place]: (first, 1 - first)[part] for part, own in enumerate(parts) for place in own}
        choices.append([place for place in labelled if labels[place] != wanted[place]])
    flips = min(choices, key=lambda places: (len(places), places))
    repaired = list(labels)
    if len(flips) <= _MOST_FLIPS:
        for place in flips:
            repaired[place] = A if labels[place] == B else B
    return repaired


class Fork(Sequential):
    """A run of method `fork` over `problem`.

    Where the description is open, the fork's code decides:
    - seeds get a fair coin's label each and score 0; groups among them are repaired at once;
    - candidates are drawn with replacement and asked once each; a weight "0.5 to 0.7" is uniform, new in every batch;
    - a candidate is never shown to itself, but others of its group are;
    - its group is repaired only if its label changed; a repair may turn the candidate's own label back;
    - whatever the rule, broken rules are counted by `disagreements`; under rule "none" there are none.
    A candidate that the model refused is skipped.
    """

    def __init__(self, problem: Problem, settings: ForkSettings) -> None:
        super().__init__(problem, "fork", settings.seed, settings.max_iters)
        self._settings = settings
        self._scores = [0] * problem.n_items
        self._sum = 0
        self._labelled = 0
        self._counts = [[0, 0] for _ in problem.groups]
        self._broken_in = [0] * len(problem.groups)
        self._broken = 0
        self._order: dict[int, None] = {}
        self._front: list[int] = []
        self._candidates: list[int] | None = None
        self._raws: dict[int, int | None] = {}

    @property
    def energy(self) -> float:
        """alpha * mean(score) - I - I / labelled, scores in nats; 0 while nothing is labelled."""
        return self._energy(self._sum, self._labelled, self._broken)

    def _seeds(self) -> tuple[list[int], list[int]]:
        generator = self._draws.generator(Purpose.SEEDS)
        items = generator.permutation(self.problem.n_items)[: self._settings.seeds].tolist()
        start = dict(zip(items, generator.integers(2, size=len(items)).tolist(), strict=True))
        for group in {self.problem.group_of[item]: None for item in items}:
            members = self.problem.groups[group]
            repaired = self._repaired(group, [start.get(item) for item in members])
            start |= {item: label for item, label in zip(members, repaired, strict=True) if label is not None}
        return items, [start[item] for item in items]

    def _work_out(self) -> Proposal | None:
        if self._candidates is None:
            self._candidates = self._draw_candidates()
        for item in self._candidates:
            if item not in self._raws:
                self._ask(f"fork/0/{self.n}/{item}/0", item, item, partial(self._demonstrations, item))
        if self._open:
            return None
        settings = self._settings
        temperature = logarithmic(self.n, settings.initial_t, settings.final_t, settings.beta)
        tried = [self._try(item, raw) for item in self._candidates if (raw := self._raws[item]) is not None]
        if not tried:
            return self._as_it_was(self._candidates[:1], temperature, {"delta": 0.0}, accepted=False)
        delta, items, labels = max(tried, key=lambda trial: trial[0])
        return self._weigh(items, labels, delta, temperature, {"delta": round(delta, 6)})

    def _keep(self, question: str, item: int, scores: Scores | None) -> None:
        self._raws[item] = None if scores is None else round((scores[A] - scores[B]) * _UNITS)

    def _set_labels(self, labels: Mapping[int, int | None]) -> None:
        for item, label in labels.items():
            self._set_label(item, label)
        for group in {self.problem.group_of[item]: None for item in labels}:
            members = self.problem.groups[group]
            broken = self._broken_among(group, [self._labels[item] for item in members])
            self._broken += broken - self._broken_in[group]
            self._broken_in[group] = broken

    def _apply(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> None:
        self._set_labels(labels)
        if decision.phase != PhaseName.SEEDS and decision.accepted:
            candidate = decision.items[0]
            raw = self._raws[candidate]
            # If a person overruled the label, the score stays as it was, too.
            if raw is not None and labels[candidate] == decision.options[0].labels[0]:
                self._sum += raw - self._scores[candidate]
                self._scores[candidate] = raw
        self._candidates = None
        self._raws.clear()

    def _terms(self, proposal: Proposal, overridden: bool) -> dict[str, float]:
        return {"energy": round(self.energy, 6), **proposal.score, "labelled": self._labelled}

    def _try(self, item: int, raw: int) -> tuple[float, list[int], list[int | None]]:
        """The gain in energy from one answer's label and score once its group is repaired, the items concerned (the
        candidate first), and their labels."""
        group = self.problem.group_of[item]
        members = self.problem.groups[group]
        before = self._labels[item]
        predicted = A if raw > 0 else B
        labels = [predicted if other == item else self._labels[other] for other in members]
        if predicted != before:
            labels = self._repaired(group, labels)
        broken = self._broken - self._broken_in[group] + self._broken_among(group, labels)
        gained = raw - self._scores[item]
        delta = self._energy(self._sum + gained, self._labelled + (before is None), broken) - self.energy
        after = dict(zip(members, labels, strict=True))
        items = [item, *(other for other in members if other != item and after[other] != self._labels[other])]
        return delta, items, [after[other] for other in items]

    def _energy(self, scores: int, labelled: int, broken: int) -> float:
        if not labelled:
            return 0.0
        return self._settings.alpha * (scores / _UNITS / labelled) - broken - broken / labelled

    def _broken_among(self, group: int, labels: Sequence[int | None]) -> int:
        if not RULES[self.problem.rule].decides_groups:
            return 0
        return disagreements(labels, [self.problem.keys[item] for item in self.problem.groups[group]])

    def _repaired(self, group: int, labels: Sequence[int | None]) -> list[int | None]:
        if not RULES[self.problem.rule].decides_groups:
            return list(labels)
        return repair(labels, [self.problem.keys[item] for item in self.problem.groups[group]])

    def _set_label(self, item: int, label: int | None) -> None:
        before = self._labels[item]
        if label == before:
            return
        counts = self._counts[self.problem.group_of[item]]
        self._labels[item] = label
        if before is not None:
            counts[before] -= 1
        if label is not None:
            counts[label] += 1
        if before is None:
            self._labelled += 1
            self._order[item] = None
            self._bring_forward(item)
        elif label is None:
            self._labelled -= 1
            self._sum -= self._scores[item]
            self._scores[item] = 0
            del self._order[item]
            # Only a person removes a label, which is rare enough to look at all of them.
            self._front.clear()
            for other in self._order:
                self._bring_forward(other)

    # The candidates

    def _draw_candidates(self) -> list[int]:
        """Draw a batch by rejection: the work does not grow with the number of items."""
        numbers = _uniforms(self._draws, self.n)
        n_items = self.problem.n_items
        drawn: list[int] = []
        while len(drawn) < min(self._settings.batch_size, n_items):
            item = int(next(numbers) * n_items)
            if self._outweighs(item, next(numbers) * _HEAVIEST):
                drawn.append(item)
        return list(dict.fromkeys(drawn))

    def _outweighs(self, item: int, height: float) -> bool:
        """Whether the item's weight in this batch is above `height`."""
        group = self.problem.group_of[item]
        size = len(self.problem.groups[group])
        counts = self._counts[group]
        unlabelled = size - sum(counts)
        differ = all(counts)
        if self._labels[item] is None:
            return height < (1.0 if differ else 0.5) * (1 + unlabelled / size)
        if unlabelled or not differ:
            return height < 0.1
        if not 0.5 <= height < 0.7:
            return height < 0.5
        return height < 0.5 + 0.2 * self._draws.uniform(Purpose.CANDIDATES, self.n, 0, item)

    # The demonstrations

    def _bring_forward(self, item: int) -> None:
        """Keep as many of the first labelled items, at most three a group, as any candidate's context can need."""
        if len(self._front) < 3 * (self._settings.shots + 1):
            group = self.problem.group_of[item]
            if sum(self.problem.group_of[other] == group for other in self._front) <= _MOST_A_GROUP:
                self._front.append(item)

    def _demonstrations(self, candidate: int) -> list[tuple[int, int]]:
        """The items that were labelled first, in that order, at most two a group."""
        shown: list[tuple[int, int]] = []
        groups: list[int] = []
        for item in self._front:
            label, group = self._labels[item], self.problem.group_of[item]
            if len(shown) == self._settings.shots:
                break
            if item != candidate and label is not None and groups.count(group) < _MOST_A_GROUP:
                shown.append((item, label))
                groups.append(group)
        return shown


def _uniforms(draws: Draws, n: int) -> Iterator[float]:
    """The numbers, uniform in [0, 1), that draw the batch of decision n."""
    chunk = 0
    while True:
        chunk += 1
        yield from draws.generator(Purpose.CANDIDATES, n, chunk).random(_CHUNK).tolist()
