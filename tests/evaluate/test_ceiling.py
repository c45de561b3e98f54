"""The supervised ceiling: both forms agree, groups stay apart."""

import numpy as np
import pytest

from icm_tui.evaluate.ceiling import ceiling


def texts_of(count: int) -> tuple[list[str], list[int], dict[int, int]]:
    generator = np.random.default_rng(3)
    words = ["kind", "cruel"]
    gold = {item: int(generator.integers(2)) for item in range(count)}
    texts = [f"a {words[gold[item]]} act number {int(generator.integers(1000))}" for item in range(count)]
    return texts, [item // 2 for item in range(count)], gold


def test_ceiling_learns_separable_gold() -> None:
    texts, groups, gold = texts_of(80)
    found = ceiling(texts, groups, gold, classes=2, centred=False, seed=1)
    assert found == gold


def test_ceiling_does_not_predict_random_gold() -> None:
    texts, groups, _ = texts_of(200)
    by_group = {item: int(np.random.default_rng(groups[item]).integers(2)) for item in range(200)}
    found = ceiling(texts, groups, by_group, classes=2, centred=False, seed=1)
    assert 0.3 < sum(found[item] == by_group[item] for item in found) / 200 < 0.7


@pytest.mark.slow
def test_ceiling_forms_agree() -> None:
    texts, groups, gold = texts_of(60)
    gold |= {7: 0, 8: 1}
    by_kernel = ceiling(texts, groups, gold, classes=2, centred=False, seed=1)
    assert ceiling(texts, groups, gold, classes=2, centred=False, seed=1, most_by_kernel=0) == by_kernel


def test_ceiling_of_one_group_is_empty() -> None:
    assert ceiling(["a", "b"], [0, 0], {0: 0, 1: 1}, classes=2, centred=True, seed=1) == {}
