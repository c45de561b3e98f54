"""Features against a plain dense computation of the formula."""

import math
import re
from collections import Counter
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.models.embedded.features import GRAIN, PLACES, Features

WORDS = ("the", "sun", "is", "cold", "warm", "Moon", "naïve", "42", "x", "under_score", "don't")
texts_and_groups = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.text(max_size=12),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=14,
)


def features_of(text: str) -> Counter[bytes]:
    """Word 1-2-grams and in-word character 3-5-grams of ^w$, each kind with its own mark."""
    words = re.findall(r"\w+", text.lower())
    found: Counter[bytes] = Counter()
    for word in words:
        found[b"w" + word.encode()] += 1
        for size in (3, 4, 5):
            for start in range(len(word) + 3 - size):
                found[b"c" + f"^{word}$"[start : start + size].encode()] += 1
    for place in range(len(words) - 1):
        found[f"p{words[place]} {words[place + 1]}".encode()] += 1
    return found


def dense(texts: list[str], groups: list[int]) -> np.ndarray:
    """Every item's row: weighted, of unit length, hashed, less the mean of its group and the mean of all."""
    counts = [features_of(text) for text in texts]
    frequency = Counter(feature for count in counts for feature in count)
    rows = np.zeros((len(texts), PLACES))
    for row, count in zip(rows, counts, strict=True):
        weights = {
            feature: (1 + math.log(times)) * math.log((1 + len(texts)) / (1 + frequency[feature]))
            for feature, times in count.items()
            if frequency[feature] >= 2
        }
        length = math.sqrt(sum(weight**2 for weight in weights.values()))
        for feature, weight in weights.items() if length else ():
            code = crc32(feature)
            row[code % PLACES] += (-1 if code >> 31 else 1) * weight / length
    for group in set(groups):
        members = [item for item, number in enumerate(groups) if number == group]
        if len(members) > 1:
            rows[members] -= rows[members].mean(axis=0)
    return rows - rows.mean(axis=0)


def rows_of(features: Features, count: int) -> np.ndarray:
    """The rows before the mean of all is subtracted."""
    rows = np.zeros((count, PLACES))
    for item in range(count):
        places, values = features.row(item)
        assert len(set(places.tolist())) == len(places)
        rows[item, places] = values
    return rows


@settings(max_examples=100)
@given(texts_and_groups)
def test_features_follow_formula(items: list[tuple[str, int]]) -> None:
    texts, groups = [text for text, _ in items], [group for _, group in items]
    features = Features(texts, groups)
    found = rows_of(features, len(texts)) - features.mean
    assert np.abs(found - dense(texts, groups)).max() <= 2 / GRAIN


@settings(max_examples=60)
@given(texts_and_groups)
def test_features_lie_on_grain_with_group_means_zero(items: list[tuple[str, int]]) -> None:
    texts, groups = [text for text, _ in items], [group for _, group in items]
    features = Features(texts, groups)
    rows = rows_of(features, len(texts))
    for values in (rows, features.mean):
        assert (values * GRAIN == np.rint(values * GRAIN)).all()
    for group in set(groups):
        members = [item for item, number in enumerate(groups) if number == group]
        if len(members) > 1:
            assert np.abs(rows[members].mean(axis=0)).max() <= 0.5 / GRAIN
    assert features.mean_square == float((features.mean * features.mean).sum())


def test_features_sum_exactly_in_any_order() -> None:
    texts = [f"{WORDS[i % 11]} {WORDS[i % 7]} {WORDS[i * i % 5]} {i % 13}" for i in range(300)]
    features = Features(texts, [i // 2 for i in range(300)])
    rows = rows_of(features, 300)
    order = np.random.default_rng(0).permutation(300)
    total = np.zeros(PLACES)
    for item in order:
        total += rows[item]
    assert (total == rows.sum(axis=0)).all()
    product = sum((total[place] * rows[0, place] for place in range(PLACES)), start=0.0)
    assert product == float(total @ rows[0])


@pytest.mark.parametrize("text", ["", "  \n", "!?", "unique"])
def test_features_of_weightless_text_are_zero(text: str) -> None:
    features = Features(["the sun is warm", "the sun is cold", text, "a moon"], [0, 1, 2, 3])
    places, values = features.row(2)
    assert len(places) == len(values) == 0


def test_features_in_every_text_weigh_nothing() -> None:
    features = Features(["warm", "warm", "warm"], [0, 1, 2])
    assert not rows_of(features, 3).any()


def test_features_ignore_case_and_unique_words() -> None:
    features = Features(["Warm Sun", "warm sun", "cold moon zzz", "cold moon"], [0, 1, 2, 3])
    rows = rows_of(features, 4)
    assert (rows[0] == rows[1]).all()
    assert (rows[2] == rows[3]).all()
    assert np.abs(rows[0]).max() > 0


def test_features_do_not_depend_on_item_order() -> None:
    texts = [f"{WORDS[i % 11]} {WORDS[i % 7]} {i % 3}" for i in range(40)]
    groups = [i // 2 for i in range(40)]
    order = np.random.default_rng(1).permutation(40).tolist()
    plain = rows_of(Features(texts, groups), 40)
    shuffled = rows_of(Features([texts[i] for i in order], [groups[i] for i in order]), 40)
    assert np.abs(plain[order] - shuffled).max() <= 1 / GRAIN
