"""How fast a run decides, measured over the last while it was running."""

from collections import deque

_OVER = 20.0
_SHORTEST = 0.5


class Throughput:
    """Decisions a second over the last 20 s of running; pauses do not count."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, n: int, *, running: bool) -> None:
        """`n` decisions were taken by `now` (seconds)."""
        if not running:
            self._seen.clear()
            return
        self._seen.append((now, n))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _OVER:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Decisions a second, or None if that is not known (yet)."""
        if len(self._seen) < 2:
            return None
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if end - start >= _SHORTEST else None
