"""Numbers in few cells: as text, with a minus sign as wide as the plus sign, and as a line of blocks."""

from collections.abc import Sequence
from itertools import pairwise

_MINUS = "\u2212"
_UNKNOWN = "\u2013"


def fraction(value: float | None, places: int = 2) -> str:
    """A number between 0 and 1 as .93, 1 as 1.0, negative ones with the sign in front, nothing known as a dash."""
    if value is None:
        return _UNKNOWN
    text = f"{abs(value):.{places}f}"
    if text.startswith("0"):
        text = text[1:]
    elif text.startswith("1.") and not text.strip("1.0"):
        text = "1." + "0" * (places - 1)
    return _MINUS + text if value < 0 and text.strip(".0") else text


def signed(value: float | None, places: int = 1) -> str:
    """A number with its sign, such as +2.6; nothing known as a dash."""
    if value is None:
        return _UNKNOWN
    return f"{value:+.{places}f}".replace("-", _MINUS)


def duration(seconds: float) -> str:
    """Seconds as 9s, 3m10s, 2h05m or 4d03h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def dollars(amount: float) -> str:
    """An amount of US dollars; small ones with four places."""
    return f"${amount:.4f}" if 0 < amount < 0.01 else f"${amount:.2f}"


_MOST_POINTS = 512
_BLOCKS = "▁▂▃▄▅▆▇█"


class Curve:
    """A series thinned as it grows: every point is the mean of as many values as the other points (the last one of
    those that came since)."""

    def __init__(self) -> None:
        self._points: list[float] = []
        self._a_point = 1
        self._sum = 0.0
        self._count = 0
        self.last: float | None = None

    def add(self, value: float) -> None:
        """Put a value at the end."""
        self.last = value
        self._sum += value
        self._count += 1
        if self._count < self._a_point:
            return
        self._points.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self._points) >= _MOST_POINTS:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [(one + other) / 2 for one, other in pairs]
            self._a_point *= 2

    def points(self) -> list[float]:
        """The points, oldest first."""
        return [*self._points, self._sum / self._count] if self._count else list(self._points)


def over_decisions(points: Sequence[tuple[int, float]], until: int, cells: int) -> list[float]:
    """A value known at some decisions, spread evenly over `cells` from the first of them to decision `until`: each cell
    has the value that held at its end."""
    if not points or cells <= 0:
        return []
    first = points[0][0]
    span = max(1, until - first)
    spread: list[float] = []
    at = 0
    for cell in range(cells):
        end = first + span * (cell + 1) / cells
        while at + 1 < len(points) and points[at + 1][0] <= end:
            at += 1
        spread.append(points[at][1])
    return spread


def sparkline(values: Sequence[float], cells: int, low: float | None = None, high: float | None = None) -> str:
    """The values as a line of at most `cells` blocks, the lowest block at `low` and the highest at `high` (the values'
    own ends if they are not given); neighbouring values share a block as their mean. Empty for no values."""
    if not values or cells <= 0:
        return ""
    cells = min(cells, len(values))
    edges = [round(place * len(values) / cells) for place in range(cells + 1)]
    means = [sum(values[start:stop]) / (stop - start) for start, stop in pairwise(edges)]
    low = min(means) if low is None else low
    high = max(means) if high is None else high
    reach = high - low
    if reach <= 0:
        return _BLOCKS[0] * cells
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[max(0, min(top, round((mean - low) / reach * top)))] for mean in means)
