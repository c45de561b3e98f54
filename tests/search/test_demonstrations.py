"""Contexts: which items are eligible, how many of each label are drawn, and that all are equally likely."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.search.draws import Draws, Purpose
from icm_tui.search.icm.demonstrations import LabelPool, draw_context
from icm_tui.search.problem import Problem
from tests.search.problems import problems


@st.composite
def pools(draw: st.DrawFn) -> tuple[Problem, dict[int, tuple[int, float]]]:
    """A problem and the label and certainty of some of its items."""
    problem = draw(problems())
    certainty = st.floats(0, 9, allow_nan=False)
    state = st.tuples(st.integers(0, problem.n_labels - 1), certainty)
    items = st.sampled_from(range(problem.n_items))
    return problem, draw(st.dictionaries(items, state))


def filled(problem: Problem, state: dict[int, tuple[int, float]]) -> LabelPool:
    pool = LabelPool(problem.n_labels, problem.n_items)
    for item, (label, certainty) in state.items():
        pool.put(item, label, certainty)
    return pool


def confident_half(state: dict[int, tuple[int, float]], label: int, share: float) -> set[int]:
    """The more certain share of a label's items; if certainties are equal, later items."""
    own = sorted((round(certainty, 6), item) for item, (found, certainty) in state.items() if found == label)
    return {item for _, item in own[len(own) - math.ceil(len(own) * share) :]}


@settings(max_examples=300)
@given(
    given_pool=pools(),
    seed=st.integers(0, 2**32),
    shots=st.integers(0, 12),
    balanced=st.booleans(),
    confident=st.sampled_from((0.25, 0.5, 1.0)),
    data=st.data(),
)
def test_draw_context_takes_eligible_items_in_fair_shares(
    given_pool: tuple[Problem, dict[int, tuple[int, float]]],
    seed: int,
    shots: int,
    balanced: bool,
    confident: float,
    data: st.DataObject,
) -> None:
    problem, state = given_pool
    outside = data.draw(st.sets(st.sampled_from(range(len(problem.groups)))))
    generator = Draws(seed).generator(Purpose.DEMONSTRATIONS)
    pool = filled(problem, state)
    shown = draw_context(pool, problem, generator, outside=outside, shots=shots, balanced=balanced, confident=confident)
    share = confident if len(state) >= 4 * shots else 1.0
    eligible = [
        {item for item in confident_half(state, label, share) if problem.group_of[item] not in outside}
        for label in range(problem.n_labels)
    ]
    assert len({item for item, _ in shown}) == len(shown)
    assert all(item in eligible[label] for item, label in shown)
    assert len(shown) == min(shots, sum(map(len, eligible)))
    assert all(type(item) is int and type(label) is int for item, label in shown)
    if balanced:
        counts = Counter(label for _, label in shown)
        fair = shots // problem.n_labels
        for label, items in enumerate(eligible):
            assert counts[label] >= min(fair, len(items))
            if all(len(others) > fair for others in eligible):
                assert counts[label] <= fair + 1


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 1), st.floats(0, 5)), max_size=60))
def test_pool_holds_what_was_put_last(changes: list[tuple[int, int | None, float]]) -> None:
    pool = LabelPool(2, 13)
    state: dict[int, tuple[int, float]] = {}
    for item, label, certainty in changes:
        pool.put(item, label, certainty)
        state.pop(item, None)
        if label is not None:
            state[item] = (label, certainty)
    assert len(pool) == len(state)
    for label in range(2):
        found = {pool.item_at(label, place) for place in pool.eligible(label, 1.0)}
        assert found == {item for item, (own, _) in state.items() if own == label}
        assert pool.count(label) == len(found)
        half = {pool.item_at(label, place) for place in pool.eligible(label, 0.5)}
        assert half == confident_half(state, label, 0.5)


def chi_square(counts: dict[int, int], eligible: int, draws: int) -> float:
    expected = draws / eligible
    return sum((count - expected) ** 2 / expected for count in counts.values())


# One branch draws places until one fits, the other lists those that are free. These sizes take both.
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize(("n_items", "shots"), [(400, 6), (80, 6), (24, 12)])
def test_draw_context_draws_eligible_items_equally_often(n_items: int, shots: int, balanced: bool) -> None:
    groups = [[item, item + 1] for item in range(0, n_items, 2)]
    problem = Problem(groups, [item // 2 for item in range(n_items)], [0] * n_items, groups, "opposite", 2)
    state = {item: (item % 2, (item * 7919 % n_items) / 10) for item in range(n_items)}
    pool = filled(problem, state)
    draws, rounds = Draws(3), 3000
    counts: Counter[int] = Counter()
    first: Counter[int] = Counter()
    outside = {0, 5}
    for place in range(rounds):
        generator = draws.generator(Purpose.DEMONSTRATIONS, place)
        shown = draw_context(pool, problem, generator, outside=outside, shots=shots, balanced=balanced, confident=0.5)
        counts.update(item for item, _ in shown)
        first[shown[0][1]] += 1
    share = 0.5 if n_items >= 4 * shots else 1.0
    eligible = {
        item
        for label in range(2)
        for item in confident_half(state, label, share)
        if problem.group_of[item] not in outside
    }
    assert set(counts) == eligible
    sides = [eligible] if not balanced else [{item for item in eligible if state[item][0] == label} for label in (0, 1)]
    for side in sides:
        own = {item: counts[item] for item in side}
        total = sum(own.values())
        # The 0.9999 quantile of chi-square is below this for any number of degrees of freedom used here.
        assert chi_square(own, len(own), total) < len(own) + 4 * math.sqrt(2 * len(own)) + 12
    assert abs(first[0] / rounds - 0.5) < 0.05


def test_draw_context_gives_the_remainder_to_either_label() -> None:
    groups = [[item] for item in range(60)]
    problem = Problem(groups, list(range(60)), [0] * 60, groups, "same", 2)
    pool = filled(problem, {item: (item % 2, 1.0) for item in range(60)})
    more: Counter[int] = Counter()
    draws = Draws(1)
    for place in range(400):
        generator = draws.generator(Purpose.DEMONSTRATIONS, place)
        shown = draw_context(pool, problem, generator, outside=(), shots=5, balanced=True, confident=1.0)
        counts = Counter(label for _, label in shown)
        assert sorted(counts.values()) == [2, 3]
        more[max(counts, key=lambda label: counts[label])] += 1
    assert min(more.values()) > 150


def test_draw_context_tops_up_a_short_label() -> None:
    groups = [[item] for item in range(40)]
    problem = Problem(groups, list(range(40)), [0] * 40, groups, "same", 2)
    pool = filled(problem, {item: (int(item < 3), 1.0) for item in range(40)})
    shown = draw_context(pool, problem, np.random.default_rng(0), outside={1}, shots=10, balanced=True, confident=1.0)
    assert Counter(label for _, label in shown) == {0: 8, 1: 2}


def test_draw_context_is_empty_for_an_empty_pool() -> None:
    problem = Problem([[0], [1]], [0, 1], [0, 0], [[0], [1]], "same", 2)
    for balanced in (True, False):
        pool = LabelPool(2, 2)
        how = {"shots": 4, "balanced": balanced, "confident": 0.5}
        assert draw_context(pool, problem, np.random.default_rng(0), outside=(), **how) == []
        pool.put(0, 1, 2.0)
        assert draw_context(pool, problem, np.random.default_rng(0), outside={0}, **how) == []
        assert draw_context(pool, problem, np.random.default_rng(0), outside={1}, **how) == [(0, 1)]
