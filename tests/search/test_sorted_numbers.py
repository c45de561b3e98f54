"""Sorted numbers against a plain sorted list."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.search.sorted_numbers import SortedNumbers

NUMBERS = st.lists(st.integers(-40, 40) | st.integers(-(2**63), 2**63 - 1), max_size=120)


@settings(max_examples=200)
@given(numbers=NUMBERS, most=st.integers(2, 12))
def test_numbers_stay_in_order(numbers: list[int], most: int) -> None:
    """Each number in turn is put in, or taken out where it is there."""
    found = SortedNumbers(most)
    expected: set[int] = set()
    for number in numbers:
        if number in expected:
            found.remove(number)
        else:
            found.add(number)
        expected ^= {number}
        assert len(found) == len(expected)
        assert [found[rank] for rank in range(len(found))] == sorted(expected)


@pytest.mark.parametrize("step", [1, 7, 4999])
def test_chunks_stay_few_while_numbers_wander(step: int) -> None:
    """Certainties move from sweep to sweep: chunks that empty are joined, so looking up a rank stays cheap."""
    numbers = SortedNumbers(64)
    values = [place * step % 5000 for place in range(5000)]
    for value in values:
        numbers.add(value)
    for sweep in range(1, 6):
        for value in values:
            numbers.remove(value + (sweep - 1) * 5000)
            numbers.add(value + sweep * 5000)
    assert [numbers[rank] for rank in (0, 2500, 4999)] == [25000, 27500, 29999]
    assert len(numbers._chunks) < 4 * 5000 / 64
    for value in values:
        numbers.remove(value + 25000)
    assert len(numbers) == 0
    numbers.add(3)
    assert numbers[0] == 3
