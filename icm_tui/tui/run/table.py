"""Which items the label table shows, and in which order."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from icm_tui.tui.run.filters import Term, matcher
from icm_tui.tui.run.view import RunView

Sort = Literal["number", "flips", "p", "latest", "seeds"]
SORTS: tuple[Sort, ...] = ("number", "flips", "p", "latest", "seeds")

# A table that follows a run is put in order anew in slices of time, and so seldom that it costs a small part of it.
_SHARE = 0.04
_SOONEST = 1.0
_SLICE = 0.008
_ITEMS_A_LOOK = 1024
# Items without a probability come last.
_NO_P = 2.0


class Table:
    """The rows of the label table: item numbers, filtered by `terms` and sorted by `sort`.

    Sorted by flips the most come first, by p the least certain, by "latest" those changed last, by seeds those that
    the runs under other seeds agree on least.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` (seconds) spaces the updates of a run under way."""
        self.terms: tuple[Term, ...] = ()
        self.typed = ""
        self.sort: Sort = "number"
        self.rows: Sequence[int] = range(0)
        self._clock = clock
        self._due = 0.0
        self._spent = 0.0
        self._made_of = (-1, -1, -1)
        self._making: Iterator[None] | None = None

    def show(self, view: RunView, terms: tuple[Term, ...], typed: str, sort: Sort) -> None:
        """Filter and sort in another way, at once."""
        self.terms, self.typed, self.sort = terms, typed, sort
        self._making = None
        self._made_of = _state(view)
        for _ in self._make(view):
            pass

    def update(self, view: RunView) -> None:
        """Put the rows in order again, a slice of time at each call, when the run went on and it is time."""
        now = self._clock()
        if self._making is None:
            if self._made_of == _state(view) or now < self._due:
                return
            self._made_of = _state(view)
            self._making, self._spent = self._make(view), 0.0
        for _ in self._making:
            if self._clock() - now >= _SLICE:
                self._spent += self._clock() - now
                return
        self._spent += self._clock() - now
        self._making = None
        self._due = self._clock() + max(_SOONEST, self._spent / _SHARE)

    def place_of(self, item: int) -> int | None:
        """The row an item stands in, or None if the filter leaves it out."""
        try:
            return self.rows.index(item)
        except ValueError:
            return None

    def _make(self, view: RunView) -> Iterator[None]:
        """Put the rows in order; yields now and then."""
        count = len(view.items)
        if not self.terms and self.sort == "number":
            self.rows = range(count)
            return
        fits = matcher(self.terms, view)
        kept: list[int] = []
        for start in range(0, count, _ITEMS_A_LOOK):
            kept += filter(fits, range(start, min(count, start + _ITEMS_A_LOOK)))
            yield
        if self.sort != "number":
            key = _key(self.sort, view)
            keys: dict[int, float] = {}
            runs: list[int] = []
            for start in range(0, len(kept), _ITEMS_A_LOOK):
                run = kept[start : start + _ITEMS_A_LOOK]
                keys |= zip(run, map(key, run), strict=True)
                runs += sorted(run, key=keys.__getitem__)
                yield
            # What is left is to merge runs that are in order, which takes a tenth of the time of sorting it all.
            kept = sorted(runs, key=keys.__getitem__)
        self.rows = kept


def _key(sort: Sort, view: RunView) -> Callable[[int], float]:
    chain, label_bias = view.shown, view.label_bias
    match sort:
        case "flips":
            flips = chain.flips
            return lambda item: -flips[item]
        case "p":
            return lambda item: _NO_P if (p := chain.p(item, label_bias)) is None else p
        case "latest":
            last_n = chain.history.last_n
            return lambda item: -last_n(item)
        case "seeds":
            return lambda item: _NO_P if (share := view.seed_agreement(item)) is None else share
        case "number":
            return lambda item: item


def _state(view: RunView) -> tuple[int, int, int]:
    """What tells whether a run went on."""
    return view.last_seq, view.chain, len(view.items)
