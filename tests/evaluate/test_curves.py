"""Agreement over decisions equals the agreement of the labels at each decision."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.items import Gold, Item
from icm_tui.evaluate.agreement import agreement
from icm_tui.evaluate.curves import MOST_POINTS, AgreementCurves

_ITEMS = [Item(str(number), "text") for number in range(6)]
_GOLD = Gold(
    {"one": {"0": 0, "1": 1, "2": 0, "5": 1}, "three": {"1": 2, "3": 0, "4": 1}, "none": {}},
    {"one": ["yes", "no"], "three": ["a", "b", "c"], "none": ["yes", "no"]},
)
_MOVES = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 2))), max_size=40)


@given(_MOVES, st.booleans())
def test_curve_point_is_agreement_at_that_decision(moves: list[tuple[int, int | None]], fixed_names: bool) -> None:
    curves = AgreementCurves(_ITEMS, _GOLD, fixed_names=fixed_names, n_labels=3)
    labels: list[int | None] = [None] * 6
    expected: dict[str, list[tuple[int, float]]] = {name: [] for name in _GOLD.columns}
    for n, (item, after) in enumerate(moves):
        curves.add(n, [(item, labels[item], after)])
        labels[item] = after
        found = np.array([-1 if label is None else label for label in labels])
        for name, values in _GOLD.columns.items():
            gold = np.array([values.get(one.uid, -1) for one in _ITEMS])
            now = agreement(found, gold, np.arange(6), classes=3, fixed_names=fixed_names, seed=0).accuracy
            assert curves.now(name) == (None if now is None else pytest.approx(now))
            if now is not None:
                expected[name].append((n, pytest.approx(now)))
    for name, points in expected.items():
        assert curves.curve(name) == points


def test_curve_is_thinned_and_ends_with_present() -> None:
    curves = AgreementCurves(_ITEMS, _GOLD, fixed_names=True)
    for n in range(10_001):
        curves.add(n, [(0, None if not n else (n - 1) % 2, n % 2)])
    points = curves.curve("one")
    assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS
    assert points[-1] == (10_000, 1.0)
    steps = {later - earlier for (earlier, _), (later, _) in pairwise(points[:-1])}
    assert len(steps) == 1


def test_curve_without_gold_is_empty() -> None:
    curves = AgreementCurves(_ITEMS, Gold(), fixed_names=False)
    curves.add(0, [(0, None, 1)])
    assert curves.columns == []
