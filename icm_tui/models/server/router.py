"""OpenRouter: which providers serve a model, the one that a run is held to, and what a key may still spend.

Log-probabilities of two providers or two quantizations do not compare, so a run keeps to one endpoint.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

import msgspec

from icm_tui.domain.reply import Price
from icm_tui.errors import UserError
from icm_tui.models.server.cost import read_price
from icm_tui.models.server.http import Client
from icm_tui.models.server.reply.errors import read_fault
from icm_tui.models.server.reply.types import Fault, array, decode, name, number, record, text
from icm_tui.text import listed, one_line

HOST = "openrouter.ai"

_NEEDED = {"logprobs", "top_logprobs"}
# Percent. An endpoint with less is cheap for a reason.
_GOOD_UPTIME = 95.0
_MODEL = re.compile(r"(?!\.)[^/\s]+/(?!\.)[^/\s]+")
_NO_LETTER = re.compile(r"[\W_]+")


class Route(msgspec.Struct, frozen=True):
    """One endpoint of a model. `tag` names it in requests, `name` is its provider's name. `context` is in tokens,
    `uptime` in percent of the last half hour or day. `logprobs` means that it accepts `logprobs` and `top_logprobs`. A
    negative `status` is out of order. None is unknown."""

    tag: str
    name: str
    context: int | None = None
    quantization: str | None = None
    price: Price | None = None
    status: int | None = None
    uptime: float | None = None
    logprobs: bool = False
    caches: bool = False

    @property
    def slug(self) -> str:
        """The provider's part of the tag."""
        return self.tag.partition("/")[0]

    @property
    def works(self) -> bool:
        """Whether the endpoint is in order, to the best of our knowledge."""
        return self.status is None or self.status >= 0


class Pin(msgspec.Struct, frozen=True):
    """The one endpoint that a run is held to: its tag (`provider`), its provider's name, and its price."""

    provider: str
    name: str
    quantization: str | None = None
    price: Price | None = None


class KeyStanding(msgspec.Struct, frozen=True):
    """What a key may spend, in USD. `limit` and `remaining` are None without a limit."""

    limit: float | None
    remaining: float | None
    usage: float | None
    free_tier: bool

    @property
    def says(self) -> str:
        """The standing in a sentence or two."""
        if self.remaining is not None:
            of = "" if self.limit is None else f" of its limit of {self.limit:.2f} USD"
            said = f"The key may spend {max(self.remaining, 0.0):.2f} USD more{of}."
        elif self.limit is not None:
            said = f"The key has a limit of {self.limit:.2f} USD."
        else:
            said = "The key has no limit of its own."
        if self.usage is not None:
            said += f" {self.usage:.2f} USD were spent with it."
        if self.free_tier:
            said += " No credits were bought: models ending in :free take 50 calls a day."
        return said


def is_openrouter(base_url: str) -> bool:
    """Whether an address belongs to OpenRouter."""
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:
        return False
    return host == HOST or host.endswith(f".{HOST}")


async def endpoints_of(client: Client, model: str) -> list[Route]:
    """The endpoints of a model ("author/slug"), in OpenRouter's order. Raises UserError if OpenRouter has no such model
    or gives no list."""
    shown = one_line(model)
    if not _MODEL.fullmatch(model):
        raise UserError(f'"{shown}" is not AUTHOR/MODEL, as OpenRouter names its models; see `icm-tui models`.')
    got = await client.get(f"/models/{quote(model, safe='/:@')}/endpoints")
    fault = got if isinstance(got, Fault) else None if got.status == 200 else read_fault(got.status, got.body)
    if fault is not None and fault.status == 404:
        name = one_line(model.partition("/")[2])
        raise UserError(f"OpenRouter has no model {shown}; `icm-tui models {name}` searches for it.")
    if isinstance(got, Fault) or fault is not None:
        assert fault is not None
        raise UserError(f"OpenRouter did not say who serves {shown}: {one_line(fault.message)}")
    routes = read_routes(got.body)
    if routes is None:
        raise UserError(f"OpenRouter did not say who serves {shown}: its reply contains no list of endpoints.")
    return routes


def read_routes(body: bytes) -> list[Route] | None:
    """The endpoints in a reply; None if it contains no list of them."""
    try:
        listing = record(record(decode(body)).get("data")).get("endpoints")
    except ValueError:
        return None
    if not isinstance(listing, list):
        return None
    return [route for route in map(_route, listing) if route.tag]


def choose(routes: Sequence[Route], providers: Sequence[str]) -> Pin:
    """Choose the endpoint to ask: the cheapest of the first of `providers` that has a usable one.

    `providers` are names, base slugs or tags in any case; without any, the cheapest endpoint with a good uptime is
    chosen. Usable are endpoints in order that give log-probabilities. Raises UserError, which says why each provider
    will not do, and which would.
    """
    able = [route for route in routes if route.logprobs and route.works]
    if not providers:
        if not able:
            raise UserError(_none_at_all(routes))
        return _pin(min(able, key=lambda route: (not _is_up(route), *_rank(route))))
    for word in providers:
        wanted = [route for route in able if _names(word, route)]
        if wanted:
            return _pin(min(wanted, key=_rank))
    reasons = "; ".join(_why_not(word, routes) for word in providers)
    others = list(dict.fromkeys(route.slug for route in sorted(able, key=_rank)))
    if not others:
        raise UserError(f"No provider in model.providers will do: {reasons}. {_none_at_all(routes)}")
    raise UserError(
        f"No provider in model.providers will do: {reasons}. {listed(others[:6])} would: name one there, or none to "
        "take the cheapest."
    )


def same_provider(pin_tag: str, name: str, reply_provider: str) -> bool:
    """Whether a reply's `provider`, a name or a slug, is the pinned one; an empty one counts as pinned.

    If the pinned provider's `name` is unknown (empty), one of its slug and the reply's name must begin with the other:
    "google-vertex" is "Google".
    """
    said = _plain(reply_provider)
    slug = _plain(pin_tag.partition("/")[0])
    if not said or said in (slug, _plain(pin_tag), _plain(name)):
        return True
    return not _plain(name) and bool(slug) and (said.startswith(slug) or slug.startswith(said))


async def key_standing(client: Client) -> KeyStanding | None:
    """What the client's key may still spend; None if OpenRouter does not say."""
    got = await client.get("/key")
    if isinstance(got, Fault) or got.status != 200:
        return None
    try:
        fields = record(record(decode(got.body)).get("data"))
    except ValueError:
        return None
    if not fields:
        return None
    return KeyStanding(
        number(fields.get("limit")),
        number(fields.get("limit_remaining")),
        number(fields.get("usage")),
        fields.get("is_free_tier") is True,
    )


def _route(value: object) -> Route:
    fields = record(value)
    tag = name(fields.get("tag"))
    quantization = name(fields.get("quantization"))
    status = number(fields.get("status"))
    context = number(fields.get("context_length"))
    uptimes = (number(fields.get(f"uptime_last_{span}")) for span in ("30m", "1d", "5m"))
    return Route(
        tag,
        name(fields.get("provider_name")) or tag,
        None if context is None else int(context),
        quantization if quantization not in ("", "unknown") else None,
        read_price(fields.get("pricing")),
        None if status is None else int(status),
        next((uptime for uptime in uptimes if uptime is not None), None),
        {text(one) for one in array(fields.get("supported_parameters"))} >= _NEEDED,
        fields.get("supports_implicit_caching") is True,
    )


def _is_up(route: Route) -> bool:
    return route.uptime is None or route.uptime >= _GOOD_UPTIME


def _rank(route: Route) -> tuple[float, float, float, str]:
    """Sorts the cheapest first, by what is read, which costs most in a run; then by uptime, and by tag for a definite
    order."""
    price = route.price or Price(float("inf"), float("inf"))
    return price.tokens_in, price.tokens_out, -(route.uptime or 0.0), route.tag


def _plain(words: str) -> str:
    return _NO_LETTER.sub("", words).casefold()


def _names(word: str, route: Route) -> bool:
    """Whether a word of model.providers names the route: its tag, its base slug or its provider."""
    if "/" in word:
        return word.strip().casefold() == route.tag.casefold()
    plain = _plain(word)
    return bool(plain) and plain in (_plain(route.slug), _plain(route.name))


def _why_not(word: str, routes: Sequence[Route]) -> str:
    shown = one_line(word)
    served = [route for route in routes if _names(word, route)]
    if not served:
        return f"{shown} does not serve this model"
    giving = [route for route in served if route.logprobs]
    if not giving:
        return f"{shown} gives no log-probabilities"
    return f"{shown} is out of order (status {giving[0].status})"


def _none_at_all(routes: Sequence[Route]) -> str:
    if not routes:
        return "No provider at OpenRouter serves this model; choose one that `icm-tui models` lists."
    if any(route.logprobs for route in routes):
        return "All providers of this model that give log-probabilities are out of order; try later or another model."
    return "No provider at OpenRouter gives log-probabilities of this model; choose one that `icm-tui models` lists."


def _pin(route: Route) -> Pin:
    return Pin(route.tag, route.name, route.quantization, route.price)
