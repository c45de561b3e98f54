"""What calls cost, in USD: as the server says, or by the price of a million tokens."""

import math

from icm_tui.domain.reply import Price
from icm_tui.models.server.reply.types import Usage, number, record
from icm_tui.profile.schema import Model

# English has four to five characters to a token; numbers, code and other scripts have fewer.
_FEWEST_CHARACTERS_A_TOKEN = 2.5
_DIGITS = 200


def price_of(model: Model, offered: Price | None) -> Price | None:
    """The price of the profile if it names one, else the one `offered` in the server's catalogue."""
    if model.price_in is None and model.price_out is None:
        return offered
    return Price(model.price_in or 0.0, model.price_out or 0.0)


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """The cost of a call: what the server says, else its tokens at `price`; None if neither is known."""
    if usage.cost is not None:
        return usage.cost
    if price is None or usage.tokens_in is None:
        return None
    cached = min(usage.tokens_cached or 0, usage.tokens_in)
    cached_price = price.tokens_in if price.tokens_cached is None else price.tokens_cached
    read = (usage.tokens_in - cached) * price.tokens_in + cached * cached_price
    return (read + (usage.tokens_out or 0) * price.tokens_out) / 1e6


def most_cost(characters: int, tokens_out: int, price: Price | None) -> float | None:
    """The most that a call may cost, with a prompt of so many characters and an answer of up to `tokens_out` tokens;
    None without a price."""
    if price is None:
        return None
    tokens_in = math.ceil(characters / _FEWEST_CHARACTERS_A_TOKEN)
    return (tokens_in * price.tokens_in + tokens_out * price.tokens_out) / 1e6


def read_price(pricing: object) -> Price | None:
    """The price of a million tokens from OpenRouter's texts in USD a token; None if it is not fixed."""
    prices = record(pricing)
    read, written = _usd(prices.get("prompt")), _usd(prices.get("completion"))
    if read is None or written is None:
        return None
    return Price(read, written, _usd(prices.get("input_cache_read")))


def _usd(value: object) -> float | None:
    """USD for a million tokens. A negative price means that it is not fixed."""
    if isinstance(value, str):
        try:
            value = float(value[:_DIGITS])
        except ValueError:
            return None
    found = number(value)
    # Rounded: 0.15 divided by a million and multiplied again is not quite 0.15.
    return number(round(found * 1e6, 9)) if found is not None and 0 <= found < 1e6 else None
