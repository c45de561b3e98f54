from hypothesis import given
from hypothesis import strategies as st

from icm_tui.tui.run.panes import PANES, Pane, layout

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 120))


def test_layout_of_a_large_screen_has_all_panes_and_the_item() -> None:
    for columns, rows in ((120, 40), (200, 60)):
        found = layout(columns, rows, "labels", zoomed=False)
        assert found.panes == set(PANES)
        assert found.item
        assert found.gold_rows >= 3


def test_layout_of_80_by_24_has_one_pane_or_log_and_item() -> None:
    assert layout(80, 24, "labels", zoomed=False).panes == {"labels"}
    log = layout(80, 24, "log", zoomed=False)
    assert log.panes == {"log"}
    assert log.item


def test_layout_drops_panes_in_a_known_order() -> None:
    # Narrower: the profile goes. Lower: the accuracy's detail, the item, the thought, the log.
    assert "profile" not in layout(100, 40, "labels", zoomed=False).panes
    lower = [layout(120, rows, "labels", zoomed=False) for rows in (40, 34, 31, 28, 24)]
    assert [("accuracy" in found.panes, found.item, found.explanation, "log" in found.panes) for found in lower] == [
        (True, True, True, True),
        (False, True, True, True),
        (False, False, True, True),
        (False, False, False, True),
        (False, False, False, False),
    ]


@given(size=SIZES, chosen=st.sampled_from(PANES), zoomed=st.booleans())
def test_layout_keeps_the_chosen_pane_unless_one_line_fits(size: tuple[int, int], chosen: Pane, zoomed: bool) -> None:
    found = layout(*size, chosen, zoomed=zoomed)
    assert found.one_line == (size[0] < 60 or size[1] < 16)
    assert (chosen in found.panes) != found.one_line
    if zoomed and not found.one_line:
        assert found.panes == {chosen}


@given(size=SIZES, chosen=st.sampled_from(PANES), more=SIZES)
def test_layout_with_more_room_never_shows_less(size: tuple[int, int], chosen: Pane, more: tuple[int, int]) -> None:
    small = layout(*size, chosen, zoomed=False)
    large = layout(size[0] + more[0], size[1] + more[1], chosen, zoomed=False)
    assert small.panes <= large.panes
