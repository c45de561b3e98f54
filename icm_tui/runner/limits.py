"""Why a run may not ask on: a limit that the next call would pass, or answers that fail alike. Without input or
output."""

import re
from typing import Literal, NamedTuple

from icm_tui.profile.schema import Run
from icm_tui.run_dir.tally import Tally
from icm_tui.text import one_line

# A question of the search, a re-ask, or an explanation.
Kind = Literal["call", "reask", "explanation"]

# What a first explanation costs without a price: it reads what a call reads, and a token written costs some ten times
# a token read.
_CALLS_AN_EXPLANATION = 100

# Sums of floating-point numbers may be off by this, in USD.
_ROUNDING = 1e-9

# So many items in a row refused alike pause a run.
_ALIKE_IN_A_ROW = 8


class _UnderWay(NamedTuple):
    kind: Kind
    expected: float | None


class Limits:
    """Says whether another call fits into the limits of `run`, by the counts of `tally` and by what is under way.

    A call is assumed to cost what is expected of it at most (USD, None if that is not known) or what the dearest of its
    kind has cost so far, whichever is more. So a budget is never passed unless a call costs more than that. If nothing
    is known of a cost, one call is let through alone to see what it costs; a first explanation is assumed to cost a
    hundred calls.
    """

    def __init__(self, run: Run, tally: Tally) -> None:
        self.run = run
        self._tally = tally
        self._under_way: dict[str, _UnderWay] = {}
        self._calls = 0

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._under_way)

    def begin(self, name: str, kind: Kind, expected: float | None) -> None:
        """Count a call as under way until `end` is called with the same name."""
        self._under_way[name] = _UnderWay(kind, expected)
        self._calls += kind == "call"

    def end(self, name: str) -> None:
        """Count a call no longer: it is over, and its cost is in the tally."""
        over = self._under_way.pop(name, None)
        self._calls -= over is not None and over.kind == "call"

    def why_no_call(self, expected: float | None, now: float) -> str:
        """Why another question of the search may not be sent at `now` (unix seconds); empty if it may be."""
        limits, tally = self.run, self._tally
        if limits.max_seconds is not None and tally.seconds_at(now) + tally.seconds_a_call > limits.max_seconds:
            return _passed("max_seconds", limits.max_seconds, "SECONDS")
        if limits.max_calls is not None and tally.calls + self._calls >= limits.max_calls:
            return f"run.max_calls = {limits.max_calls} is reached; raise it with --set run.max_calls=CALLS"
        return self.why_no_money("call", expected)

    def why_no_money(self, kind: Kind, expected: float | None) -> str:
        """Why the budget has no room for another call of a kind; empty if it has."""
        budget = self.run.budget_usd
        if budget is None:
            return ""
        tally = self._tally
        most = self._most(kind, expected)
        if most is None and tally.unpriced:
            return (
                "the cost of a call is not known, so run.budget_usd cannot be kept: set model.price_in and "
                "model.price_out"
            )
        costs = [self._most(*call) for call in self._under_way.values()]
        known = [cost for cost in (*costs, most) if cost is not None]
        if len(known) == len(costs) + 1:
            fits = tally.cost_usd + sum(known) <= budget + _ROUNDING
        else:
            fits = most is None and not costs and tally.cost_usd < budget
        return "" if fits else _passed("budget_usd", budget, "USD")

    def _most(self, kind: Kind, expected: float | None) -> float | None:
        """The most that a call may cost, in USD; None if nothing is known of it."""
        tally = self._tally
        dearest = tally.dearest_explanation if kind == "explanation" else tally.dearest_call
        known = [cost for cost in (expected, dearest) if cost is not None]
        if not known and tally.dearest_call is not None:
            return tally.dearest_call * _CALLS_AN_EXPLANATION
        return max(known, default=None)


class Refusals:
    """Counts the items that were refused in a row for the same reason; numbers in the reason do not count. A wrong
    setting looks like that, an unsuitable item does not."""

    def __init__(self) -> None:
        self._words = ""
        self._count = 0

    def note(self, failed: str | None) -> str:
        """Take note of why an item was refused, or None for one that was answered. Returns why the run should pause, or
        an empty text; then the count begins anew."""
        words = "" if failed is None else re.sub(r"\d+", "0", failed)
        self._count = 0 if failed is None else self._count + 1 if words == self._words else 1
        self._words = words
        if failed is None or self._count < _ALIKE_IN_A_ROW:
            return ""
        self._count = 0
        return f"{_ALIKE_IN_A_ROW} items in a row were refused alike: {one_line(failed).rstrip('.')}"


def _passed(name: str, limit: float, unit: str) -> str:
    return f"run.{name} = {limit:g} would be passed by the next call; raise it with --set run.{name}={unit}"
