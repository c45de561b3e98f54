"""Pinned labels: what they make of a decision, and that a run with pins is the same wherever it was cut."""

from collections.abc import Callable, Sequence
from itertools import product
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import Context, Decision, LabelChange, Option, Proposal, Question
from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES, nearest
from icm_tui.search.icm.method import Icm
from icm_tui.search.method import Search
from icm_tui.search.pins import Pins
from icm_tui.search.problem import Problem, Violations, make_problem
from icm_tui.search.replications.fork import Fork
from icm_tui.search.replications.paper import Paper
from icm_tui.search.settings import ForkSettings, PaperSettings, Settings
from tests.search import journalled
from tests.search.drive import Model, hashed
from tests.search.problems import problems, settings_of

Labels = list[int | None]


# What a pin demands of its group


@given(st.data())
def test_nearest_equals_a_search_through_all_labels(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(sorted(RULES)))
    keys = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=5))
    labels: Labels = data.draw(st.lists(st.sampled_from((0, 1, None)), min_size=len(keys), max_size=len(keys)))
    pinned = data.draw(st.dictionaries(st.integers(0, len(keys) - 1), st.integers(0, 1), max_size=3))
    choices = [
        [pinned[place]] if place in pinned else [None] if label is None else [0, 1]
        for place, label in enumerate(labels)
    ]
    costs = {
        after: sum(one != other for one, other in zip(labels, after, strict=True))
        for after in product(*choices)
        if not RULES[rule].broken(after, keys, 2)
    }
    found = nearest(rule, labels, keys, 2, pinned)
    if found is None:
        assert not costs
    else:
        assert costs[tuple(found)] == min(costs.values())


def problem_of(rule: str, *keys: Sequence[int]) -> Problem:
    """A group of items for each list of keys."""
    items = [
        Item(f"{group}.{place}", "", group, key) for group, own in enumerate(keys) for place, key in enumerate(own)
    ]
    return make_problem(items, rule, 2)


def proposal(items: list[int], *options: Labels, chosen: int = 0) -> Proposal:
    return Proposal(
        n=0,
        phase="sweeps",
        chain=0,
        items=items,
        options=[Option(labels, -float(place)) for place, labels in enumerate(options)],
        chosen=chosen,
        log_normaliser=0.0,
        temperature=1.0,
        draw=0.0,
        accepted=True,
        score={},
    )


@pytest.mark.parametrize(
    ("rule", "pinned", "item", "label", "others"),
    [
        ("opposite", {}, 0, 0, {}),
        ("opposite", {1: 0}, 0, 0, {1: 0}),
        ("opposite", {1: 0}, 0, 1, {}),
        ("opposite", {0: 0}, 0, 1, {}),
        ("opposite", {3: 0}, 0, 0, {}),
        ("same", {1: 0}, 0, 1, {1: 0}),
        ("paper", {1: 0}, 0, 0, {1: 0}),
        ("paper", {1: 0}, 0, 1, {}),
        ("none", {1: 0}, 0, 0, {}),
    ],
)
def test_against_names_the_pins_that_break_the_rule(
    rule: str, pinned: dict[int, int], item: int, label: int, others: dict[int, int]
) -> None:
    assert Pins(problem_of(rule, [1, 2], [1, 2]), pinned).against(item, label) == others


def test_settle_changes_the_fewest_labels() -> None:
    pins = Pins(problem_of("one_true", [1, 2, 3, 3]), {})
    pins.put(2, 0)
    assert pins.settle(2, [0, 1, 1, None]) == [(0, 0, 1), (2, 1, 0)]
    assert pins.settle(2, [None, None, None, None]) == [(2, None, 0)]
    pins.put(2, 1)
    assert pins.settle(2, [0, 1, 1, 1]) == []
    pins.put(2, None)
    assert pins.get(2) is None
    assert pins.settle(2, [1, 1, 0, 0]) == []


def test_overrule_takes_the_best_option_that_agrees() -> None:
    problem = problem_of("one_true", [1, 2, 3])
    drawn, second, third = [0, 1, 1], [1, 0, 1], [1, 1, 1]
    offered = proposal([0, 1, 2], drawn, third, second)
    labels: Labels = [0, 1, 1]
    assert Pins(problem, {}).overrule(offered, labels, skip=False) is None
    assert Pins(problem, {0: 0}).overrule(offered, labels, skip=False) is None
    assert Pins(problem, {0: 1}).overrule(offered, labels, skip=False) == {0: 1, 1: 1, 2: 1}
    assert Pins(problem, {1: 0}).overrule(offered, labels, skip=False) == {0: 1, 1: 0, 2: 1}
    # None that is listed agrees: what is nearest to the one drawn.
    assert Pins(problem, {2: 0}).overrule(offered, labels, skip=False) == {0: 1, 1: 1, 2: 0}


def test_overrule_lets_pins_win_over_a_skip() -> None:
    problem = problem_of("opposite", [1, 2])
    offered = proposal([0, 1], [0, 1], [1, 0])
    assert Pins(problem, {}).overrule(offered, [1, 0], skip=True) == {0: 1, 1: 0}
    assert Pins(problem, {0: 1}).overrule(offered, [1, 0], skip=True) == {0: 1, 1: 0}
    assert Pins(problem, {0: 1}).overrule(offered, [None, None], skip=True) == {0: 1, 1: None}
    assert Pins(problem, {0: 1}).overrule(proposal([], []), [1, 0], skip=True) is None


def test_overrule_mends_the_rest_of_a_group_decided_in_part() -> None:
    pins = Pins(problem_of("same", [1, 2, 3]), {0: 1})
    assert pins.overrule(proposal([0], [0]), [None, 0, None], skip=False) == {0: 1, 1: 1}


# A run with pins


class Pinned(msgspec.Struct, frozen=True):
    """A pin as a journal keeps it: what was asked for, whether it was refused, and its changes by chain."""

    item: int
    label: int | None
    refused: bool
    changes: list[tuple[int, LabelChange]]


class Answer(msgspec.Struct, frozen=True):
    question: Question
    logprobs: list[float] | None


Record = Context | Answer | Decision | Pinned
Wishes = dict[int, tuple[int, int | None]]


class Run:
    """A run whose turns depend on the length of its journal, so that it can be cut and resumed.

    `wishes` maps a number of records to what is pinned once the journal has so many.
    """

    def __init__(self, search: Search, model: Model, wishes: Wishes, journal: Sequence[Record] = ()) -> None:
        self.search = search
        self.journal = list(journal)
        self.pins = Pins(search.problem, {})
        self.violations = Violations(search.problem)
        self._model = model
        self._wishes = wishes
        self._contexts: dict[int, Context] = {}
        for record in journal:
            self._restore(record)

    def go_on(self) -> "Run":
        """Run to the end."""
        while not self.search.done:
            self._drain_contexts()
            random = Random(len(self.journal))
            questions = list(self.search.wants())
            if len(self.journal) in self._wishes:
                self._pin(*self._wishes[len(self.journal)])
            elif questions and random.random() < 0.7:
                self._answer(random.choice(questions))
            elif (proposed := self.search.propose()) is not None:
                self._commit(proposed)
            elif questions:
                self._answer(questions[0])
        return self

    def _restore(self, record: Record) -> None:
        if isinstance(record, Context):
            self._contexts[record.id] = record
            self.search.restore_context(record)
        elif isinstance(record, Answer):
            self.search.tell(record.question.id, record.logprobs)
        elif isinstance(record, Decision):
            self.search.restore_decision(record)
        else:
            if not record.refused:
                self.pins.put(record.item, record.label)
            for chain in dict(record.changes):
                self.search.relabel(chain, [change for other, change in record.changes if other == chain])

    def _drain_contexts(self) -> None:
        for context in self.search.drain_contexts():
            self._contexts[context.id] = context
            self.journal.append(context)

    def _answer(self, question: Question) -> None:
        context = self._contexts[question.context_id]
        shown = context.demonstrations
        if shown == "all":
            own = self.search.problem.group_of[question.item]
            labels = enumerate(self.search.labels_of(context.chain))
            shown = [(i, label) for i, label in labels if label is not None and self.search.problem.group_of[i] != own]
        answer = Answer(question, self._model(question.item, shown))
        self.journal.append(answer)
        self.search.tell(question.id, answer.logprobs)

    def _pin(self, item: int, label: int | None) -> None:
        refused = label is not None and bool(self.pins.against(item, label))
        changes: list[tuple[int, LabelChange]] = []
        if not refused:
            self.pins.put(item, label)
            for chain in self.search.chains_with(item) if label is not None else ():
                settled = self.pins.settle(item, self.search.labels_of(chain))
                self.search.relabel(chain, settled)
                self.violations.note(chain, settled, self.search.labels_of(chain))
                changes += [(chain, change) for change in settled]
                assert self.pins.settle(item, self.search.labels_of(chain)) == []
        self.journal.append(Pinned(item, label, refused, changes))

    def _commit(self, proposed: Proposal) -> None:
        before = list(self.search.labels_of(proposed.chain))
        override = self.pins.overrule(proposed, before, skip=False)
        decision = self.search.commit(proposed, override)
        self.journal.append(decision)
        after = self.search.labels_of(decision.chain)
        self.violations.note(decision.chain, decision.changes, after)
        for item in decision.items:
            pinned = self.pins.get(item)
            assert pinned is None or after[item] == pinned
        if all(self.pins.get(item) is None for item in decision.items):
            assert not decision.overridden
        changed = {item for item, _, _ in decision.changes}
        assert changed == {item for item, label in enumerate(after) if label != before[item]}
        labels, problem = self.search.labels, self.search.problem
        assert self.violations.of(self.search.leading, labels) == sum(
            RULES[problem.rule].broken(
                [labels[item] for item in group], [problem.keys[item] for item in group], problem.n_labels
            )
            for group in problem.groups
        )


def trajectory(run: Run) -> list[object]:
    return [run.journal, run.search.labels, run.search.coherence_bits, run.search.n]


wishes_of = st.dictionaries(
    st.integers(0, 120), st.tuples(st.integers(0, 11), st.sampled_from((0, 1, None))), min_size=1, max_size=8
)


def check(search_of: Callable[[], Search], model: Model, wishes: Wishes, data: st.DataObject) -> Run:
    """Run whole, then cut anywhere and resume."""
    wishes = {at: (item % search_of().problem.n_items, label) for at, (item, label) in wishes.items()}
    whole = Run(search_of(), model, wishes).go_on()
    cut = data.draw(st.integers(0, len(whole.journal)))
    resumed = Run(search_of(), model, wishes, whole.journal[:cut]).go_on()
    assert trajectory(resumed) == trajectory(whole)
    restored = Run(search_of(), model, {}, whole.journal)
    assert trajectory(restored) == trajectory(whole)
    return whole


@settings(max_examples=60)
@given(
    problem=problems(n_labels=2),
    chosen=settings_of(),
    wishes=wishes_of,
    failing=st.sampled_from((0.0, 0.3)),
    data=st.data(),
)
def test_icm_with_pins_resumes_from_a_journal_cut_anywhere(
    problem: Problem, chosen: Settings, wishes: Wishes, failing: float, data: st.DataObject
) -> None:
    run = check(lambda: Icm(problem, chosen), hashed(2, failing=failing), wishes, data)
    asked = [record.question.id for record in run.journal if isinstance(record, Answer)]
    assert len(asked) == len(set(asked))
    # Groups with a pin obey the rule once a decision or the pin itself reached them.
    final = run.search.labels_of(run.search.leading)
    for group in problem.groups:
        if any(run.pins.get(item) is not None for item in group):
            assert not RULES[problem.rule].broken(
                [final[item] for item in group], [problem.keys[item] for item in group], problem.n_labels
            )


@settings(max_examples=60)
@given(problem=problems(n_labels=2), chosen=settings_of(), wishes=wishes_of)
def test_pins_change_no_question(problem: Problem, chosen: Settings, wishes: Wishes) -> None:
    """Except for what follows from other labels: which chain is kept, and what the second look takes."""
    wishes = {at: (item % problem.n_items, label) for at, (item, label) in wishes.items()}
    chosen = msgspec.structs.replace(chosen, second_look=False, chains=1)
    asked: list[list[str]] = []
    for wanted in ({}, wishes):
        run = Run(Icm(problem, chosen), hashed(2), wanted).go_on()
        asked.append(sorted(record.question.id for record in run.journal if isinstance(record, Answer)))
    assert asked[0] == asked[1]


@settings(max_examples=40)
@given(problem=journalled.problems(), seed=st.integers(0, 2**32), wishes=wishes_of, data=st.data())
def test_paper_with_pins_resumes_from_a_journal_cut_anywhere(
    problem: Problem, seed: int, wishes: Wishes, data: st.DataObject
) -> None:
    chosen = PaperSettings(seed=seed, seeds=4, max_iters=12, fix_iters=2, alpha=5.0)
    check(lambda: Paper(problem, chosen), journalled.noise(seed, refused=1), wishes, data)


@settings(max_examples=40)
@given(problem=journalled.problems(), seed=st.integers(0, 2**32), wishes=wishes_of, data=st.data())
def test_fork_with_pins_resumes_from_a_journal_cut_anywhere(
    problem: Problem, seed: int, wishes: Wishes, data: st.DataObject
) -> None:
    chosen = ForkSettings(seed=seed, seeds=4, max_iters=20, batch_size=3, shots=4)
    run = check(lambda: Fork(problem, chosen), journalled.noise(seed, refused=1), wishes, data)
    assert isinstance(run.search, Fork)
    fresh = Fork(problem, chosen)
    for record in run.journal:
        Run(fresh, hashed(2), {}, [record])
    assert fresh.energy == run.search.energy


def test_pins_are_shown_from_the_next_context_on() -> None:
    items = [Item(str(place), "", None, None) for place in range(12)]
    problem = make_problem(items, "none", 2)
    chosen = Settings(
        seed=5, window=2, shots=11, share=2, chain_share=2, chains=1, label_bias_contexts=0, subset=12, seeds=12
    )
    plain = Run(Icm(problem, chosen), hashed(2), {}).go_on()
    at = next(place for place, record in enumerate(plain.journal) if isinstance(record, Answer)) + 4
    shown = {
        label for record in plain.journal[:at] if isinstance(record, Context) for _, label in record.demonstrations
    }
    assert shown == {0, 1}
    run = Run(Icm(problem, chosen), hashed(2), {at: (3, 0), at + 1: (4, 1)}).go_on()
    assert run.journal[:at] == plain.journal[:at]
    for record in run.journal[at + 2 :]:
        if isinstance(record, Context):
            shown_now = dict(record.demonstrations)
            assert shown_now.get(3, 0) == 0
            assert shown_now.get(4, 1) == 1


def test_overrule_decides_the_own_item_alone_under_rule_none() -> None:
    """Another pin of the group that has not taken effect in this chain waits for its own decision."""
    problem = Problem([[0, 1]], [0, 0], [0, 1], [[0], [1]], "none", 2)
    pins = Pins(problem, {0: 1, 1: 1})
    proposed = Proposal(
        n=0,
        phase="sweeps",
        chain=0,
        items=[1],
        options=[Option([0], 0.0)],
        chosen=0,
        log_normaliser=0.0,
        temperature=0.1,
        draw=0.5,
        accepted=True,
        score={},
    )
    assert pins.overrule(proposed, [None, None], skip=False) == {1: 1}
