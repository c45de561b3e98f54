"""Temperatures: how readily a decision takes a worse assignment."""

import math


def geometric(place: int, places: int, initial: float, final: float) -> float:
    """From `initial` at place 0 to `final` at the last of `places`, by a constant factor a step."""
    if places <= 1:
        return final
    return float(initial * (final / initial) ** (place / (places - 1)))


def logarithmic(n: int, initial: float, final: float, beta: float) -> float:
    """max(final, initial / (1 + beta ln n)) for n = 1, 2, …: the original's "log" scheduler."""
    return max(final, initial / (1 + beta * math.log(n)))


def exponential(n: int, initial: float, final: float, decay: float) -> float:
    """max(final, initial * decay^n): the original's "exp" scheduler."""
    return float(max(final, initial * decay**n))
