"""Section 7's vectors are section 2's numbers where there are two labels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.scores import centred, entropy_bits, log_softmax, logsumexp, margin, mean_scores
from icm_tui.search.icm.labelling import as_asked

nats = st.floats(-30, 0, allow_nan=False).map(lambda value: round(value, 6))
scores = st.lists(st.floats(-20, 20, allow_nan=False), min_size=2, max_size=5)


def log_sigma(value: float) -> float:
    return -math.log1p(math.exp(-value)) if value > 0 else value - math.log1p(math.exp(value))


@given(
    answer=st.tuples(nats, nats),
    bias=st.floats(-3, 3, allow_nan=False),
    n_a=st.integers(0, 10**6),
    n_b=st.integers(0, 10**6),
)
def test_log_softmax_of_two_labels_is_log_sigma(answer: tuple[float, float], bias: float, n_a: int, n_b: int) -> None:
    """v = log sigma(a (raw - b - e)), e = 0.5 ln((nA + 1) / (nB + 1))."""
    raw = answer[0] - answer[1]
    e = 0.5 * math.log((n_a + 1) / (n_b + 1))
    shares = [0.5 * math.log(n_a + 1), 0.5 * math.log(n_b + 1)]
    label_bias = (bias / 2, -bias / 2)
    found = log_softmax([s - b - c for s, b, c in zip(centred(answer), label_bias, shares, strict=True)])
    assert found == pytest.approx((log_sigma(raw - bias - e), log_sigma(-(raw - bias - e))), abs=1e-9)
    less_label_bias = [s - b for s, b in zip(centred(answer), label_bias, strict=True)]
    assert margin(less_label_bias) == pytest.approx(abs(raw - bias), abs=1e-9)


@given(st.lists(st.tuples(st.sampled_from((0, 1)), st.floats(-10, 10)), min_size=1, max_size=50))
def test_as_asked_is_mean_log2_sigma_plus_entropy(pairs: list[tuple[int, float]]) -> None:
    share = sum(label == 0 for label, _ in pairs) / len(pairs)
    entropy = -sum(p * math.log2(p) for p in (share, 1 - share) if p)
    signs = [(1 - 2 * label) * raw for label, raw in pairs]
    expected = sum(map(log_sigma, signs)) / math.log(2) / len(pairs) + entropy
    found = as_asked([(label, (raw / 2, -raw / 2)) for label, raw in pairs], 2)
    assert found == pytest.approx(expected, abs=2e-6)
    assert found <= 1.0


def test_as_asked_is_zero_without_answers() -> None:
    assert as_asked([], 2) == 0.0


@given(st.lists(nats, min_size=2, max_size=6))
def test_centred_scores_sum_to_0_and_keep_differences(answer: list[float]) -> None:
    found = centred(answer)
    assert sum(found) == pytest.approx(0.0, abs=1e-9)
    assert [value - found[0] for value in found] == pytest.approx([value - answer[0] for value in answer], abs=1e-6)


@given(st.lists(nats, min_size=2, max_size=6), st.lists(st.floats(-4e-7, 4e-7), min_size=6, max_size=6))
def test_centred_ignores_what_a_journal_rounds_away(answer: list[float], noise: list[float]) -> None:
    assert centred([value + more for value, more in zip(answer, noise, strict=False)]) == centred(answer)


@given(scores)
def test_log_softmax_is_the_plain_formula(values: list[float]) -> None:
    expected = np.array(values) - np.log(np.exp(np.array(values) - max(values)).sum()) - max(values)
    assert log_softmax(values) == pytest.approx(expected.tolist(), abs=1e-9)
    assert logsumexp(values) == pytest.approx(math.log(math.fsum(map(math.exp, values))), abs=1e-9)


def test_log_softmax_of_large_scores_does_not_overflow() -> None:
    assert log_softmax((800.0, -800.0)) == (0.0, -1600.0)
    assert log_softmax((0.0, 800.0, -800.0)) == pytest.approx((-800.0, 0.0, -1600.0))


@given(scores)
def test_margin_is_the_lead_of_the_best(values: list[float]) -> None:
    first, second = sorted(values, reverse=True)[:2]
    assert margin(values) == pytest.approx(first - second)


@given(st.lists(st.tuples(*[st.floats(-9, 9)] * 3), min_size=1, max_size=5))
def test_mean_scores_is_a_mean_a_label(vectors: list[tuple[float, ...]]) -> None:
    assert mean_scores(vectors) == pytest.approx(np.mean(vectors, axis=0).tolist(), abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "bits"), [((5, 5), 1.0), ((7, 0), 0.0), ((1, 1, 1, 1), 2.0), ((3, 1), 0.811278), ((0, 4, 4), 1.0)]
)
def test_entropy_bits_of_counts(counts: tuple[int, ...], bits: float) -> None:
    assert entropy_bits(counts) == pytest.approx(bits, abs=1e-6)
