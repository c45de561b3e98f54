"""How many requests may be in flight: the effects of refusals and latency."""

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.models.server.concurrency import ConcurrencyLimit

_outcomes = st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=300)


def _tell(concurrency_limit: ConcurrencyLimit, outcomes: list[float | None]) -> None:
    for outcome in outcomes:
        if outcome is None:
            concurrency_limit.refused()
        else:
            concurrency_limit.answered(outcome)


@given(st.integers(-2, 1024), _outcomes)
def test_concurrency_stays_within_bounds(most: int, outcomes: list[float | None]) -> None:
    concurrency_limit = ConcurrencyLimit(most)
    assert concurrency_limit.allowed == concurrency_limit.most == max(1, most)
    for outcome in outcomes:
        _tell(concurrency_limit, [outcome])
        assert 1 <= concurrency_limit.allowed <= concurrency_limit.most


@given(st.integers(1, 64), _outcomes)
def test_concurrency_recovers_after_refusals(most: int, outcomes: list[float | None]) -> None:
    concurrency_limit = ConcurrencyLimit(most)
    _tell(concurrency_limit, outcomes)
    _tell(concurrency_limit, [0.3] * (max(32, most) * (most + 140)))
    assert concurrency_limit.allowed == most


@given(st.integers(1, 64), st.integers(0, 64))
def test_concurrency_falls_with_share_refused(most: int, refused: int) -> None:
    def after(refused: int) -> int:
        concurrency_limit = ConcurrencyLimit(most)
        _tell(concurrency_limit, [None] * refused + [0.3] * (most - refused))
        return concurrency_limit.allowed

    refused = min(refused, most)
    assert after(refused) <= after(max(0, refused - 1))
    # One burst is one signal: refusing a whole round halves, no more.
    assert after(refused) >= most // 2


@given(st.integers(1, 64), _outcomes)
def test_concurrency_never_grows_by_refusal(most: int, outcomes: list[float | None]) -> None:
    answered, refused = ConcurrencyLimit(most), ConcurrencyLimit(most)
    for concurrency_limit in (answered, refused):
        _tell(concurrency_limit, outcomes)
    # Compared with an answer whose latency says nothing.
    answered.answered(math.nan)
    refused.refused()
    assert refused.allowed <= answered.allowed


def test_concurrency_is_one_if_all_is_refused() -> None:
    concurrency_limit = ConcurrencyLimit(32)
    _tell(concurrency_limit, [None] * 32)
    assert concurrency_limit.allowed == 16
    _tell(concurrency_limit, [None] * 24)
    assert concurrency_limit.allowed == 4
    _tell(concurrency_limit, [None] * 20)
    assert concurrency_limit.allowed == 1


def test_concurrency_loses_little_by_rare_refusals() -> None:
    concurrency_limit, chance = ConcurrencyLimit(32), random.Random(1)
    lowest = 32
    for _ in range(5000):
        _tell(concurrency_limit, [None if chance.random() < 0.08 else 0.3])
        lowest = min(lowest, concurrency_limit.allowed)
    assert lowest >= 12


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 64), st.floats(0.001, 30))
def test_concurrency_ignores_ordinary_latency_spread(seed: int, most: int, typical: float) -> None:
    concurrency_limit, chance = ConcurrencyLimit(most), random.Random(seed)
    for _ in range(4000):
        concurrency_limit.answered(typical * math.exp(chance.gauss(0, 0.3)))
        assert concurrency_limit.allowed == most


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 64))
def test_concurrency_ignores_few_slow_answers(seed: int, most: int) -> None:
    concurrency_limit, chance = ConcurrencyLimit(most), random.Random(seed)
    for _ in range(2000):
        concurrency_limit.answered(3.0 if chance.random() < 0.1 else 0.3)
        assert concurrency_limit.allowed == most


def test_concurrency_falls_to_half_by_lasting_latency() -> None:
    concurrency_limit = ConcurrencyLimit(32)
    _tell(concurrency_limit, [0.3] * 64)
    _tell(concurrency_limit, [1.2] * 64)
    assert concurrency_limit.allowed == 32
    _tell(concurrency_limit, [1.2] * 32)
    assert concurrency_limit.allowed == 28
    _tell(concurrency_limit, [1.2] * 32 * 20)
    assert concurrency_limit.allowed == 16
    _tell(concurrency_limit, [0.3] * 32 * 40)
    assert concurrency_limit.allowed == 32


def test_concurrency_latency_never_goes_below_half() -> None:
    concurrency_limit = ConcurrencyLimit(32)
    _tell(concurrency_limit, [0.3] * 32 + [None] * 64 * 2)
    allowed = concurrency_limit.allowed
    assert allowed < 16
    _tell(concurrency_limit, [3.0] * 32 * 5)
    assert concurrency_limit.allowed >= allowed


def test_concurrency_follows_changed_maximum() -> None:
    concurrency_limit = ConcurrencyLimit(8)
    concurrency_limit.most = 32
    assert concurrency_limit.allowed == 32
    _tell(concurrency_limit, [None] * 32)
    concurrency_limit.most = 64
    assert concurrency_limit.allowed == 16
    concurrency_limit.most = 4
    assert (concurrency_limit.allowed, concurrency_limit.most) == (4, 4)
    concurrency_limit.most = 0
    assert (concurrency_limit.allowed, concurrency_limit.most) == (1, 1)
