"""How fast a run decides: slowed down so that people can watch it, and measured."""

import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

# Seconds between two portions: short enough to look like a steady flow.
PORTION_EVERY = 0.05
_MEASURED_OVER = 20.0
_SHORTEST = 0.5


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
    """Lets decisions through in small even portions, so that those left take the time that a person set.

    `seconds` is that time, None if nothing is held back. The time in which a run is paused does not count.
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
        """Take note that `n` of `decisions` were taken by `now` (seconds), and let the next portion through if it is
        due."""
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
            # Portions that were let through and not taken do not pile up: after a wait the run goes on evenly.
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


class Throughput:
    """Decisions a second over the last 20 s of running; pauses do not count."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, n: int, *, running: bool) -> None:
        """Take note that `n` decisions were taken by `now` (seconds)."""
        if not running:
            self._seen.clear()
            return
        self._seen.append((now, n))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _MEASURED_OVER:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Decisions a second, or None if that is not known (yet)."""
        if len(self._seen) < 2:
            return None
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if end - start >= _SHORTEST else None
