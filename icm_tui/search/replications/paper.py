"""Method `paper`: Internal Coherence Maximization as first published (Wen et al., arXiv 2506.10139, algorithm 1).

The score of a labelling is U = alpha * P - I: P is the mean, over the labelled items, of the log-probability (nats) of
an item's label with all other labelled items as demonstrations, and I the number of broken rules. P is recomputed
exactly for every proposal, so an iteration costs a question for every labelled item; no prompt is asked twice.
"""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256

import msgspec

from icm_tui.domain.decisions import Decision, Proposal
from icm_tui.domain.scores import Scores, log_softmax
from icm_tui.search.draws import Purpose
from icm_tui.search.problem import Problem
from icm_tui.search.replications.sequential import Sequential, exponential, logarithmic
from icm_tui.search.settings import PaperSettings

# How many answers about proposals that were not taken are kept; at 256 items, enough for every change of one label.
KEPT_ANSWERS = 1 << 17

_UNLABELLED = 255
_PARTNER_WEIGHT = 100

# A labelling: a byte an item, its label or 255 if it has none.
_Labelling = bytes


class _Value(msgspec.Struct, frozen=True):
    """The score of a labelling: U, P and I."""

    u: float
    p: float
    broken: int


class Paper(Sequential):
    """A run of method `paper` over `problem`.

    Where the description is open:
    - seeds are items drawn at random, half of them A (the original's choice);
    - an unlabelled item whose group has a labelled one is drawn 100 times as readily as any other item, labelled or not
      (the original's weights; a strict order could be stuck on one that is never accepted);
    - demonstrations are all labelled items outside the item's own group, in the order of the items;
    - log-probabilities are normalised over the labels; an item that was refused counts in neither sum nor mean;
    - broken rules are counted as `Problem.broken_in` counts them;
    - a repair is a flip of one label in the item's group (the item's own too) that leaves fewer rules broken there; the
      one with the highest U is made, up to `fix_iters` in turn, and only then is the whole weighed;
    - n in the schedule counts iterations from 1.
    If the label does not change, the decision changes nothing. After `max_iters`, some items may be unlabelled.
    """

    def __init__(self, problem: Problem, settings: PaperSettings, kept_answers: int = KEPT_ANSWERS) -> None:
        super().__init__(problem, "paper", settings.seed, settings.max_iters)
        self._settings = settings
        self._kept_answers = kept_answers
        self._answers: dict[str, tuple[int, Scores | None]] = {}
        self._missing: dict[str, tuple[int, _Labelling]] = {}
        # Thousands of contexts hold the same few pairs, so each pair is made once.
        self._pairs = [((item, 0), (item, 1)) for item in range(problem.n_items)]

    def _seeds(self) -> tuple[list[int], list[int]]:
        generator = self._draws.generator(Purpose.SEEDS)
        items = generator.permutation(self.problem.n_items)[: self._settings.seeds].tolist()
        return items, generator.permutation([place % 2 for place in range(len(items))]).tolist()

    def _work_out(self) -> Proposal | None:
        self._missing.clear()
        proposal = self._proposed()
        for question, (item, shown) in self._missing.items():
            self._ask(question, item, shown, partial(self._listed, shown))
        return None if self._missing else proposal

    def _keep(self, question: str, item: int, scores: Scores | None) -> None:
        self._answers[question] = (self.n, scores)

    def _set_labels(self, labels: Mapping[int, int | None]) -> None:
        for item, label in labels.items():
            self._labels[item] = label

    def _apply(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> None:
        self._set_labels(labels)
        self._forget()

    def _terms(self, proposal: Proposal, overridden: bool) -> dict[str, float]:
        labelling = self._labelling()
        counted: dict[str, float] = {"broken": self._broken(labelling), "labelled": len(self._listed(labelling))}
        # The score of a person's labels is known only after the next decision has asked for it.
        return counted if overridden else {**proposal.score, **counted}

    # The proposal

    def _proposed(self) -> Proposal | None:
        """The next proposal, or None if answers are missing."""
        now = self._labelling()
        value = self._value(now)
        item = self._draw_item()
        predicted = self._predicted(item, now)
        if value is None or self._missing:
            return None
        temperature = self._temperature()
        unchanged = _terms_of(value, 0.0)
        if predicted is None:
            return self._as_it_was([item], temperature, unchanged, accepted=False)
        then = self._repaired(item, _with(now, item, predicted))
        if then is None:
            return None
        if then == now:
            return self._as_it_was([item], temperature, unchanged, accepted=True)
        value_then = self._value(then)
        if value_then is None:
            return None
        delta = value_then.u - value.u
        members = self.problem.groups[self.problem.group_of[item]]
        items = [item, *(other for other in members if other != item and then[other] != now[other])]
        labels = [None if then[other] == _UNLABELLED else then[other] for other in items]
        proposal = self._weigh(items, labels, delta, temperature, {})
        score = _terms_of(value_then if proposal.accepted else value, delta)
        return msgspec.structs.replace(proposal, score=score)

    def _draw_item(self) -> int:
        weights = [1] * self.problem.n_items
        for members in self.problem.groups:
            unlabelled = [item for item in members if self._labels[item] is None]
            if len(unlabelled) < len(members):
                for item in unlabelled:
                    weights[item] = _PARTNER_WEIGHT
        height = int(self._draws.uniform(Purpose.CANDIDATES, self.n) * sum(weights))
        item = 0
        while height >= weights[item]:
            height -= weights[item]
            item += 1
        return item

    def _predicted(self, item: int, labelling: _Labelling) -> int | None:
        """The likelier label of an item, B of two alike; None if the answer is missing or was refused."""
        shown = self._shown_to(self.problem.group_of[item], labelling)
        question = _question(item, _digest(shown))
        if question not in self._answers:
            self._missing[question] = (item, shown)
            return None
        scores = self._answers[question][1]
        return None if scores is None else int(scores[0] <= scores[1])

    def _repaired(self, item: int, labelling: _Labelling) -> _Labelling | None:
        """The labelling once the item's group is repaired, or None if answers are missing."""
        for _ in range(self._settings.fix_iters):
            repairs = self._repairs(self.problem.group_of[item], labelling)
            if len(repairs) > 1:
                values = [value.u for repair in repairs if (value := self._value(repair)) is not None]
                if len(values) < len(repairs):
                    return None
                repairs = [repairs[values.index(max(values))]]
            if not repairs:
                break
            labelling = repairs[0]
        return labelling

    def _repairs(self, group: int, labelling: _Labelling) -> list[_Labelling]:
        """The labellings with one label of a group flipped that leave fewer rules broken in it."""
        count = self._broken_in(group, labelling)
        if not count:
            return []
        members = [item for item in self.problem.groups[group] if labelling[item] != _UNLABELLED]
        flipped = [_with(labelling, item, 1 - labelling[item]) for item in members]
        return [other for other in flipped if self._broken_in(group, other) < count]

    def _temperature(self) -> float:
        settings = self._settings
        if settings.schedule == "exp":
            return exponential(self.n, settings.initial_t, settings.final_t, settings.decay)
        return logarithmic(self.n, settings.initial_t, settings.final_t, settings.beta)

    # The score

    def _value(self, labelling: _Labelling) -> _Value | None:
        """The score of a labelling; None, with the questions noted, if answers are missing."""
        logs: list[float] = []
        complete = True
        for question, item, shown in self._questions(labelling):
            answer = self._answers.get(question)
            if answer is None:
                self._missing[question] = (item, shown)
                complete = False
            elif answer[1] is not None:
                logs.append(log_softmax(answer[1])[labelling[item]])
        if not complete:
            return None
        p = math.fsum(logs) / len(logs) if logs else 0.0
        count = self._broken(labelling)
        return _Value(self._settings.alpha * p - count, p, count)

    def _questions(self, labelling: _Labelling) -> Iterator[tuple[str, int, _Labelling]]:
        """The questions whose answers make up P, with their items and the labels shown; equal contexts together."""
        for group, members in enumerate(self.problem.groups):
            labelled = [item for item in members if labelling[item] != _UNLABELLED]
            if labelled:
                shown = self._shown_to(group, labelling)
                digest = _digest(shown)
                for item in labelled:
                    yield _question(item, digest), item, shown

    def _listed(self, labelling: _Labelling) -> list[tuple[int, int]]:
        """The labelled items with their labels, in the order of the items."""
        return [self._pairs[item][label] for item, label in enumerate(labelling) if label != _UNLABELLED]

    def _shown_to(self, group: int, labelling: _Labelling) -> _Labelling:
        """The labelling without the labels of a group."""
        shown = bytearray(labelling)
        for item in self.problem.groups[group]:
            shown[item] = _UNLABELLED
        return bytes(shown)

    def _broken(self, labelling: _Labelling) -> int:
        return sum(self._broken_in(group, labelling) for group in range(len(self.problem.groups)))

    def _broken_in(self, group: int, labelling: _Labelling) -> int:
        members = self.problem.groups[group]
        labels = {item: None if labelling[item] == _UNLABELLED else labelling[item] for item in members}
        return self.problem.broken_in(group, labels)

    def _labelling(self) -> _Labelling:
        return bytes(_UNLABELLED if label is None else label for label in self._labels)

    def _forget(self) -> None:
        """Drop the oldest answers, except those that the present labels need. Answers of one decision are dropped
        together, so that their order does not matter."""
        excess = len(self._answers) - self._kept_answers
        if excess <= 0:
            return
        needed = {question for question, _, _ in self._questions(self._labelling())}
        dropped: list[str] = []
        last = -1
        for question, (n, _) in self._answers.items():
            if len(dropped) >= excess and n != last:
                break
            if question not in needed:
                dropped.append(question)
                last = n
        for question in dropped:
            del self._answers[question]


def _with(labelling: _Labelling, item: int, label: int) -> _Labelling:
    return labelling[:item] + bytes((label,)) + labelling[item + 1 :]


def _digest(shown: _Labelling) -> str:
    """The name of a context: the start of the SHA-256 of its labels, a byte an item in their order."""
    return sha256(shown).hexdigest()[:16]


def _question(item: int, digest: str) -> str:
    return f"paper/{item}/{digest}"


def _terms_of(value: _Value, delta: float) -> dict[str, float]:
    return {"energy": round(value.u, 6), "delta": round(delta, 6), "mean_log_probability": round(value.p, 6)}
