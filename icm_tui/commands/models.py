"""`icm-tui models`: what a server offers, and at OpenRouter who serves a model and which of them a run can ask."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from icm_tui.commands import json
from icm_tui.commands.console import columns, count, print_json
from icm_tui.domain.reply import Price
from icm_tui.errors import UserError
from icm_tui.models.server.catalogue import Catalogue, Offer, load
from icm_tui.models.server.http import Client
from icm_tui.models.server.keys import find_key
from icm_tui.models.server.router import Route, endpoints_of, is_openrouter
from icm_tui.profile import store
from icm_tui.profile.credentials import url_fault
from icm_tui.profile.defaults import resolve_without_data
from icm_tui.profile.presets import BY_NAME, find_preset
from icm_tui.profile.problems import ProfileError
from icm_tui.profile.schema import Profile
from icm_tui.text import ago, nearest, one_line

_TIMEOUT_S = 30.0


def list_(args: argparse.Namespace) -> int:
    """Prints the models whose names contain the words of `args.search`, or the endpoints of the one that is meant. The
    age of the catalogue goes to stderr."""
    base_url, key_env = _server(args.server)
    return asyncio.run(_list(args, base_url, key_env))


async def _list(args: argparse.Namespace, base_url: str, key_env: str | None) -> int:
    routed = is_openrouter(base_url)
    if args.endpoints is not None and not routed:
        raise UserError(f"{one_line(base_url)} is not a router; use --endpoints with OpenRouter.")
    # OpenRouter's catalogue is open to all.
    key = None if routed else find_key(key_env, Path.cwd())
    client = Client(base_url, key, concurrency=1, timeout_s=_TIMEOUT_S)
    try:
        if args.endpoints is not None:
            return _show_endpoints(args.endpoints, await endpoints_of(client, args.endpoints), as_json=args.json)
        now = time.time()
        catalogue = await load(client, base_url, fresh=args.refresh, now=now)
        _say_age(catalogue, now, cached=catalogue.at != now)
        found = _found(catalogue.models, args.search, every=args.all)
        meant = _meant(catalogue.models, found, args.search) if routed else None
        if meant is not None:
            return _show_endpoints(meant.id, await endpoints_of(client, meant.id), as_json=args.json)
    finally:
        await client.close()
    return _show_models(catalogue, found, now, args)


def _server(word: str) -> tuple[str, str | None]:
    """The address that a preset, a URL or a profile means, without a slash at its end, and the variable of its key."""
    preset = BY_NAME.get(word.lower())
    if preset is not None:
        return preset.base_url, preset.key_env or None
    if "://" in word:
        _check_address(word)
        known = find_preset(word)
        return word.rstrip("/"), (known.key_env or None) if known else None
    model = resolve_without_data(_profile(word))[0].model
    if model.backend != "openai" or model.base_url is None:
        raise UserError(
            f"The profile {one_line(word)} asks no server (model.backend is {model.backend}); give --server one that "
            "does, an address, or a preset such as openrouter or vllm."
        )
    return model.base_url.rstrip("/"), model.key_env


def _check_address(address: str) -> None:
    """Raises UserError if it is not an address. The message does not repeat it, since a key may be in it."""
    try:
        parts, fault = urlsplit(address), url_fault(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address, fault = False, None
    if fault:
        raise UserError(f"The address of --server carries {fault}; give a profile that names the key's variable.")
    if not is_address:
        raise UserError("The address of --server must begin with http:// or https:// and name a host.")


def _profile(word: str) -> Profile:
    try:
        return store.find(word)[0]
    except ProfileError:
        raise
    except UserError:
        near = nearest(word, BY_NAME)
        if near is None:
            raise
        raise UserError(f"There is no preset or profile {one_line(word)}; did you mean the preset {near}?") from None


def _found(models: Sequence[Offer], words: Sequence[str], *, every: bool) -> list[Offer]:
    """The models with all words in their id or name. Those that are known to give no log-probabilities are left out
    unless `every` is set."""
    asked = [word.casefold() for word in words]
    return [
        offer
        for offer in models
        if (every or offer.logprobs is not False)
        and all(word in f"{offer.id} {offer.name}".casefold() for word in asked)
    ]


def _meant(models: Sequence[Offer], found: Sequence[Offer], words: Sequence[str]) -> Offer | None:
    """The model whose id was given in full, or in part if only one matches."""
    if len(words) != 1 or "/" not in words[0]:
        return None
    exact = next((offer for offer in models if offer.id.casefold() == words[0].casefold()), None)
    return exact or (found[0] if len(found) == 1 else None)


def _show_models(catalogue: Catalogue, found: Sequence[Offer], now: float, args: argparse.Namespace) -> int:
    if args.json:
        age = max(now - catalogue.at, 0.0)
        print_json(json.Catalogue(catalogue.base_url, age, [_offer(offer) for offer in found], catalogue.stale or None))
        return 0
    if not found:
        hidden = 0 if args.all else len(_found(catalogue.models, args.search, every=True))
        hint = f" {hidden} without log-probabilities: --all shows them." if hidden else ""
        print(f"No model of {one_line(catalogue.base_url)} matches.{hint}", file=sys.stderr)
        return 0
    rows = [("MODEL", "CONTEXT", "USD IN", "USD OUT", "LOGPROBS")]
    rows += [
        (offer.id, count(offer.context), *_prices(offer.price), _word(offer.logprobs, unknown="?")) for offer in found
    ]
    print("\n".join(columns(rows)))
    return 0


def _show_endpoints(model: str, routes: Sequence[Route], *, as_json: bool) -> int:
    if as_json:
        print_json(json.Endpoints(model, [_route(route) for route in routes]))
        return 0
    if not routes:
        print(f"No provider serves {one_line(model)} now.", file=sys.stderr)
        return 0
    rows = [("PROVIDER", "TAG", "LOGPROBS", "USD IN", "USD OUT", "CONTEXT", "QUANTIZATION", "UPTIME", "CACHE", "STATE")]
    rows += [
        (
            route.name,
            route.tag,
            _word(route.logprobs),
            *_prices(route.price),
            count(route.context),
            route.quantization or "-",
            "-" if route.uptime is None else f"{route.uptime:.1f}%",
            _word(route.caches),
            "ok" if route.works else f"out of order ({route.status})",
        )
        for route in routes
    ]
    print("\n".join(columns(rows)))
    return 0


def _say_age(catalogue: Catalogue, now: float, *, cached: bool) -> None:
    if not cached:
        return
    why = f"{catalogue.stale} Shown is the " if catalogue.stale else ""
    advice = "" if catalogue.stale else "; --refresh reads it again"
    print(f"{why}catalogue of {ago(now - catalogue.at)}{advice}", file=sys.stderr)


def _prices(price: Price | None) -> tuple[str, str]:
    return ("-", "-") if price is None else (_usd(price.tokens_in), _usd(price.tokens_out))


def _usd(amount: float) -> str:
    return "free" if amount == 0 else f"{amount:.4g}" if amount < 1000 else f"{amount:.0f}"


def _word(truth: bool | None, unknown: str = "-") -> str:
    return unknown if truth is None else "yes" if truth else "no"


def _money(price: Price | None) -> dict[str, Any]:
    if price is None:
        return {}
    return {"usd_in": price.tokens_in, "usd_out": price.tokens_out, "usd_cached": price.tokens_cached}


def _offer(offer: Offer) -> json.Offer:
    return json.Offer(
        offer.id,
        offer.name or None,
        offer.context,
        offer.logprobs,
        offer.created,
        offer.expires,
        **_money(offer.price),
    )


def _route(route: Route) -> json.Route:
    fields = msgspec.structs.asdict(route)
    return json.Route(works=route.works, **_money(fields.pop("price")), **fields)
