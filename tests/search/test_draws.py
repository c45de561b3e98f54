"""Keyed draws are the same whenever they are asked for, different for every key, and uniform."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.search.draws import Draws, Purpose

PLACES = st.tuples(*[st.integers(0, 2**40)] * 3)


@given(st.integers(0, 2**70), st.lists(st.tuples(st.sampled_from(Purpose), PLACES), min_size=1, max_size=8), st.data())
def test_draws_depend_on_their_key_alone(
    seed: int, keys: list[tuple[Purpose, tuple[int, int, int]]], data: st.DataObject
) -> None:
    expected = {key: Draws(seed).generator(key[0], *key[1]).random(3).tolist() for key in keys}
    draws = Draws(seed)
    for key in data.draw(st.permutations(keys)):
        draws.generator(key[0], *key[1]).integers(2, size=data.draw(st.integers(0, 7)))
        assert draws.generator(key[0], *key[1]).random(3).tolist() == expected[key]
        assert draws.uniform(key[0], *key[1]) == expected[key][0]
    assert len({tuple(numbers) for numbers in expected.values()}) == len(set(keys))


def test_draws_differ_by_seed_purpose_and_place() -> None:
    first = {
        Draws(seed).uniform(purpose, a, b, c)
        for seed in (0, 1, 2**63)
        for purpose in Purpose
        for a, b, c in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    }
    assert len(first) == 3 * len(Purpose) * 4


def test_draws_are_uniform() -> None:
    draws = Draws(7)
    numbers = np.array([draws.uniform(Purpose.DECISION, n) for n in range(4000)])
    counts = np.histogram(numbers, bins=20, range=(0.0, 1.0))[0]
    assert ((counts - 200) ** 2 / 200).sum() < 50
    assert abs(float(np.corrcoef(numbers[:-1], numbers[1:])[0, 1])) < 0.05


@pytest.mark.parametrize(("purpose", "expected"), [(Purpose.DECISION, 1), (Purpose.SECOND_LOOK, 7)])
def test_purpose_numbers_are_fixed(purpose: Purpose, expected: int) -> None:
    """They are part of what a journal means: a run that an older version started continues with the same draws."""
    assert int(purpose) == expected
