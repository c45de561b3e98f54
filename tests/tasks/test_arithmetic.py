"""Arithmetic claims: their gold is the arithmetic, and nothing but the sum reveals it."""

import operator
import re
from collections import Counter

import pytest

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.datasets.arithmetic import make_claims
from icm_tui.tasks.registry import load_task
from tests.tasks.given import Given

_CLAIM = re.compile(r"(\d+) ([-+*]) (\d+) = (\d+)")
_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def _load(limit: int | None = None, seed: int = 0) -> Task:
    settings = Given(dataset="arithmetic", limit=limit, shuffle_seed=seed)
    return load_task(settings, labels=["A", "B"], rule=None)


@pytest.mark.parametrize("seed", range(5))
def test_arithmetic_gold_is_the_result(seed: int) -> None:
    task = _load(1000, seed)
    assert (len(task.items), task.rule, task.notes) == (1000, "opposite", [])
    operators: Counter[str] = Counter()
    for item in task.items:
        found = _CLAIM.fullmatch(item.text)
        assert found is not None
        holds = _OPERATORS[found[2]](int(found[1]), int(found[3])) == int(found[4])
        assert task.gold.columns["correct"][item.uid] == (0 if holds else 1)
        operators[found[2]] += 1
    assert min(operators.values()) > 200
    assert Counter(task.gold.columns["correct"].values()) == {0: 500, 1: 500}
    assert all(one.group == other.group for one, other in zip(task.items[::2], task.items[1::2], strict=True))


def test_arithmetic_length_hardly_tells_the_correct_claim() -> None:
    rows = make_claims(2000, 0).rows
    longer = Counter(
        len(one.values["claim"]) - len(other.values["claim"]) for one, other in zip(rows[::2], rows[1::2], strict=True)
    )
    assert longer[0] > 1800


def test_arithmetic_makes_400_claims_without_a_limit() -> None:
    assert len(_load().items) == 400
    assert len(_load(7).items) == 6


def test_arithmetic_claims_follow_the_shuffle_seed() -> None:
    one = _load(seed=1).items
    assert [item.text for item in one] == [item.text for item in _load(seed=1).items]
    assert {item.text for item in _load(seed=7).items} != {item.text for item in one}


def test_arithmetic_more_claims_keep_the_first() -> None:
    assert make_claims(50, 3).rows == make_claims(80, 3).rows[:100]


@pytest.mark.parametrize("limit", [1, 200_001])
def test_arithmetic_refuses_limit_out_of_bounds(limit: int) -> None:
    with pytest.raises(UserError) as caught:
        _load(limit)
    assert str(caught.value) == f'task.limit = {limit} does not fit dataset "arithmetic"; give 2 to 200000 claims.'
