"""Which labels a rule allows, and how many pairs of them break it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.rules import RULES, Demand, assignments, nearest, parts_of
from tests.domain.allowed import allowed, rules_for


@given(st.data())
def test_assignments_are_those_that_the_rule_allows(data: st.DataObject) -> None:
    n_labels = data.draw(st.sampled_from((2, 3)))
    rule = data.draw(st.sampled_from(rules_for(n_labels)))
    keys = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    parts = parts_of(range(len(keys)), keys)
    expected = {
        labels for labels in product(range(n_labels), repeat=len(keys)) if allowed(rule, keys, labels, n_labels)
    }
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
def test_broken_is_zero_exactly_if_the_rule_allows(data: st.DataObject) -> None:
    n_labels = data.draw(st.sampled_from((2, 3)))
    rule = data.draw(st.sampled_from(rules_for(n_labels)))
    keys = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    labels = data.draw(st.tuples(*[st.integers(0, n_labels - 1)] * len(keys)))
    assert (RULES[rule].broken(labels, keys, n_labels) == 0) == allowed(rule, keys, labels, n_labels)


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
    assert RULES[rule].broken(labels, keys, 2) == count


def test_parts_of_keep_order_of_first_appearance() -> None:
    assert parts_of([3, 1, 2, 0], [0, 5, 9, 9]) == [[0, 2], [1], [3]]


@given(st.data())
def test_unbroken_assignments_break_nothing(data: st.DataObject) -> None:
    n_labels = data.draw(st.sampled_from((2, 3)))
    rule = RULES[data.draw(st.sampled_from(rules_for(n_labels, penalties=True)))]
    n_keys = data.draw(st.integers(1, 5))
    unbroken = rule.unbroken(n_keys, n_labels)
    for labels in product(range(n_labels), repeat=n_keys):
        fine = unbroken is None or labels in unbroken
        assert (rule.broken(labels, range(n_keys), n_labels) == 0) == fine


@given(st.data())
def test_nearest_agrees_with_pins_and_breaks_nothing(data: st.DataObject) -> None:
    n_labels = data.draw(st.sampled_from((2, 3)))
    rule = data.draw(st.sampled_from(rules_for(n_labels, penalties=True)))
    keys = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    label = st.integers(0, n_labels - 1)
    labels = data.draw(st.lists(st.none() | label, min_size=len(keys), max_size=len(keys)))
    pinned = data.draw(st.dictionaries(st.integers(0, len(keys) - 1), label))
    found = nearest(rule, labels, keys, n_labels, pinned)
    if found is None:
        whole = product(range(n_labels), repeat=len(keys))
        agreeing = (each for each in whole if all(each[place] == label for place, label in pinned.items()))
        assert all(RULES[rule].broken(each, keys, n_labels) for each in agreeing)
        return
    assert RULES[rule].broken(found, keys, n_labels) == 0
    assert [place for place, after in enumerate(found) if after is None] == [
        place for place, before in enumerate(labels) if before is None and place not in pinned
    ]
    assert all(found[place] == label for place, label in pinned.items())


@pytest.mark.parametrize("rule", RULES)
def test_sentence_and_words_of_every_rule(rule: str) -> None:
    for n_keys in (1, 2, 3):
        for repeated in (True, False):
            sentence = RULES[rule].sentence("A", n_keys, 2, repeated=repeated)
            assert sentence.startswith(f"Rule {rule}")
            assert sentence.endswith(".")
        for same_key in (True, False):
            demand = RULES[rule].demand(n_keys, 2, same_key=same_key)
            assert "{" not in demand.words("A")
            assert RULES[rule].binds(n_keys, 2) or demand is Demand.FREE
