"""A run's limits, kept before they are passed: what was spent, what is under way, and whether the next call fits.

Pure: it is told of calls begun and ended, and reads the counts of the run.
"""

from typing import Literal, NamedTuple

from icm_tui.profile.schema import Run
from icm_tui.run_dir.tally import Tally

# A question of the search, one that a person had asked again, or an explanation.
Kind = Literal["call", "reask", "explanation"]

# The first explanation if no price is known: it reads what a call reads, and a token that it writes costs some ten
# times one that is read.
_CALLS_AN_EXPLANATION = 100

# A budget may be missed by what sums of floating-point numbers are off, in USD.
_ROUNDING = 1e-9


class _UnderWay(NamedTuple):
    kind: Kind
    expected: float | None


class Limits:
    """Whether another call fits into the limits of `run`, by the counts of `tally` and by what is under way.

    A call is taken to cost the most that was expected of it (USD, None when that is not known) or what the dearest of
    its kind has cost so far, whichever is more. So a budget is never passed as long as no call costs more than that.
    If nothing is known of a cost, one call is let through alone, to see what it costs; a first explanation is taken
    to cost a hundred calls.
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
        """Something is under way from now on."""
        self._under_way[name] = _UnderWay(kind, expected)
        self._calls += kind == "call"

    def end(self, name: str) -> None:
        """It is over, and what it cost is counted in the tally."""
        over = self._under_way.pop(name, None)
        self._calls -= over is not None and over.kind == "call"

    def why_no_call(self, expected: float | None, now: float) -> str:
        """Why another question of the search may not be sent at `now` (unix seconds); empty if it may."""
        limits, tally = self.run, self._tally
        if limits.max_seconds is not None and tally.seconds_at(now) + tally.seconds_a_call > limits.max_seconds:
            return _passed("max_seconds", limits.max_seconds, "SECONDS")
        if limits.max_calls is not None and tally.calls + self._calls >= limits.max_calls:
            return f"run.max_calls = {limits.max_calls} is reached; raise it with --set run.max_calls=CALLS"
        return self.why_no_money("call", expected)

    def why_no_money(self, kind: Kind, expected: float | None) -> str:
        """Why another call of that kind may not be paid for; empty if it may."""
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


def _passed(name: str, limit: float, unit: str) -> str:
    return f"run.{name} = {limit:g} would be passed by the next call; raise it with --set run.{name}={unit}"
