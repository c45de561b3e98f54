"""Slows a run down for the eye: decisions spread evenly over a time that a person set."""

import sys
from collections.abc import Mapping
from typing import Any

# Seconds between two portions: short enough to look like a steady flow.
PORTION_EVERY = 0.05


def read_seconds(args: Mapping[str, Any]) -> float | None:
    """The seconds that a command "throttle" names, or None if it takes the throttle off.

    Raises ValueError, with the reason in words, if they are not a number above 0.
    """
    seconds = args.get("seconds")
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= sys.float_info.max:
        raise ValueError("it names no time; give a number of seconds above 0 as seconds, or none")
    return float(seconds)


class Throttle:
    """Lets decisions through in small even portions, so that those left take the time that was set.

    `seconds` is the time that was set, None while nothing is held back. Only running counts: who pauses loses nothing.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._left = 0.0
        self._allowed = 0.0
        self._counted: float | None = None

    def set(self, seconds: float | None) -> None:
        """Spread the decisions left over so many seconds from now on; None lets them through as they come."""
        self.seconds = seconds
        self._left = seconds or 0.0
        self._allowed = 0.0
        self._counted = None

    def note(self, now: float, n: int, decisions: int, *, running: bool) -> None:
        """`n` of `decisions` were taken by `now` (seconds); once in a while the next portion is let through."""
        if self.seconds is None:
            return
        self._allowed = max(self._allowed, n)
        if not running:
            self._counted = None
        elif self._counted is None:
            self._counted = now
        elif now >= self._counted + PORTION_EVERY:
            passed = now - self._counted
            share = passed / self._left if passed < self._left else 1.0
            # What was let through and not taken does not pile up: a run that was held up elsewhere goes on evenly.
            start = min(self._allowed, n + 1.0)
            self._allowed = start + (decisions - start) * share
            self._left = max(0.0, self._left - passed)
            self._counted = now

    def holds(self, n: int) -> bool:
        """Whether decision `n`, the next one, has to wait."""
        # A sum of shares may miss a whole number by a rounding error.
        return self.seconds is not None and n + 1 > self._allowed + 1e-6

    def until_next(self, now: float) -> float:
        """The seconds until the next portion."""
        return PORTION_EVERY if self._counted is None else max(0.0, self._counted + PORTION_EVERY - now)
