"""Which labels a rule allows, and how many pairs of them break it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.rules import assignments, broken, parts_of
from tests.search.problems import RULES
from tests.search.reference import allowed


@given(st.data())
def test_assignments_are_those_the_rule_allows(data: st.DataObject) -> None:
    n_labels = data.draw(st.sampled_from((2, 3)))
    rule = data.draw(st.sampled_from(RULES[n_labels]))
    keys = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    parts = parts_of(range(len(keys)), keys)
    expected = {labels for labels in product(range(n_labels), repeat=len(keys)) if allowed(rule, keys, labels)}
    found = assignments(rule, len(parts), n_labels)
    if found is None:
        assert len(expected) == n_labels ** len(keys)
        return
    spread = set()
    for assignment in found:
        labels = [0] * len(keys)
        for part, label in zip(parts, assignment, strict=True):
            for place in part:
                labels[place] = label
        spread.add(tuple(labels))
    assert spread == expected
    assert len(found) == len(expected)


@given(st.data())
def test_nothing_is_broken_exactly_where_the_rule_allows_it(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES[2]))
    keys = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    labels = data.draw(st.tuples(*[st.sampled_from((0, 1))] * len(keys)))
    assert (broken(rule, labels, keys) == 0) == allowed(rule, keys, labels)


@pytest.mark.parametrize(
    ("rule", "labels", "keys", "count"),
    [
        ("opposite", [0, 0], [1, 2], 1),
        ("opposite", [0, 1], [1, 2], 0),
        ("opposite", [0, 1, 1, 1], [1, 1, 2, 2], 3),
        ("opposite", [0, 0, 0], [1, 2, 3], 0),
        ("opposite", [0, 1], [1, 1], 0),
        ("one_true", [0, 0, 0], [1, 2, 3], 3),
        ("one_true", [1, 1, 1], [1, 2, 3], 0),
        ("one_true", [0, 1, 1], [1, 1, 2], 1),
        ("same", [0, 1, 0], [1, 2, 3], 2),
        ("paper", [0, 0, 1], [1, 2, 2], 2),
        ("none", [0, 1], [1, 1], 0),
        ("opposite", [0, None], [1, 2], 0),
        ("same", [None, None, 1], [1, 1, 1], 0),
    ],
)
def test_broken_counts_pairs(rule: str, labels: list[int | None], keys: list[int], count: int) -> None:
    assert broken(rule, labels, keys) == count


def test_parts_keep_the_order_of_first_appearance() -> None:
    assert parts_of([3, 1, 2, 0], [0, 5, 9, 9]) == [[0, 2], [1], [3]]
