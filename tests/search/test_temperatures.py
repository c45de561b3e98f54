"""The temperatures of the three schedules."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.search.icm.phase import geometric
from icm_tui.search.replications.sequential import exponential, logarithmic


@given(st.integers(2, 5000), st.floats(0.01, 10), st.floats(0.01, 10))
def test_geometric_cools_by_one_factor(places: int, initial: float, final: float) -> None:
    assert geometric(0, places, initial, final) == pytest.approx(initial)
    assert geometric(places - 1, places, initial, final) == pytest.approx(final)
    factor = geometric(1, places, initial, final) / initial
    middle = places // 2
    assert geometric(middle, places, initial, final) == pytest.approx(initial * factor**middle, rel=1e-6)


def test_geometric_of_one_place_is_final() -> None:
    assert geometric(0, 1, 0.2, 0.05) == 0.05


@pytest.mark.parametrize("n", [1, 2, 10, 3000])
def test_logarithmic_and_exponential_are_as_published(n: int) -> None:
    assert logarithmic(n, 10.0, 0.01, 2.0) == pytest.approx(max(0.01, 10.0 / (1 + 2.0 * math.log(n))))
    assert exponential(n, 10.0, 0.01, 0.99) == pytest.approx(max(0.01, 10.0 * 0.99**n))


def test_logarithmic_and_exponential_stop_at_final() -> None:
    assert logarithmic(10**9, 1.0, 0.5, 3.0) == 0.5
    assert exponential(10**4, 1.0, 0.5, 0.9) == 0.5
