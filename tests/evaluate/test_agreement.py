"""Agreement against formulas written out by hand, by brute force, and by exact probability."""

import itertools
import math
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.evaluate.agreement import (
    Agreement,
    Ints,
    agreement,
    as_fork,
    balanced_accuracy,
    best_assignments,
    majority_answer,
    matthews,
)


def ints(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


def alone(many: int) -> Ints:
    return np.arange(many, dtype=np.int64)


def measure(
    found: list[int], gold: list[int], groups: list[int] | None = None, classes: int = 2, fixed_names: bool = False
) -> Agreement:
    numbers = alone(len(found)) if groups is None else ints(*groups)
    return agreement(ints(*found), ints(*gold), numbers, classes=classes, fixed_names=fixed_names, seed=7)


def named_table(found: list[int], gold: list[int], classes: int) -> Ints:
    table = np.zeros((classes, classes), dtype=np.int64)
    for label, truth in zip(found, gold, strict=True):
        table[label, truth] += 1
    return table


_pairs = st.integers(2, 4).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.tuples(st.integers(-1, classes - 1), st.integers(-1, classes - 1), st.integers(0, 5)), min_size=1),
    )
)


# The single measures


@pytest.mark.parametrize(
    ("found", "gold", "classes", "balanced", "mcc"),
    [
        # recalls 2/3 and 1; by the formula for four cells (2*1 - 0*1) / sqrt(2 * 3 * 1 * 2)
        ([0, 0, 1, 1], [0, 0, 0, 1], 2, 5 / 6, 2 / math.sqrt(12)),
        ([0, 1, 0, 1], [0, 0, 1, 1], 2, 0.5, 0.0),
        ([1, 1, 0, 0], [0, 0, 1, 1], 2, 0.0, -1.0),
        # one class in gold: only its recall counts, and no correlation exists
        ([0, 1, 1, 1], [1, 1, 1, 1], 2, 0.75, 0.0),
        # one label throughout
        ([0, 0, 0, 0], [0, 1, 0, 1], 2, 0.5, 0.0),
        # three classes: recalls 1, 1/2, 1/3; c=3, s=6, p=(4,1,1), t=(1,2,3): (18-9)/sqrt((36-18)(36-14))
        ([0, 0, 1, 0, 0, 2], [0, 1, 1, 2, 2, 2], 3, 11 / 18, 9 / math.sqrt(18 * 22)),
    ],
)
def test_agreement_of_hand_made_cases(
    found: list[int], gold: list[int], classes: int, balanced: float, mcc: float
) -> None:
    table = named_table(found, gold, classes)
    assert balanced_accuracy(table) == pytest.approx(balanced)
    assert matthews(table) == pytest.approx(mcc)


_numbers = st.integers(2, 4).flatmap(lambda classes: st.just(st.integers(0, classes - 1)))


@given(_numbers.flatmap(lambda number: st.lists(st.tuples(number, number), min_size=1)))
def test_agreement_equals_definitions(pairs: list[tuple[int, int]]) -> None:
    found, gold = [label for label, _ in pairs], [truth for _, truth in pairs]
    table = named_table(found, gold, 4)
    recalls = [
        sum(label == truth == each for label, truth in pairs) / gold.count(each) for each in range(4) if each in gold
    ]
    assert balanced_accuracy(table) == pytest.approx(sum(recalls) / len(recalls))
    # Matthews' correlation as a covariance of indicator matrices, centred by column.
    one_hot = np.eye(4)
    x, y = one_hot[found] - one_hot[found].mean(axis=0), one_hot[gold] - one_hot[gold].mean(axis=0)
    spread = math.sqrt((x * x).sum() * (y * y).sum())
    assert matthews(table) == pytest.approx((x * y).sum() / spread if spread > 1e-9 else 0.0, abs=1e-9)


def test_matthews_does_not_overflow() -> None:
    assert matthews(np.array([[10**6, 0], [0, 10**6]], dtype=np.int64)) == 1.0


# What counts as missing


def test_agreement_counts_missing_gold_apart() -> None:
    result = measure([0, 0, 1, -1, 1, 0], [0, 0, 1, 1, -1, -1])
    assert (result.n, result.accuracy, result.coverage) == (3, 1.0, 0.75)
    assert result.majority == 0.5


@pytest.mark.parametrize(
    ("found", "gold", "expected"),
    [
        ([0, 1], [-1, -1], Agreement(n=0, missing=2, as_fork=1.0)),
        ([-1, -1], [0, 0], Agreement(n=0, coverage=0.0, majority=1.0)),
        ([0, -1], [-1, 1], Agreement(n=0, missing=1, coverage=0.0, majority=1.0, as_fork=1.0)),
        ([], [], Agreement(n=0)),
    ],
)
def test_agreement_of_nothing_is_none(found: list[int], gold: list[int], expected: Agreement) -> None:
    assert measure(found, gold) == expected


def test_agreement_of_one_item_has_no_interval() -> None:
    result = measure([1], [0])
    assert (result.accuracy, result.flipped, result.ci95) == (1.0, True, None)
    assert (result.balanced_accuracy, result.mcc) == (1.0, 0.0)


# Naming


def test_agreement_takes_better_of_two_namings() -> None:
    found, gold = [1, 1, 1, 0, 0], [0, 0, 0, 1, 0]
    flipped = measure(found, gold)
    assert (flipped.accuracy, flipped.flipped, flipped.naming) == (0.8, True, [1, 0])
    assert flipped.mcc is not None
    assert flipped.mcc > 0
    plain = measure([1 - label for label in found], gold)
    assert (plain.accuracy, plain.flipped, plain.naming) == (0.8, False, [0, 1])
    assert (plain.mcc, plain.balanced_accuracy, plain.ci95) == (flipped.mcc, flipped.balanced_accuracy, flipped.ci95)


def test_agreement_never_flips_fixed_names() -> None:
    result = measure([1, 1, 0, 0], [0, 0, 1, 0], fixed_names=True)
    assert (result.accuracy, result.flipped, result.naming) == (0.25, False, [0, 1])
    assert result.ci95 is not None
    assert result.ci95[0] == 0.0
    three = measure([1, 2, 0], [0, 1, 2], classes=3, fixed_names=True)
    assert (three.accuracy, three.naming, three.flipped) == (0.0, [0, 1, 2], None)


def test_agreement_keeps_names_in_a_tie() -> None:
    assert measure([0, 1, 0, 1], [0, 0, 1, 1]).flipped is False


def test_agreement_names_more_classes_by_mean_recall() -> None:
    # Class 2 is rare: one item of it outweighs three of class 0 in mean recall, not in accuracy.
    found = [0] * 6 + [1] * 3 + [2, 2, 1]
    gold = [1] * 6 + [0] * 6
    gold[-1] = 2
    result = measure(found, gold, classes=3)
    # recalls by hand: 0->1 gives 1; then 1->2 gives 1 and 2->0 gives 2/5, against 1->0 3/5 and 2->2 0
    assert result.naming == [1, 2, 0]
    assert result.flipped is None
    assert result.accuracy == pytest.approx(9 / 12)
    assert result.balanced_accuracy == pytest.approx((1 + 1 + 2 / 5) / 3)


@given(
    st.integers(1, 5).flatmap(
        lambda size: st.lists(
            st.lists(st.lists(st.integers(0, 4), min_size=size, max_size=size), min_size=size, max_size=size),
            min_size=1,
            max_size=3,
        )
    )
)
def test_best_assignments_equal_brute_force(problems: list[list[list[int]]]) -> None:
    values = np.array(problems, dtype=np.float64)
    size = values.shape[1]
    for table, assigned in zip(values, best_assignments(values).tolist(), strict=True):
        sums = {
            columns: sum(table[row, column] for row, column in enumerate(columns))
            for columns in itertools.permutations(range(size))
        }
        best = max(sums.values())
        assert assigned == list(next(columns for columns, value in sums.items() if value == best))


@pytest.mark.parametrize("order", list(itertools.permutations([0.1, 0.2, 0.3, 0.7])))
def test_best_assignments_treat_rounding_as_tie(order: tuple[float, ...]) -> None:
    # Each column is worth the same in every row, so all assignments tie; only the order of the sums differs.
    values = np.tile(np.array(order), (4, 1))[None]
    assert best_assignments(values).tolist() == [[0, 1, 2, 3]]


def test_best_assignments_refuse_too_many_classes() -> None:
    with pytest.raises(ValueError, match="at most 12"):
        best_assignments(np.zeros((1, 13, 13)))


@given(_pairs, st.randoms())
def test_agreement_ignores_order_and_names(drawn: tuple[int, list[tuple[int, int, int]]], shuffler: Random) -> None:
    """Neither the order of items, nor the numbers of groups, nor the names of labels change what is measured."""
    classes, rows = drawn
    base = measure([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], classes)
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    again = measure([r[0] for r in shuffled], [r[1] for r in shuffled], [90 - 7 * r[2] for r in shuffled], classes)
    assert again == base
    renamed = [(label + 1) % classes if label >= 0 else -1 for label, _, _ in rows]
    other = measure(renamed, [r[1] for r in rows], [r[2] for r in rows], classes)
    assert other.n == base.n
    assert other.balanced_accuracy == pytest.approx(base.balanced_accuracy) or classes == 2
    assert other.accuracy == base.accuracy or classes > 2


@given(_pairs)
def test_agreement_figures_stay_in_range(drawn: tuple[int, list[tuple[int, int, int]]]) -> None:
    classes, rows = drawn
    result = measure([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], classes)
    for share in (result.coverage, result.accuracy, result.balanced_accuracy, result.majority, result.as_fork):
        assert share is None or 0.0 <= share <= 1.0
    assert result.mcc is None or -1.0 <= result.mcc <= 1.0 + 1e-12
    if classes == 2 and result.accuracy is not None:
        assert result.accuracy >= 0.5
    if result.ci95 is not None:
        assert 0.0 <= result.ci95[0] <= result.ci95[1] <= 1.0


# The interval


def _binomial_quantiles(n: int, p: float, value: Callable[[float], float]) -> tuple[float, float]:
    """The 2.5 and 97.5 percent quantiles of value(X / n), X binomial: what infinitely many resamples would give."""
    chances: dict[float, float] = {}
    for x in range(n + 1):
        share = value(x / n)
        chances[share] = chances.get(share, 0.0) + math.comb(n, x) * p**x * (1 - p) ** (n - x)
    ends, total = [], 0.0
    for share in sorted(chances):
        before, total = total, total + chances[share]
        ends += [share for level in (0.025, 0.975) if before < level <= total]
    return ends[0], ends[1]


def test_interval_of_single_items_is_binomial() -> None:
    result = measure([0] * 160 + [1] * 40, [0] * 200)
    assert result.ci95 == pytest.approx(_binomial_quantiles(200, 0.8, lambda share: share), abs=0.011)


def test_interval_resamples_whole_groups() -> None:
    # 50 groups of 4 that are right or wrong together: as wide as 50 items, not 200.
    found = [0] * 160 + [1] * 40
    result = measure(found, [0] * 200, [row // 4 for row in range(200)])
    assert result.ci95 == pytest.approx(_binomial_quantiles(50, 0.8, lambda share: share), abs=0.021)


def test_interval_chooses_naming_in_each_resample() -> None:
    # Labels at chance: the better of two namings is never below one half, and neither is its interval.
    found, gold = [0, 0, 1, 1] * 25, [0, 1, 0, 1] * 25
    result = measure(found, gold)
    assert result.ci95 == pytest.approx(_binomial_quantiles(100, 0.5, lambda share: max(share, 1 - share)), abs=0.011)
    fixed = measure(found, gold, fixed_names=True)
    assert fixed.ci95 == pytest.approx(_binomial_quantiles(100, 0.5, lambda share: share), abs=0.011)


def test_interval_equals_plain_bootstrap() -> None:
    generator = np.random.default_rng(3)
    classes, many = 3, 300
    gold = generator.integers(0, classes, many)
    found = np.where(generator.random(many) < 0.6, (gold + 1) % classes, generator.integers(0, classes, many))
    groups = generator.integers(0, 60, many)
    result = agreement(found, gold, groups, classes=classes, fixed_names=False, seed=1)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    accuracies = []
    for _ in range(1000):
        rows = np.concatenate([members[g] for g in generator.integers(0, len(members), len(members))])
        accuracies.append(
            agreement(found[rows], gold[rows], np.zeros_like(rows), classes=classes, fixed_names=False, seed=0).accuracy
        )
    assert result.ci95 == pytest.approx(np.quantile(np.array(accuracies, dtype=float), [0.025, 0.975]), abs=0.02)


# The fork's formula, and the answer that most of a group give


def test_as_fork_measures_sparseness() -> None:
    gold = ints(*([0] * 5 + [1] * 5 + [-1] * 90))
    perfect = ints(*([0] * 5 + [1] * 5 + [0] * 90))
    blank = ints(*([0] * 100))
    assert as_fork(perfect, gold) == pytest.approx(0.90)
    assert as_fork(1 - perfect, gold) == 1.0
    assert as_fork(blank, gold) == pytest.approx(0.95)
    assert measure(perfect.tolist(), gold.tolist()).as_fork == pytest.approx(0.90)


def test_as_fork_leaves_unlabelled_items_out() -> None:
    assert as_fork(ints(0, 1, -1, -1), ints(0, -1, 1, 1)) == 0.5
    assert as_fork(ints(-1), ints(0)) is None
    assert measure([0, 1, 2], [0, 1, 2], classes=3).as_fork is None


def test_majority_answer_of_hand_made_cases() -> None:
    groups = ints(0, 0, 0, 0, 1, 1, 1, 1)
    keys = ints(5, 5, 6, 7, 1, 1, 2, 2)
    gold = ints(0, 0, 1, 1, 0, 0, 1, 1)
    # group 0 right throughout; group 1 ties, so each of its items is right half the time
    assert majority_answer(gold, keys, groups) == pytest.approx(6 / 8)
    assert majority_answer(gold[::-1], keys[::-1], groups[::-1]) == pytest.approx(6 / 8)
    assert majority_answer(ints(-1, 0, -1, -1, -1, -1, -1, 1), keys, groups) == pytest.approx(0.75)
    assert majority_answer(gold, ints(0, 1, 2, 3, 0, 1, 2, 3), groups) is None
    assert majority_answer(gold, ints(*[-1] * 8), groups) is None
    assert majority_answer(ints(*[-1] * 8), keys, groups) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3), st.integers(-1, 1)), min_size=1, max_size=8))
def test_majority_answer_is_mean_over_all_orders(rows: list[tuple[int, int, int]]) -> None:
    groups, keys, gold = (ints(*column) for column in zip(*rows, strict=True))
    scores = []
    voted: dict[int, list[int]] = {}
    for group, key, _ in rows:
        if key >= 0:
            voted.setdefault(group, []).append(key)
    tied = {
        group: [key for key in sorted(set(votes)) if votes.count(key) == max(map(votes.count, votes))]
        for group, votes in voted.items()
    }
    for winners in itertools.product(*tied.values()):
        winner = dict(zip(tied, winners, strict=True))
        right = [(key == winner[group]) == (truth == 0) for group, key, truth in rows if key >= 0 and truth >= 0]
        if right:
            scores.append(sum(right) / len(right))
    if all(len(set(votes)) == len(votes) for votes in voted.values()) or not scores:
        assert majority_answer(gold, keys, groups) is None
    else:
        assert majority_answer(gold, keys, groups) == pytest.approx(sum(scores) / len(scores))
