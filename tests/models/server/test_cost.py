"""What a call costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.reply import Price
from icm_tui.models.server.cost import cost_of, most_cost, price_of, read_price
from icm_tui.models.server.reply.types import Usage
from icm_tui.profile.schema import Model


def test_cost_is_what_server_says():
    assert cost_of(Usage(100, 1, 0, 0.25), Price(1.0, 1.0)) == 0.25
    assert cost_of(Usage(100, 1, 0, 0.0), Price(1.0, 1.0)) == 0.0


def test_cost_is_tokens_at_price():
    assert cost_of(Usage(1_000_000, 1_000_000), Price(2.0, 8.0)) == pytest.approx(10.0)
    assert cost_of(Usage(1_000_000, 0, 500_000), Price(2.0, 8.0, 0.2)) == pytest.approx(1.1)
    assert cost_of(Usage(1_000_000, 0, 500_000), Price(2.0, 8.0)) == pytest.approx(2.0)


def test_cost_stays_unknown():
    assert cost_of(Usage(100, 1), None) is None
    assert cost_of(Usage(None, 1), Price(1.0, 1.0)) is None
    assert most_cost(1000, 1, None) is None


def test_price_of_profile_comes_first():
    offered = Price(5.0, 6.0, 0.5)
    assert price_of(Model(), offered) == offered
    assert price_of(Model(), None) is None
    assert price_of(Model(price_in=1.0), offered) == Price(1.0, 0.0)


@given(st.integers(1, 10**6), st.integers(1, 4096), st.floats(0, 100), st.floats(0, 100))
def test_most_cost_is_never_below_cost(characters, tokens_out, price_in, price_out):
    price = Price(price_in, price_out)
    most = most_cost(characters, tokens_out, price)
    paid = cost_of(Usage(int(characters / 2.5), tokens_out), price)
    assert most is not None
    assert paid is not None
    assert paid <= most + 1e-12


def test_read_price_is_for_a_million_tokens() -> None:
    assert read_price({"prompt": "0.00000015", "completion": "0.0000006", "input_cache_read": "0.000000075"}) == Price(
        0.15, 0.6, 0.075
    )
    assert read_price({"prompt": "-1", "completion": "-1"}) is None
    assert read_price({"prompt": "1e999", "completion": "nan"}) is None
    assert read_price(None) is None


@given(st.none() | st.text() | st.floats() | st.integers() | st.lists(st.text(), max_size=2))
def test_read_price_takes_anything(price: object) -> None:
    read_price({"prompt": price, "completion": price, "input_cache_read": price})
    read_price(price)
