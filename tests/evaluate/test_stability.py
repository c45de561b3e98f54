"""How alike the labels of several runs are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from icm_tui.evaluate.stability import stability

_ROWS = st.integers(1, 40).flatmap(
    lambda n: st.lists(
        st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=n, max_size=n), min_size=2, max_size=4
    )
)


@given(_ROWS)
def test_adjusted_rand_equals_scikit_learn(labels: list[list[int | None]]) -> None:
    found = stability(labels, n_labels=4, fixed_names=False)
    for pair in found.pairs:
        both = [
            (one, other)
            for one, other in zip(labels[pair.one], labels[pair.other], strict=True)
            if one is not None and other is not None
        ]
        assert pair.n == len(both)
        if not both:
            assert pair.adjusted_rand is None
            continue
        expected = adjusted_rand_score([one for one, _ in both], [other for _, other in both])
        assert pair.adjusted_rand == pytest.approx(expected, rel=0, abs=1e-9)


@given(_ROWS, st.permutations(range(4)))
def test_stability_ignores_names_of_sets(labels: list[list[int | None]], names: list[int]) -> None:
    base = stability(labels, n_labels=4, fixed_names=False)
    renamed = [[None if label is None else names[label] for label in labels[0]], *labels[1:]]
    again = stability(renamed, n_labels=4, fixed_names=False)
    assert [pair.adjusted_rand for pair in again.pairs] == pytest.approx([pair.adjusted_rand for pair in base.pairs])
    assert [pair.matched for pair in again.pairs] == pytest.approx([pair.matched for pair in base.pairs])


def test_stability_matches_swapped_names() -> None:
    found = stability([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, None]], n_labels=2, fixed_names=False)
    assert (found.adjusted_rand, found.matched) == (1.0, 1.0)
    assert found.labels[0] == found.labels[1] or found.labels[1] == [0, 0, 1, 1]
    assert found.share == [1.0] * 4
    assert found.flipping() == []


def test_stability_keeps_fixed_names() -> None:
    found = stability([[0, 0, 1, 1], [1, 1, 0, 0]], n_labels=2, fixed_names=True)
    assert found.matched == 0.0
    assert found.adjusted_rand == 1.0


def test_flipping_sorts_by_disagreement() -> None:
    rows = [[0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1], [0, 1, 0, 1]]
    found = stability(rows, n_labels=2, fixed_names=True)
    assert found.consensus == [0, 0, 0, 1]
    assert found.share == [1.0, 0.6, 0.6, 1.0]
    assert found.flipping() == [1, 2]


def test_stability_gives_unlabelled_items_no_share() -> None:
    found = stability([[None, 0], [None, 1]], n_labels=2, fixed_names=True)
    assert found.share[0] is None
    assert found.consensus[0] == -1
    assert found.flipping() == [1]


def test_adjusted_rand_of_chance_is_about_zero() -> None:
    draw = np.random.default_rng(0)
    rows = draw.integers(0, 2, (5, 2000)).tolist()
    found = stability(rows, n_labels=2, fixed_names=False)
    assert found.adjusted_rand == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("rows", [[[0, 1]], [], [[0], [0, 1]]])
def test_stability_refuses_single_run(rows: list[list[int | None]]) -> None:
    with pytest.raises(ValueError, match="two or more runs of the same items"):
        stability(rows, n_labels=2, fixed_names=False)
