"""Methods `zero_shot` and `random_labels`: every item is asked once, and no label follows from another item's label.

A search must beat them. `zero_shot` shows no examples; `random_labels` shows examples whose labels carry no
information, so a model can learn only the form of the answer from them (Min et al., arXiv 2202.12837).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from icm_tui.domain.decisions import Context, Decision, LabelChange, PhaseName, Proposal, Question
from icm_tui.domain.rules import RULES, nearest
from icm_tui.domain.scores import Scores, centred, log_softmax
from icm_tui.search.choice import Choice, choose
from icm_tui.search.draws import Purpose
from icm_tui.search.method import SingleChain
from icm_tui.search.problem import Problem
from icm_tui.search.settings import OnePassSettings

# Cold enough to take the best assignment, and to draw evenly among equally good ones.
_COLDEST = 1e-6


class OnePass(SingleChain):
    """A run of either method over `problem`: one decision a unit, in an order that the seed draws.

    A decision takes the allowed assignment with the highest sum of log-shares and draws among equally good ones. The
    model's label bias is not taken off: if labels of a group differ it cancels, and elsewhere it is a part of what the
    model says without a search. Random labels are spread evenly, and those of a group obey the rule. `share`
    consecutive decisions show one context, which is drawn outside their groups. An item that the model refused stays
    unlabelled.
    """

    def __init__(self, problem: Problem, settings: OnePassSettings) -> None:
        super().__init__(problem, settings.seed)
        self.decisions = len(problem.units)
        self._settings = settings
        self._name = settings.method
        order = self._draws.generator(Purpose.ORDER).permutation(len(problem.units)).tolist()
        self._units = [problem.units[number] for number in order]
        self._place = {item: place for place, unit in enumerate(self._units) for item in unit}
        self._ids = [f"{self._name}/{item}" for item in range(problem.n_items)]
        self._item_of = {name: item for item, name in enumerate(self._ids)}
        # A context is drawn outside the groups that share it, so in a small task few may share it.
        few = min(settings.share, max(1, len(self._units) // 4))
        self._share = few if settings.shots else max(1, len(self._units))
        self._answers: dict[int, Scores | None] = {}

    # Questions and answers

    def wants(self) -> Iterator[Question]:
        self._advance()
        for place in range(self.n, self._end):
            yield from self._open(place)

    def missing(self) -> list[Question]:
        self._advance()
        return [] if self.done else list(self._open(self.n))

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        item = self._item_of[question]
        if not self.n <= self._place[item] < self._end or item in self._answers:
            raise KeyError(question)
        self._answers[item] = None if logprobs is None else centred(logprobs)

    # Decisions

    def propose(self) -> Proposal | None:
        if self.done or self.missing():
            return None
        problem, items = self.problem, self._units[self.n]
        answers = [self._answers[item] for item in items]
        draw = self._draws.uniform(Purpose.DECISION, self.n)
        choice = best_labels(problem, items, answers, draw)
        return choice.proposal(self.n, self._name, 0, list(items), _COLDEST, draw)

    # Restoring from a journal

    def restore_context(self, context: Context) -> None:
        self._contexts = context.id + 1

    # What a person sets

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        labels = self.labels_of(chain)
        for item, _, after in changes:
            labels[item] = after

    # What a viewer or a summary asks

    @property
    def phase(self) -> str:
        return PhaseName.DONE if self.done else self._name

    # Inside

    @property
    def _end(self) -> int:
        """The first place whose questions must wait. No decision depends on another, so this only bounds memory."""
        return min(self.n + self._settings.window, len(self._units))

    def _open(self, place: int) -> Iterator[Question]:
        for item in self._units[place]:
            if item not in self._answers:
                yield Question(self._ids[item], place // self._share, item, place)

    def _advance(self) -> None:
        while not self.done and self._contexts <= (self._end - 1) // self._share:
            shown = self._random_context(self._contexts) if self._settings.shots else []
            self._publish(self._name, 0, shown)

    def _random_context(self, number: int) -> list[tuple[int, int]]:
        problem, shots = self.problem, self._settings.shots
        first = number * self._share
        own = {problem.group_of[item] for unit in self._units[first : first + self._share] for item in unit}
        order = self._draws.generator(Purpose.DEMONSTRATIONS, number).permutation(problem.n_items).tolist()
        items = [item for item in order if problem.group_of[item] not in own][:shots]
        return draw_labels(problem, items, self._draws.generator(Purpose.SEEDS, number), first=int(order[0]))

    def _take(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        for item in self._units[self.n]:
            self._answers.pop(item, None)
        for item, label in labels.items():
            self._labels[item] = label
        self.n += 1
        return decision.score


def best_labels(problem: Problem, items: Sequence[int], answers: Sequence[Scores | None], draw: float) -> Choice:
    """The allowed labels of `items`, all or some of a unit, with the highest sum of log-shares. `answers` are centred
    scores (nats; None for an item that was refused); `draw`, from [0, 1), chooses among equally good labels."""
    return choose(
        [None if scores is None else log_softmax(scores) for scores in answers],
        [scores is not None for scores in answers],
        [problem.keys[item] for item in items],
        problem.rule,
        problem.n_labels,
        _COLDEST,
        draw,
    )


def draw_labels(
    problem: Problem, items: Sequence[int], generator: np.random.Generator, first: int = 0
) -> list[tuple[int, int]]:
    """`items` with labels drawn at random, evenly spread from label `first` on and obeying the rule in each group."""
    spread = [(place + first) % problem.n_labels for place in range(len(items))]
    return _obeying(problem, items, generator.permutation(spread).tolist())


def _obeying(problem: Problem, items: Sequence[int], labels: list[int]) -> list[tuple[int, int]]:
    """`items` with one of `labels` each: the first one left that does not break the rule within the context or, if all
    that are left do, any label that does not."""
    members: dict[int, list[int]] = {}
    for item in items:
        members.setdefault(problem.group_of[item], []).append(problem.keys[item])
    given: dict[int, list[int]] = {group: [] for group in members}
    shown: list[tuple[int, int]] = []
    for item in items:
        group = problem.group_of[item]
        before, keys = given[group], members[group]
        candidates = [*labels, *range(problem.n_labels)]
        # A rule that looks at a whole group may leave no label that breaks nothing yet: then one that can still do.
        label = next((label for label in candidates if _fits(problem, [*before, label], keys)), None)
        if label is None:
            label = next(label for label in candidates if _can_obey(problem, [*before, label], keys))
        if label in labels:
            labels.remove(label)
        before.append(label)
        shown.append((item, label))
    return shown


def _fits(problem: Problem, labels: Sequence[int], keys: Sequence[int]) -> bool:
    """Whether the first `labels` of a group break nothing so far, and the others can be labelled so that nothing does.

    Members with one key are labelled alike from the start: a second key may come, and then the rule demands it.
    """
    rule = RULES[problem.rule]
    known = keys[: len(labels)]
    alike = all(
        label == labels[-1]
        for label, key in zip(labels, known, strict=True)
        if rule.decides_groups and key == known[-1]
    )
    return alike and not rule.broken(labels, known, problem.n_labels) and _can_obey(problem, labels, keys)


def _can_obey(problem: Problem, labels: Sequence[int], keys: Sequence[int]) -> bool:
    """Whether the members of a group behind the first `labels` can be labelled so that nothing breaks the rule."""
    unlabelled = [None] * len(keys)
    return nearest(problem.rule, unlabelled, keys, problem.n_labels, dict(enumerate(labels))) is not None
