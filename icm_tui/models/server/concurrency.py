"""Adapts the number of requests in flight to what a server can handle. No clock, no input or output."""

import math
from statistics import median

# The fewest answers to take a median of: with fewer, an ordinary spread of latencies looks like a change.
_LEAST = 32
_CLEAR = 2.5
_SUSTAINED = 3
_GENTLE = 0.9
_DRIFT = 1.01


class ConcurrencyLimit:
    """The number of requests that may be in flight: between 1 and `most`, at first `most`.

    Outcomes are counted in rounds, each as large as the window was when it began. If a share s of a round was refused,
    the window w becomes w (1 - s/2) + (1 - s): the decrease of DCTCP (RFC 8257, with g = 1), plus one for a round of
    answers. So a burst of refusals is one signal, a server that refuses everything halves the window, and one that
    refuses now and then costs little.

    Medians of at least 32 latencies are compared with the best median so far, which is raised by 1% each time. From
    the third one in a row that exceeds 2.5 times the best, each reduces the window by a tenth, but not below half of
    `most`. Meanwhile the window does not grow.
    """

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._window = float(self._most)
        self._outcomes = 0
        self._refused = 0
        self._round = self._most
        self._seconds: list[float] = []
        self._best = math.inf
        self._slow = 0

    @property
    def allowed(self) -> int:
        """How many requests may be in flight now."""
        return max(1, math.floor(self._window))

    @property
    def most(self) -> int:
        """The largest number that is ever allowed."""
        return self._most

    @most.setter
    def most(self, most: int) -> None:
        free = self._window >= self._most
        self._most = max(1, most)
        self._window = float(self._most) if free else min(self._window, self._most)
        self._round = self.allowed

    def answered(self, seconds: float) -> None:
        """Count an answer that took so many seconds."""
        if seconds >= 0 and math.isfinite(seconds):
            self._seconds.append(seconds)
            if len(self._seconds) >= max(_LEAST, self.allowed):
                self._judge_latency()
        self._count(refused=False)

    def refused(self) -> None:
        """Count a refusal of an overloaded server (429, 503, 529)."""
        self._count(refused=True)

    def _count(self, *, refused: bool) -> None:
        self._outcomes += 1
        self._refused += refused
        if self._outcomes < self._round:
            return
        share = self._refused / self._outcomes
        more = 1 - share if self._slow < _SUSTAINED else 0.0
        self._window = min(max(1.0, self._window * (1 - share / 2) + more), float(self._most))
        self._outcomes = self._refused = 0
        self._round = self.allowed

    def _judge_latency(self) -> None:
        typical = median(self._seconds)
        self._seconds.clear()
        self._best = min(self._best * _DRIFT, typical)
        self._slow = self._slow + 1 if typical > _CLEAR * self._best else 0
        floor = (self._most + 1) // 2
        if self._slow >= _SUSTAINED and self._window > floor:
            self._window = max(self._window * _GENTLE, float(floor))
