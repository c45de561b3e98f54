"""Tables of comparisons in any width."""

import pytest

from icm_tui.evaluate.report import Row
from icm_tui.tui.accuracy import pages
from icm_tui.tui.text.cells import width

_FOUND = Row(
    method="found",
    accuracy=0.941,
    balanced=0.94,
    ci95=(0.888, 0.978),
    n=272,
    calls=272,
    tokens=123456,
    cost_usd=1.25,
    seconds=12.3,
)
_EMPTY = Row(
    design="scrambled",
    shots=64,
    accuracy=None,
    balanced=None,
    ci95=None,
    n=0,
    calls=0,
    tokens=0,
    cost_usd=0.0,
    seconds=0.0,
)


def _text(row: Row, cells: int) -> str:
    return "".join(span.text for span in pages.comparison_row(row, cells))


@pytest.mark.parametrize("cells", range(0, 140, 7))
@pytest.mark.parametrize("row", [_FOUND, _EMPTY])
def test_no_row_is_wider_than_the_screen(row: Row, cells: int) -> None:
    assert width(pages.comparison_row(row, cells)) <= cells
    assert width(pages.comparison_heading(cells)) <= cells


def test_columns_are_shown_whole_or_not_at_all() -> None:
    wide, narrow = _text(_FOUND, 120), _text(_FOUND, 80)
    assert ".94  ███████████▎    .89 .98       .94    272     272    123456    $1.25     12.3" in wide
    assert narrow.endswith("272")
    assert wide.startswith(narrow)
    heading = "".join(span.text for span in pages.comparison_heading(80))
    assert heading.endswith("calls")
    assert len(heading) == len(narrow)


def test_nothing_to_say_is_a_dash_and_no_bar() -> None:
    assert _text(_EMPTY, 120).split() == ["scrambled", "64", "\u2013", "\u2013", "0", "0", "0", "0.0"]
