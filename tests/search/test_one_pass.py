"""Methods `zero_shot` and `random_labels`: each item asked once, what is shown, and what is decided."""

from collections import Counter
from itertools import product
from random import Random
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import Context
from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES
from icm_tui.domain.scores import log_softmax
from icm_tui.search.one_pass import OnePass
from icm_tui.search.problem import Problem, make_problem
from icm_tui.search.settings import OnePassSettings
from tests.search.drive import Run, hashed
from tests.search.journalled import Answer, decisions, go_on, noise, overruling, problems, restore

SEEDS = st.integers(0, 2**32)
METHODS: list[Literal["zero_shot", "random_labels"]] = ["zero_shot", "random_labels"]
METHOD = st.sampled_from(METHODS)


def chosen(method: Literal["zero_shot", "random_labels"], seed: int, window: int = 1) -> OnePassSettings:
    shots = 0 if method == "zero_shot" else 3
    return OnePassSettings(seed=seed, method=method, shots=shots, share=2, window=window)


def grouped(count: int, size: int, rule: str, n_labels: int = 2) -> Problem:
    return make_problem([Item(str(n), "", n // size, n % size) for n in range(size * count)], rule, n_labels)


@settings(max_examples=40)
@given(problem=problems(), seed=SEEDS, method=METHOD, data=st.data())
def test_one_pass_resumes_from_a_journal_cut_anywhere(
    problem: Problem, seed: int, method: Literal["zero_shot", "random_labels"], data: st.DataObject
) -> None:
    model, person = noise(seed, refused=1), overruling(seed)
    whole = go_on(OnePass(problem, chosen(method, seed)), model, [], override=person)
    cut = data.draw(st.integers(0, len(whole)))
    search = OnePass(problem, chosen(method, seed))
    restore(search, whole[:cut])
    assert go_on(search, model, whole[:cut], override=person) == whole


@settings(max_examples=40)
@given(problem=problems(), seed=SEEDS, method=METHOD, window=st.integers(1, 9))
def test_one_pass_ignores_window_and_order_of_answers(
    problem: Problem, seed: int, method: Literal["zero_shot", "random_labels"], window: int
) -> None:
    model = hashed(2, refused=frozenset({1}))
    straight = Run(OnePass(problem, chosen(method, seed)), model).in_order()  # type: ignore[arg-type]
    shuffled = Run(OnePass(problem, chosen(method, seed, window)), model).in_disorder(Random(seed))  # type: ignore[arg-type]
    assert straight.trajectory() == shuffled.trajectory()


# One key comes twice, and then another one: labels that differ under the first would leave none for the second.
TWICE_THEN_ANOTHER = make_problem(
    [Item(str(n), "", group, key) for n, (group, key) in enumerate([(0, 2), (0, 3), (1, 0), (1, 0), (1, 4)])],
    "opposite",
    2,
)


@settings(max_examples=40)
@given(problem=problems(), seed=SEEDS, method=METHOD)
@example(problem=TWICE_THEN_ANOTHER, seed=0, method="random_labels")
def test_one_pass_asks_once_and_never_shows_the_own_group(
    problem: Problem, seed: int, method: Literal["zero_shot", "random_labels"]
) -> None:
    journal = go_on(OnePass(problem, chosen(method, seed)), noise(seed), [])
    contexts = {record.id: record for record in journal if isinstance(record, Context)}
    asked = [record.question for record in journal if isinstance(record, Answer)]
    assert Counter(question.item for question in asked) == dict.fromkeys(range(problem.n_items), 1)
    for question in asked:
        shown = contexts[question.context_id].demonstrations
        assert shown != "all"
        groups = {problem.group_of[item] for item, _ in shown}
        assert problem.group_of[question.item] not in groups
        for group in groups:
            members = [(label, problem.keys[item]) for item, label in shown if problem.group_of[item] == group]
            assert not RULES[problem.rule].broken(
                [label for label, _ in members], [key for _, key in members], problem.n_labels
            )
        if method == "zero_shot":
            assert shown == []
        elif problem.rule != "none" and len(problem.groups) > 1:
            assert shown
    if method == "zero_shot":
        assert len(contexts) == 1


@settings(max_examples=40)
@given(problem=problems(), seed=SEEDS)
def test_one_pass_takes_the_best_allowed_assignment(problem: Problem, seed: int) -> None:
    journal = go_on(OnePass(problem, chosen("zero_shot", seed)), noise(seed), [])
    answers = {record.question.item: record.logprobs for record in journal if isinstance(record, Answer)}
    for decision in decisions(journal):
        keys = [problem.keys[item] for item in decision.items]
        shares = [log_softmax(answers[item] or [0.0, 0.0]) for item in decision.items]
        together = {
            labels: sum(share[label] for share, label in zip(shares, labels, strict=True))
            for labels in product(range(2), repeat=len(keys))
            if RULES[problem.rule].penalty or not RULES[problem.rule].broken(labels, keys, problem.n_labels)
        }
        labels = decision.options[decision.chosen].labels
        assert together[tuple(labels)] == pytest.approx(max(together.values()), abs=1e-5)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_random_labels_are_even_and_differ_between_contexts(n_labels: int) -> None:
    problem = grouped(60, 1, "none", n_labels)
    made = OnePassSettings(seed=5, method="random_labels", shots=12, share=6, window=60)
    contexts = [context.demonstrations for context in OnePass(problem, made).drain_contexts()]
    assert len(contexts) == 10
    for shown in contexts:
        assert shown != "all"
        assert Counter(label for _, label in shown) == dict.fromkeys(range(n_labels), 12 // n_labels)
    of_item: dict[int, set[int]] = {}
    for shown in contexts:
        for item, label in shown:
            of_item.setdefault(item, set()).add(label)  # type: ignore[arg-type]
    assert any(len(labels) > 1 for labels in of_item.values())


def test_zero_shot_labels_by_lot_if_answers_are_ties() -> None:
    problem = grouped(200, 2, "opposite")
    search = OnePass(problem, chosen("zero_shot", 1, window=400))
    go = Run(search, lambda item, shown: [0.0, 0.0]).in_order()  # type: ignore[arg-type]
    first = [go.search.labels[item] for item in range(0, 400, 2)]
    assert None not in go.search.labels
    assert 70 < sum(label == 0 for label in first) < 130


def test_one_pass_refuses_an_answer_to_an_unknown_question() -> None:
    search = OnePass(grouped(3, 1, "none"), chosen("zero_shot", 1))
    for name in ("zero_shot/9", "zero_shot/x", "random_labels/0", "zero_shot/00"):
        with pytest.raises(KeyError):
            search.tell(name, [0.0, 0.0])
