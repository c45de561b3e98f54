"""What calls cost, in USD: as the server says, else by the price of a million tokens."""

import math

from icm_tui.domain.reply import Price
from icm_tui.models.server.reply.types import Usage
from icm_tui.profile.schema import Model

# English has four to five characters a token; numbers, code and other scripts have fewer.
_FEWEST_CHARACTERS_A_TOKEN = 2.5


def price_of(model: Model, offered: Price | None) -> Price | None:
    """The price to reckon with: the profile's if it names one, else the one that the server's catalogue offers."""
    if model.price_in is None and model.price_out is None:
        return offered
    return Price(model.price_in or 0.0, model.price_out or 0.0)


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """What a call cost: as the server says, else its tokens at `price`; None if neither is known."""
    if usage.cost is not None:
        return usage.cost
    if price is None or usage.tokens_in is None:
        return None
    cached = min(usage.tokens_cached or 0, usage.tokens_in)
    cached_price = price.tokens_in if price.tokens_cached is None else price.tokens_cached
    read = (usage.tokens_in - cached) * price.tokens_in + cached * cached_price
    return (read + (usage.tokens_out or 0) * price.tokens_out) / 1e6


def most_cost(characters: int, tokens_out: int, price: Price | None) -> float | None:
    """What a call with a prompt of so many characters and at most `tokens_out` tokens of answer may cost."""
    if price is None:
        return None
    tokens_in = math.ceil(characters / _FEWEST_CHARACTERS_A_TOKEN)
    return (tokens_in * price.tokens_in + tokens_out * price.tokens_out) / 1e6
