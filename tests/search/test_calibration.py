"""The calibration of contexts against its formula, from scratch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.search.icm.bias import Calibration

SCORES = st.tuples(*[st.floats(-5, 5, allow_nan=False)] * 2)


@given(st.lists(st.lists(SCORES, max_size=5), max_size=80))
def test_calibration_follows_the_formula(contexts: list[list[tuple[float, float]]]) -> None:
    """s (mean of the context - mean of the last 64 context means), s = vL / (vL + vW), vL = max(0, variance - vW)."""
    calibration = Calibration(2)
    seen: list[np.ndarray] = []
    within: list[np.ndarray] = []
    for context in contexts:
        found = calibration.offsets(context)
        if not context:
            assert found == (0.0, 0.0)
            continue
        scores = np.array(context)
        seen.append(scores.mean(axis=0))
        if len(context) > 1:
            within.append(scores.var(axis=0, ddof=1) / len(context))
        last = np.array(seen[-64:])
        if len(last) < 2 or not within:
            assert found == (0.0, 0.0)
            continue
        v_within = np.mean(within[-64:], axis=0)
        v_list = np.maximum(0.0, last.var(axis=0, ddof=1) - v_within)
        for label in range(2):
            both = v_list[label] + v_within[label]
            share = v_list[label] / both if both > 1e-15 else 0.0
            expected = share * (last[-1] - last.mean(axis=0))[label]
            assert found[label] == pytest.approx(expected, abs=1e-6)


def offsets_of_contexts(biases: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The offsets in log-odds of contexts with 16 questions of unit noise, each context with a bias of its own."""
    calibration = Calibration(2)
    found = []
    for label_bias in biases.tolist():
        raws = (label_bias + generator.normal(size=16)).tolist()
        first, second = calibration.offsets([(raw / 2, -raw / 2) for raw in raws])
        found.append(first - second)
    return np.array(found)


def test_calibration_takes_off_the_bias_of_contexts() -> None:
    generator = np.random.default_rng(0)
    biases = generator.normal(0.0, 2.0, 200)
    slope, _ = np.polyfit(biases[64:], offsets_of_contexts(biases, generator)[64:], 1)
    assert slope == pytest.approx(1.0, abs=0.1)


def test_calibration_leaves_what_chance_brings() -> None:
    generator = np.random.default_rng(0)
    found = offsets_of_contexts(np.zeros(200), generator)[64:]
    assert found.std() < 0.5 * 16**-0.5


def test_calibration_offsets_of_two_labels_are_opposite() -> None:
    """For two labels the vector form is the scalar one: what one label loses, the other gains."""
    calibration = Calibration(2)
    generator = np.random.default_rng(1)
    for _ in range(10):
        raws = generator.normal(generator.normal(), 1.0, 4).tolist()
        first, second = calibration.offsets([(raw / 2, -raw / 2) for raw in raws])
        assert first == pytest.approx(-second)
