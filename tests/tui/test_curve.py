import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.tui.text.numbers import Curve, sparkline

NUMBERS = st.floats(-1e6, 1e6)


@given(values=st.lists(NUMBERS, max_size=511))
def test_curve_keeps_every_value_while_short(values: list[float]) -> None:
    curve = Curve()
    for value in values:
        curve.add(value)
    assert curve.points() == values
    assert curve.last == (values[-1] if values else None)


@pytest.mark.parametrize("count", [511, 512, 513, 1024, 5000, 100_000])
def test_curve_thins_many_values_to_means_of_equal_parts(count: int) -> None:
    curve = Curve()
    for value in range(count):
        curve.add(value)
    points = curve.points()
    assert 256 <= len(points) <= 512
    assert curve.last == count - 1
    a_point = 1
    while count / a_point >= 512:
        a_point *= 2
    means = [
        sum(range(count)[at : at + a_point]) / len(range(count)[at : at + a_point]) for at in range(0, count, a_point)
    ]
    assert points == pytest.approx(means)


@given(values=st.lists(NUMBERS, max_size=60), cells=st.integers(-1, 30))
def test_sparkline_has_at_most_its_cells(values: list[float], cells: int) -> None:
    assert len(sparkline(values, cells)) == max(0, min(cells, len(values)))


@given(values=st.lists(NUMBERS, min_size=2, max_size=20))
def test_sparkline_gives_a_higher_value_no_lower_block(values: list[float]) -> None:
    blocks = sparkline(values, 20)
    for value, block in zip(values, blocks, strict=True):
        for other, other_block in zip(values, blocks, strict=True):
            assert block <= other_block or value > other


def test_sparkline_reaches_from_the_lowest_to_the_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5, 5], 8) == "▁▁▁"
    assert sparkline([0, 2, 4, 6], 2) == "▁█"
    assert sparkline([0.5], 8, 0.0, 1.0) == "▅"
    assert sparkline([-3, 9], 8, 0.0, 1.0) == "▁█"
    assert sparkline([], 8) == ""
