"""p by permutation of whole groups: honest over many columns, and able to find what is there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.evaluate.agreement import Ints
from icm_tui.evaluate.significance import permuted_labels, significance


def pairs(draw: np.random.Generator, groups: int) -> Ints:
    """Opposite labels in every pair."""
    first = draw.integers(0, 2, groups)
    return np.stack([first, 1 - first], axis=1).reshape(-1)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_permuted_labels_move_whole_groups(numbers: list[int], chance: object) -> None:
    groups = np.array(numbers)
    found = np.arange(len(groups))
    for drawn in permuted_labels(found, groups, permutations=5, seed=1):
        for labels in drawn.tolist():
            assert sorted(labels) == sorted(found.tolist())
            for number in set(numbers):
                moved = [label for label, own in zip(labels, numbers, strict=True) if own == number]
                if len(moved) == 2:
                    moved.sort()  # the two of a pair may change places
                came_from = {numbers[label] for label in moved}
                assert len(came_from) == 1
                assert numbers.count(came_from.pop()) == numbers.count(number)
                assert moved == sorted(moved)


def test_significance_of_random_labels_keeps_its_rate() -> None:
    """The best of 30 columns, over 100 seeds: about 5 times, between 1 and 10."""
    groups = np.repeat(np.arange(200), 2)
    called = by_itself = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        columns = []
        for _ in range(30):
            gold = pairs(draw, 200)
            gold[np.repeat(draw.random(200) < draw.random(), 2)] = -1
            columns.append(gold)
        tested = significance(pairs(draw, 200), groups, columns, n_labels=2, permutations=300, seed=seed)
        called += min(p for p in tested.adjusted if p is not None) <= 0.05
        by_itself += min(p for p in tested.p if p is not None) <= 0.05
    assert 1 <= called <= 10
    # Without the correction nearly every run would have a column to show.
    assert by_itself >= 60


def test_significance_finds_true_column_among_many() -> None:
    draw = np.random.default_rng(1)
    groups = np.repeat(np.arange(100), 2)
    found = pairs(draw, 100)
    truth = np.where(np.repeat(draw.random(100) < 0.2, 2), 1 - found, found)
    columns = [pairs(draw, 100) for _ in range(20)]
    tested = significance(found, groups, [*columns, 1 - truth], n_labels=2, permutations=500, seed=1)
    assert tested.permutations == 500
    assert tested.adjusted[-1] == pytest.approx(1 / 501)
    assert tested.p[-1] == pytest.approx(1 / 501)
    assert min(p for p in tested.adjusted[:-1] if p is not None) > 0.05


def test_significance_adjusted_is_never_below_p() -> None:
    draw = np.random.default_rng(2)
    columns = [draw.integers(-1, 2, 60) for _ in range(8)]
    tested = significance(draw.integers(0, 2, 60), np.arange(60), columns, n_labels=2, permutations=200, seed=0)
    for p, adjusted in zip(tested.p, tested.adjusted, strict=True):
        assert p is not None
        assert adjusted is not None
        assert p <= adjusted


def test_significance_of_more_than_two_classes() -> None:
    draw = np.random.default_rng(4)
    found = draw.integers(0, 5, 120)
    same = (found * 2 + 1) % 5  # other names for the same sets
    tested = significance(
        found, np.arange(120), [draw.integers(0, 5, 120), same, draw.integers(-1, 2, 120)],
        n_labels=5, permutations=200, seed=0,
    )  # fmt: skip
    assert tested.adjusted[1] == pytest.approx(1 / 201)
    assert tested.adjusted[0] is not None
    assert tested.adjusted[0] > 0.05


def test_significance_of_nothing_is_none() -> None:
    groups = np.arange(4)
    alike = np.zeros(4, dtype=np.int64)
    assert significance(alike, groups, [], n_labels=2, permutations=50, seed=0).permutations == 0
    tested = significance(alike, groups, [np.full(4, -1), np.array([0, 1, 0, 1])], n_labels=2, permutations=50, seed=0)
    assert tested.p == tested.adjusted == [None, None]
    none = significance(alike, groups, [alike], n_labels=2, permutations=0, seed=0)
    assert (none.p, none.permutations) == ([None], 0)


def test_permuted_labels_are_fewer_for_many_items() -> None:
    found = np.zeros(1_000_000, dtype=np.int64)
    rounds = permuted_labels(found, np.arange(1_000_000) // 2, permutations=2000, seed=0)
    assert next(iter(rounds)).shape == (8, 1_000_000)
