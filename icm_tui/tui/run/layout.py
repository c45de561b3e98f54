"""Which panes a run's screen shows at a size: as room shrinks, they go in a known order."""

from typing import Literal

import msgspec

Pane = Literal["profile", "log", "labels", "accuracy"]
PANES: tuple[Pane, ...] = ("profile", "log", "labels", "accuracy")

SMALLEST = (60, 16)
_PROFILE_FROM = 110
_DETAIL_FROM, _ITEM_FROM, _EXPLANATION_FROM, _LOG_FROM = 36, 33, 30, 27
_MANY_COLUMNS_FROM = 50


class Layout(msgspec.Struct, frozen=True):
    """What is shown. `item` is the strip about the item under the cursor, `thought` the one with the latest reasoning;
    `gold_rows` is how many lines the accuracy pane has for gold columns; `one_line` means that nothing else fits."""

    panes: frozenset[Pane] = frozenset()
    item: bool = False
    explanation: bool = False
    gold_rows: int = 0
    one_line: bool = False


def layout(columns: int, rows: int, chosen: Pane, *, zoomed: bool) -> Layout:
    """The panes at a size, with the one that was chosen. First the profile goes, then the accuracy's detail, then the
    item, then the thought, then the log; what is not there is a key away."""
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        return Layout(one_line=True)
    if zoomed or rows < _LOG_FROM:
        gold_rows = rows if chosen == "accuracy" else 0
        return Layout(frozenset({chosen}), item=chosen == "log", explanation=chosen == "log", gold_rows=gold_rows)
    panes: set[Pane] = {"labels", "log"}
    if columns >= _PROFILE_FROM:
        panes.add("profile")
    if rows >= _DETAIL_FROM:
        panes.add("accuracy")
    gold_rows = (6 if rows >= _MANY_COLUMNS_FROM else 3) if "accuracy" in panes else 0
    if chosen not in panes:
        return Layout(frozenset({chosen}), item=False, gold_rows=rows if chosen == "accuracy" else 0)
    return Layout(frozenset(panes), item=rows >= _ITEM_FROM, explanation=rows >= _EXPLANATION_FROM, gold_rows=gold_rows)
