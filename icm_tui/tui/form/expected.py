"""What a run of the draft would ask and cost, in words."""

from icm_tui.commands.json import Expected, LastProbe
from icm_tui.text import ago
from icm_tui.tui.text.cells import Line, line, span, wrap

Outlook = Expected | str | None
"""What is expected; why that is not known; or nothing yet."""

COUNTING = "counting…"


def outlook_lines(outlook: Outlook, cells: int, height: int) -> list[Line]:
    """The expected calls, tokens, cost and minutes, or why they are not known, in at most `height` lines."""
    if outlook is None:
        return [line(span(COUNTING, "dim"))]
    if isinstance(outlook, str):
        return [line(span(piece, "warn")) for piece in wrap(outlook, cells)][:height]
    return [line(span(piece)) for piece in wrap(in_words(outlook), cells)][:height]


def in_words(expected: Expected) -> str:
    """The forecast in one line."""
    parts = [f"{expected.items:,} items", f"about {expected.calls:,} calls ({expected.calls_per_label:g} a label)"]
    if not expected.paid and expected.tokens_in:
        return " · ".join([*parts, f"{expected.tokens_in:,} tokens read on this machine, no cost"])
    if not expected.paid:
        return " · ".join([*parts, "answered in this program: no cost, no tokens"])
    parts.append(f"{expected.tokens_in:,} tokens read")
    parts.append(f"{_cost(expected)} at the listed price" if expected.cost_usd is not None else _cost(expected))
    if expected.minutes is not None:
        parts.append(f"{expected.minutes:,.0f} minutes" if expected.minutes >= 1 else "under a minute")
    return " · ".join(parts)


def probe_lines(probe_result: LastProbe | None, key: str, cells: int) -> list[Line]:
    """What the last probe of the endpoint said; without one, the key that asks."""
    if probe_result is None:
        return [line(span(f"not probed yet: {key} asks it", "dim"))]
    parts = [probe_result.provider, probe_result.kind, f"{probe_result.top_logprobs} alternatives asked for"]
    if probe_result.favoured is not None:
        parts.append(f"{probe_result.favoured} favoured by {probe_result.nats:.1f} nats")
    told = f"probed {ago(probe_result.age_s)}: {', '.join(part for part in parts if part)}"
    return [line(span(piece, "dim")) for piece in wrap(told, cells)][:2]


def question(expected: Expected) -> str:
    """What a person is asked before money is spent."""
    cost = _cost(expected) if expected.cost_usd is not None else "an unknown cost (model.price_in is not set)"
    return f"This run will make about {expected.calls:,} calls at {cost}. Start it?"


def _cost(expected: Expected) -> str:
    if expected.cost_usd is None:
        return "cost unknown: set model.price_in"
    return f"about ${expected.cost_usd:,.2f}"
