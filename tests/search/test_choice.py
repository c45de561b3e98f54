"""Choices against a softmax over every allowed assignment, by enumeration."""

import math
from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.rules import MOST_ASSIGNMENTS
from icm_tui.domain.scores import log_softmax
from icm_tui.search.choice import choose
from tests.domain.allowed import allowed, rules_for

GRID = 400


@st.composite
def groups(draw: st.DrawFn) -> dict[str, object]:
    """The arguments of `choose`, except for the draw."""
    n_labels = draw(st.sampled_from((2, 3)))
    size = draw(st.integers(1, 5 if n_labels == 2 else 4))
    scores = st.tuples(*[st.floats(-3, 3, allow_nan=False)] * n_labels)
    values = [draw(st.none() | scores) for _ in range(size)]
    return {
        "values": [None if value is None else log_softmax(value) for value in values],
        "answered": [value is not None or draw(st.booleans()) for value in values],
        "keys": [draw(st.integers(0, 3)) for _ in range(size)],
        "rule": draw(st.sampled_from(rules_for(n_labels))),
        "n_labels": n_labels,
        "temperature": draw(st.sampled_from((0.05, 0.2, 1.0, 10.0))),
    }


def shares(
    values: list[tuple[float, ...] | None],
    answered: list[bool],
    keys: list[int],
    rule: str,
    n_labels: int,
    temperature: float,
) -> tuple[dict[tuple[int | None, ...], float], dict[tuple[int | None, ...], float], float]:
    """The probability and value of every assignment as shown, and the logarithm of the normaliser."""
    value_of: dict[tuple[int, ...], float] = {}
    for labels in product(range(n_labels), repeat=len(values)):
        if allowed(rule, keys, labels, n_labels):
            value_of[labels] = sum(
                value[label] for value, label in zip(values, labels, strict=True) if value is not None
            )
    top = max(value_of.values())
    total = math.fsum(math.exp((value - top) / temperature) for value in value_of.values())
    probability: dict[tuple[int | None, ...], float] = defaultdict(float)
    shown_value: dict[tuple[int | None, ...], float] = {}
    for labels, value in value_of.items():
        seen = tuple(label if ever else None for label, ever in zip(labels, answered, strict=True))
        probability[seen] += math.exp((value - top) / temperature) / total
        shown_value[seen] = value
    return probability, shown_value, math.log(total) + top / temperature


@settings(max_examples=120)
@given(group=groups())
def test_choose_draws_by_softmax_over_allowed_assignments(group: dict) -> None:
    """Draws on an even grid fall on every assignment as often as its probability says."""
    probability, _, _ = shares(**group)
    drawn: dict[tuple[int | None, ...], int] = defaultdict(int)
    for step in range(GRID):
        choice = choose(**group, draw=(step + 0.5) / GRID)
        drawn[tuple(choice.options[choice.chosen].labels)] += 1
    intervals = group["n_labels"] ** group["answered"].count(False)
    assert set(drawn) <= set(probability)
    for labels, expected in probability.items():
        assert drawn[labels] / GRID == pytest.approx(expected, abs=intervals / GRID)


@given(group=groups(), draw=st.floats(0, 1, exclude_max=True))
def test_choose_lists_the_best_eight_and_the_drawn_option(group: dict, draw: float) -> None:
    _, value, log_normaliser = shares(**group)
    choice = choose(**group, draw=draw)
    assert choice.log_normaliser == pytest.approx(log_normaliser, abs=1e-5)
    for option in choice.options:
        assert option.value == pytest.approx(value[tuple(option.labels)], abs=1e-6)
    best = choice.options[:8]
    assert [option.value for option in best] == sorted((option.value for option in best), reverse=True)
    assert best[0].value == pytest.approx(max(value.values()), abs=1e-6)
    assert len(choice.options) <= 9
    assert choice.chosen < len(choice.options)
    assert all(
        (label is None) != ever
        for option in choice.options
        for label, ever in zip(option.labels, group["answered"], strict=True)
    )


@given(group=groups(), draw=st.floats(1e-9, 1, exclude_max=True))
def test_choose_takes_the_best_assignment_when_cold(group: dict, draw: float) -> None:
    probability, value, _ = shares(**group)
    ranked = sorted(value.values(), reverse=True)
    choice = choose(**{**group, "temperature": 1e-3}, draw=draw)
    found = value[tuple(choice.options[choice.chosen].labels)]
    assert found == pytest.approx(ranked[0], abs=0.05)
    assert len(probability) == len(value)


def test_choose_gives_unanswered_members_no_weight() -> None:
    """In a pair the answered member decides; the other follows by the rule, or stays unlabelled if never answered."""
    sure = log_softmax((4.0, -4.0))
    for answered, expected in ((True, [0, 1]), (False, [0, None])):
        choice = choose([sure, None], [True, answered], [0, 1], "opposite", 2, 0.05, 0.5)
        assert choice.options[choice.chosen].labels == expected
        assert [option.value for option in choice.options] == pytest.approx([sure[0], sure[1]], abs=1e-6)


@pytest.mark.parametrize(("n_labels", "size"), [(2, 13), (3, 8), (2, 40)])
def test_choose_draws_large_groups_member_by_member(n_labels: int, size: int) -> None:
    """Members are then independent: each has a softmax of its own, and one number draws them all."""
    assert n_labels**size > MOST_ASSIGNMENTS
    temperature = 0.7
    values = [log_softmax([0.3 * ((member + label) % 5) for label in range(n_labels)]) for member in range(size)]
    group = (values, [True] * size, list(range(size)), "none", n_labels, temperature)
    rounds = 4000
    counts = [[0] * n_labels for _ in range(size)]
    for step in range(rounds):
        choice = choose(*group, draw=(step * 0.6180339887498949) % 1.0)
        for member, label in enumerate(choice.options[choice.chosen].labels):
            counts[member][label] += 1
    normaliser = 0.0
    for value, count in zip(values, counts, strict=True):
        weights = [math.exp(one / temperature) for one in value]
        normaliser += math.log(sum(weights))
        for weight, times in zip(weights, count, strict=True):
            assert times / rounds == pytest.approx(weight / sum(weights), abs=0.05)
    assert choice.log_normaliser == pytest.approx(normaliser, abs=1e-5)
    assert choice.options[0].value == pytest.approx(sum(max(value) for value in values), abs=1e-5)


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
def test_choose_leaves_unanswered_members_of_large_groups(draw: float) -> None:
    values = [log_softmax((1.0, 0.0)) if member % 2 else None for member in range(30)]
    answered = [member % 4 != 0 for member in range(30)]
    choice = choose(values, answered, list(range(30)), "none", 2, 0.2, draw)
    for option in choice.options:
        assert [label is not None for label in option.labels] == answered
