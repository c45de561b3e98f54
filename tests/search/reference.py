"""The method by the book: recomputes from a journal, in the plainest way, what every decision should have been.

For two labels with section 2's scalar formulas (raw, b, e, log sigma), for more with section 7's vectors; nothing of
the search's own arithmetic is used.
"""

import math
from collections import defaultdict
from itertools import product

import numpy as np

from icm_tui.domain.decisions import Context, Decision
from icm_tui.search.draws import Draws, Purpose
from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings
from tests.domain.allowed import allowed
from tests.search.drive import Event, Told

Vector = tuple[float, ...]


def entropy_bits(labels: list[int]) -> float:
    """The entropy of the labels' shares."""
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log2(shares)).sum())


class Reference:
    """What a journal's decisions should hold. `values` gives every option's value, in the order of the decisions."""

    def __init__(self, problem: Problem, chosen: Settings, journal: list[Event]) -> None:
        self.problem = problem
        self.chosen = chosen
        self.bias: Vector = (0.0,) * problem.n_labels
        self.labels: dict[int, dict[int, int]] = defaultdict(dict)
        self.held_out: dict[int, tuple[int, float]] = {}
        self._answered: dict[int, set[int]] = defaultdict(set)
        self._recent: dict[tuple[str, int], dict[int, list[Vector]]] = defaultdict(lambda: defaultdict(list))
        self._counted: dict[tuple[str, int], list[tuple[int, list[Vector]]]] = defaultdict(list)
        answers = [event for event in journal if isinstance(event, Told)]
        self._answers = {(told.n, told.item): told for told in answers}
        # What `_shares` found since the last decision was taken.
        self._known: dict[tuple[int, int], Vector | None] = {}
        self._by_context: dict[int, list[Told]] = defaultdict(list)
        for told in answers:
            self._by_context[told.context_id].append(told)
        self._calibrated = not chosen.balanced and chosen.shots != "all"
        units = len(problem.units)
        at_random = Draws(chosen.seed).generator(Purpose.SECOND_LOOK).permutation(units)[: math.ceil(0.05 * units)]
        self._at_random = {item for unit in at_random.tolist() for item in problem.units[unit]}
        self._label_bias = [event for event in journal if isinstance(event, Context) and event.phase == "label_bias"]

    # One decision after the other

    def values(self, decision: Decision) -> dict[tuple[int | None, ...], float]:
        """The value of every allowed assignment, by its labels as the decision shows them."""
        found: dict[tuple[int | None, ...], float] = {}
        shares = [self._shares(decision, item) for item in decision.items]
        keys = [self.problem.keys[item] for item in decision.items]
        for labels in product(range(self.problem.n_labels), repeat=len(decision.items)):
            if not allowed(self.problem.rule, keys, labels, self.problem.n_labels):
                continue
            value = sum(share[label] for share, label in zip(shares, labels, strict=True) if share is not None)
            seen = tuple(
                label if self._is_answered(decision, item) else None
                for item, label in zip(decision.items, labels, strict=True)
            )
            found[seen] = value
        return found

    def log_normaliser(self, decision: Decision) -> float:
        """log sum exp(v / T) over all allowed assignments, those that differ in an unanswered member alone included."""
        shares = [self._shares(decision, item) for item in decision.items]
        keys = [self.problem.keys[item] for item in decision.items]
        total = 0.0
        for labels in product(range(self.problem.n_labels), repeat=len(decision.items)):
            if allowed(self.problem.rule, keys, labels, self.problem.n_labels):
                value = sum(share[label] for share, label in zip(shares, labels, strict=True) if share is not None)
                total += math.exp(value / decision.temperature)
        return math.log(total)

    def asked(self, decision: Decision) -> bool:
        """Whether any member has an answer that counts."""
        return any(self._shares(decision, item) is not None for item in decision.items)

    def take(self, decision: Decision) -> None:
        """Follow a decision."""
        self._known.clear()
        for item in decision.items if decision.phase in ("tournament", "sweeps", "second_look") else ():
            self._count_in(decision, item)
        for item, before, after in decision.changes:
            labels = self.labels[decision.chain]
            assert labels.get(item) == before
            if after is None:
                labels.pop(item)
            else:
                labels[item] = after
        if decision.phase == "label_bias":
            # Rounded in the journal, as measured before.
            self.bias = tuple(decision.score[f"label_bias_{label}"] for label in range(self.problem.n_labels))
        if decision.phase == "selection":
            self.held_out = {}

    def coherence_bits(self) -> float | None:
        """The held-out coherence so far."""
        if len(self.held_out) < 30:
            return None
        labels = [label for label, _ in self.held_out.values()]
        return sum(bits for _, bits in self.held_out.values()) / len(labels) + entropy_bits(labels)

    def as_asked(self, chain: int) -> float:
        """The coherence of a tournament's chain, each label by the answer it was drawn from."""
        scored = [
            (self.labels[chain][item], answers[-1])
            for item, answers in self._recent["tournament", chain].items()
            if item in self.labels[chain]
        ]
        if not scored:
            return 0.0
        bits = [self._log_shares(answer, (0.0,) * self.problem.n_labels)[label] for label, answer in scored]
        return sum(bits) / math.log(2) / len(bits) + entropy_bits([label for label, _ in scored])

    def measured_label_bias(self) -> Vector:
        """The mean over contexts of the mean over all shifts of the shown labels."""
        shifts = self.problem.n_labels
        means = []
        for first in range(0, len(self._label_bias), shifts):
            told = [self._by_context[context.id][0] for context in self._label_bias[first : first + shifts]]
            if all(one.logprobs is not None for one in told):
                means.append(np.mean([one.logprobs for one in told], axis=0))
        mean = np.mean(means, axis=0) if means else np.zeros(shifts)
        return tuple((mean - mean.mean()).tolist())

    # Inside

    def _log_shares(self, scores: Vector, shares: Vector) -> Vector:
        """log sigma(+-(raw - b - e)) for two labels, log softmax(r - b - e) for more."""
        if len(scores) == 2:
            raw, b, e = (one[0] - one[1] for one in (scores, self.bias, shares))
            return (-math.log1p(math.exp(-(raw - b - e))), -math.log1p(math.exp(raw - b - e)))
        left = np.array(scores) - np.mean(scores) - self.bias - shares
        return tuple((left - np.log(np.exp(left).sum())).tolist())

    def _answer(self, decision: Decision, item: int) -> Vector | None:
        """The scores of an item's answer in this decision, less the bias of the context if that is measured."""
        told = self._answers[decision.n, item]
        if told.logprobs is None:
            return None
        scores = np.array(told.logprobs)
        if self._calibrated:
            scores = scores - self._offset(decision, told.context_id)
        return tuple(scores.tolist())

    def _offset(self, decision: Decision, context_id: int) -> Vector:
        """s (mean of the context - mean of the last 64 context means), s = vL / (vL + vW)."""
        contexts = self._counted[decision.phase, decision.chain]
        if context_id not in [number for number, _ in contexts]:
            known = [one.logprobs for one in self._by_context[context_id] if one.logprobs is not None]
            contexts.append((context_id, [tuple(np.array(one) - np.mean(one)) for one in known]))
        last = [np.array(scores) for _, scores in contexts if scores][-64:]
        means = np.array([scores.mean(axis=0) for scores in last])
        chance = [scores.var(axis=0, ddof=1) / len(scores) for scores in last if len(scores) > 1]
        if len(means) < 2 or not chance or contexts[-1][0] != context_id or not contexts[-1][1]:
            return (0.0,) * self.problem.n_labels
        v_within = np.mean(chance, axis=0)
        v_list = np.maximum(0.0, means.var(axis=0, ddof=1) - v_within)
        both = v_list + v_within
        share = np.divide(v_list, both, out=np.zeros_like(both), where=both > 0)
        return tuple((share * (means[-1] - means.mean(axis=0))).tolist())

    def _phase(self, decision: Decision) -> tuple[str, int]:
        return ("tournament" if decision.phase == "tournament" else "main", decision.chain)

    def _mean(self, decision: Decision, item: int) -> Vector | None:
        answer = self._answer(decision, item)
        answers = [*self._recent[self._phase(decision)].get(item, []), *([answer] if answer else [])]
        return tuple(np.mean(answers[-self.chosen.average :], axis=0).tolist()) if answers else None

    def _shares(self, decision: Decision, item: int) -> Vector | None:
        key = (decision.n, item)
        if key not in self._known:
            self._known[key] = self._shares_of(decision, item)
        return self._known[key]

    def _shares_of(self, decision: Decision, item: int) -> Vector | None:
        mean = self._mean(decision, item)
        if mean is None:
            return None
        others = [label for other, label in self.labels[decision.chain].items() if other not in decision.items]
        e = tuple(0.5 * math.log(others.count(label) + 1) for label in range(self.problem.n_labels))
        return self._log_shares(mean, e)

    def _is_answered(self, decision: Decision, item: int) -> bool:
        return item in self._answered[decision.chain] or self._answer(decision, item) is not None

    def _count_in(self, decision: Decision, item: int) -> None:
        answer = self._answer(decision, item)
        if answer is None:
            return
        measured = item in self._at_random if decision.phase == "second_look" else not self.chosen.second_look
        label = self.labels[decision.chain].get(item)
        if label is not None and decision.phase != "tournament" and measured:
            bits = self._log_shares(answer, (0.0,) * self.problem.n_labels)[label] / math.log(2)
            self.held_out[item] = (label, bits)
        self._recent[self._phase(decision)][item].append(answer)
        self._answered[decision.chain].add(item)
