"""Answers that fail alike, one after the other: a wrong setting looks like that, an item does not."""

import re

from icm_tui.text import one_line

_IN_A_ROW = 8


class Refusals:
    """Counts the items that were refused in a row with the same words; numbers in them do not count."""

    def __init__(self) -> None:
        self._words = ""
        self._count = 0

    def note(self, failed: str | None) -> str:
        """Tell why an item was refused, None of one that was answered. Returns why the run should pause, or an empty
        text; then the count begins anew."""
        words = "" if failed is None else re.sub(r"\d+", "0", failed)
        self._count = 0 if failed is None else self._count + 1 if words == self._words else 1
        self._words = words
        if failed is None or self._count < _IN_A_ROW:
            return ""
        self._count = 0
        return f"{_IN_A_ROW} items in a row were refused alike: {one_line(failed).rstrip('.')}"
