"""OpenRouter's endpoints, the choice of one, and what a reply's provider and a key's standing say."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.reply import Endpoint, Price
from icm_tui.errors import UserError
from icm_tui.models.server.http import Client
from icm_tui.models.server.reply.types import Completion, Fault
from icm_tui.models.server.requests import Request, label_request
from icm_tui.models.server.router import (
    KeyStanding,
    Pin,
    Route,
    choose,
    endpoints_of,
    is_openrouter,
    key_standing,
    read_routes,
    same_provider,
)
from icm_tui.profile.schema import Prompt
from tests.servers.openrouter import OpenRouterServer, Refusal, Served

_Found = TypeVar("_Found")

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _asked(base_url: str, ask: Callable[[Client], Awaitable[_Found]]) -> _Found:
    async def work() -> _Found:
        client = Client(base_url, None, concurrency=1, timeout_s=20)
        try:
            return await ask(client)
        finally:
            await client.close()

    return asyncio.run(work())


def _route(tag: str, name: str = "", **more: Any) -> Route:
    return Route(tag, name or tag.partition("/")[0].title(), **{"logprobs": True, "status": 0, **more})


def test_router_reads_endpoints_of_model() -> None:
    with OpenRouterServer() as server:
        routes = _asked(server.base_url, lambda client: endpoints_of(client, "acme/tiny-1"))
        free = _asked(server.base_url, lambda client: endpoints_of(client, "zeta/tiny-3:free"))
    assert [route.tag for route in routes] == ["northwind/fp8", "chutes/bf16", "nebius", "contoso", "fabrikam/turbo"]
    assert routes[0] == Route(
        "northwind/fp8", "Northwind", 32768, "fp8", Price(0.1, 0.6), status=0, uptime=80.0, logprobs=True
    )
    assert [route.logprobs for route in routes] == [True, True, True, False, True]
    assert [route.works for route in routes] == [True, True, True, True, False]
    assert routes[2].caches
    assert free[0].price == Price(0.0, 0.0)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("acme/none", "OpenRouter has no model acme/none; `icm-tui models none` searches for it."),
        ("tiny-1", '"tiny-1" is not AUTHOR/MODEL, as OpenRouter names its models; see `icm-tui models`.'),
        ("../key", '"../key" is not AUTHOR/MODEL, as OpenRouter names its models; see `icm-tui models`.'),
        ("a/b\x1b[2J", "OpenRouter has no model a/b; `icm-tui models b` searches for it."),
        ("a/b?c#d", "OpenRouter has no model a/b?c#d; `icm-tui models b?c#d` searches for it."),
    ],
)
def test_router_refuses_unknown_model(model: str, says: str) -> None:
    with OpenRouterServer() as server, pytest.raises(UserError) as caught:
        _asked(server.base_url, lambda client: endpoints_of(client, model))
    assert str(caught.value) == says


def test_router_says_if_it_is_away() -> None:
    with OpenRouterServer() as server:
        base_url = server.base_url
    with pytest.raises(UserError, match=r"^OpenRouter did not say who serves acme/tiny-1: .*127\.0\.0\.1"):
        _asked(base_url, lambda client: endpoints_of(client, "acme/tiny-1"))


@pytest.mark.parametrize(
    ("providers", "tag"),
    [
        (["Chutes", "Nebius"], "chutes/bf16"),
        (["nebius", "chutes"], "nebius"),
        (["NORTHWIND/FP8"], "northwind/fp8"),
        (["contoso", "fabrikam", "Chutes"], "chutes/bf16"),
        (["north wind"], "northwind/fp8"),
        # The cheapest is seldom up.
        ([], "chutes/bf16"),
    ],
)
def test_choose_takes_first_usable_provider(providers: list[str], tag: str) -> None:
    with OpenRouterServer() as server:
        routes = _asked(server.base_url, lambda client: endpoints_of(client, "acme/tiny-1"))
    assert choose(routes, providers).provider == tag


def test_choose_takes_cheapest_then_uptime() -> None:
    dear, cheap = _route("chutes/bf16", price=Price(2, 2), uptime=99.9), _route("chutes/fp8", price=Price(1, 2))
    up = _route("chutes/int8", price=Price(1, 2), uptime=99.0, quantization="int8")
    unknown = _route("chutes/a")
    assert choose([dear, cheap, up, unknown], ["Chutes"]) == Pin("chutes/int8", "Chutes", "int8", Price(1, 2))
    assert choose([unknown], []).price is None


def test_choose_says_why_each_provider_will_not_do() -> None:
    routes = [
        _route("chutes", logprobs=False),
        _route("nebius", status=-2),
        _route("zeta/x", price=Price(2, 2)),
        _route("acme", price=Price(1, 1)),
    ]
    with pytest.raises(UserError) as caught:
        choose(routes, ["Chutes", "Nebius", "Elsewhere", "zeta/y"])
    assert str(caught.value) == (
        "No provider in model.providers will do: Chutes gives no log-probabilities; Nebius is out of order (status -2)"
        "; Elsewhere does not serve this model; zeta/y does not serve this model. acme or zeta would: name one there, "
        "or none to take the cheapest."
    )


@pytest.mark.parametrize(
    ("routes", "says"),
    [
        ([], "No provider at OpenRouter serves this model; "),
        ([_route("a", logprobs=False)], "No provider at OpenRouter gives log-probabilities of this model; "),
        ([_route("a", status=-1)], "All providers of this model that give log-probabilities are out of order; "),
    ],
)
def test_choose_refuses_model_without_usable_endpoint(routes: list[Route], says: str) -> None:
    for providers in ([], ["Chutes"]):
        with pytest.raises(UserError) as caught:
            choose(routes, providers)
        assert says in str(caught.value)


_routes = st.lists(
    st.builds(
        _route,
        st.sampled_from(["a", "a/fp8", "b", "b/turbo"]),
        logprobs=st.booleans(),
        status=st.none() | st.integers(-2, 1),
        uptime=st.none() | st.floats(0, 100),
        price=st.none() | st.builds(Price, st.floats(0, 9), st.floats(0, 9)),
    ),
    max_size=6,
)


@given(_routes, st.lists(st.sampled_from(["A", "b", "a/FP8", "b/turbo", "c", ""]), max_size=3))
def test_choose_takes_usable_and_allowed_endpoint(routes: list[Route], providers: list[str]) -> None:
    able = [route for route in routes if route.logprobs and (route.status is None or route.status >= 0)]
    allowed = [
        route
        for route in able
        if not providers or any(word.lower() in (route.tag, route.slug) for word in providers if word)
    ]
    if allowed:
        assert choose(routes, providers).provider in {route.tag for route in allowed}
    else:
        with pytest.raises(UserError):
            choose(routes, providers)


@given(st.dictionaries(st.sampled_from([*Served("t", "P").shown, "pricing"]), _json), _json)
def test_read_routes_takes_any_fields(fields: dict[str, Any], price: object) -> None:
    endpoint = {**Served("tag", "Name").shown, **fields}
    routes = read_routes(json.dumps({"data": {"endpoints": [endpoint, price]}}).encode())
    assert routes is not None
    for route in routes:
        assert route.tag
        assert all(letter >= " " for letter in route.tag + route.name)


@given(st.binary() | _json.map(lambda value: json.dumps(value).encode()))
def test_read_routes_takes_any_body(body: bytes) -> None:
    routes = read_routes(body)
    assert routes is None or routes == []


def _held_to(pin: Pin) -> dict[str, Any]:
    """The routing in a run's request for a label."""
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", model="acme/tiny-1", kind="chat", provider=pin.provider)
    return {"provider": label_request(endpoint, Prompt(), [], "a lamp", {}).body["provider"]}


def _chat(server: OpenRouterServer, **more: object) -> Completion | Fault:
    body = {
        "model": "acme/tiny-1",
        "messages": [{"role": "user", "content": "Say a word."}],
        "max_tokens": 4,
        "logprobs": True,
        "top_logprobs": 5,
        **more,
    }
    request = Request("/chat/completions", body)
    return _asked(server.base_url, lambda client: client.once(request))[0]


def test_router_answers_pinned_request_by_pin() -> None:
    with OpenRouterServer() as server:
        routes = _asked(server.base_url, lambda client: endpoints_of(client, "acme/tiny-1"))
        for provider in ("chutes", "northwind", "nebius"):
            pin = choose(routes, [provider])
            reply = _chat(server, **_held_to(pin))
            assert isinstance(reply, Completion)
            assert same_provider(pin.provider, pin.name, reply.provider)


def test_router_pauses_and_names_constraint_of_pin() -> None:
    with OpenRouterServer() as server:
        fault = _chat(server, **_held_to(Pin("elsewhere", "Elsewhere")))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.status) == ("pause", 404)
    assert "excluded by provider.only" in fault.message


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        ("key-limit", "pause", "Key limit exceeded"),
        ("free-per-day", "pause", "free-models-per-day"),
        ("provider-error", "item", "Chutes: top_logprobs must be at most 5"),
    ],
)
def test_router_refusals_give_true_reason(refusal: Refusal, kind: str, says: str) -> None:
    with OpenRouterServer() as server:
        server.refusal = refusal
        fault = _chat(server)
    assert isinstance(fault, Fault)
    assert fault.kind == kind
    assert says in fault.message


@pytest.mark.parametrize(
    ("tag", "name", "said", "same"),
    [
        ("deepinfra/turbo", "DeepInfra", "DeepInfra", True),
        ("deepinfra/turbo", "", "DeepInfra", True),
        ("google-vertex", "Google", "Google", True),
        ("google-vertex", "", "Google", True),
        ("atlas-cloud/fp8", "", "AtlasCloud", True),
        ("chutes", "Chutes", "chutes", True),
        ("chutes", "Chutes", "Nebius", False),
        ("chutes", "", "Nebius", False),
        ("chutes", "Chutes", "ChutesTwo", False),
        ("chutes", "Chutes", "", True),
    ],
)
def test_same_provider_knows_names_and_slugs(tag: str, name: str, said: str, same: bool) -> None:
    assert same_provider(tag, name, said) is same


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({}, "The key may spend 7.50 USD more of its limit of 10.00 USD. 2.50 USD were spent with it."),
        ({"limit": None, "limit_remaining": None, "usage": None}, "The key has no limit of its own."),
        ({"limit_remaining": -3, "usage": "x"}, "The key may spend 0.00 USD more of its limit of 10.00 USD."),
        (
            {"limit": None, "limit_remaining": None, "usage": 0, "is_free_tier": True},
            "The key has no limit of its own. 0.00 USD were spent with it. "
            "No credits were bought: models ending in :free take 50 calls a day.",
        ),
    ],
)
def test_key_standing_is_sentence(told: dict[str, Any], says: str) -> None:
    with OpenRouterServer(key=told) as server:
        standing = _asked(server.base_url, key_standing)
    assert isinstance(standing, KeyStanding)
    assert standing.says == says


def test_key_standing_needs_router() -> None:
    with OpenRouterServer() as server:
        base_url = server.base_url
    assert _asked(base_url, key_standing) is None


@pytest.mark.parametrize(
    ("address", "is_it"),
    [
        ("https://openrouter.ai/api/v1", True),
        ("https://eu.openrouter.ai/api/v1", True),
        ("https://openrouter.ai.example/v1", False),
        ("https://notopenrouter.ai/v1", False),
        ("gguf:00", False),
        ("http://[/", False),
    ],
)
def test_is_openrouter_by_host(address: str, is_it: bool) -> None:
    assert is_openrouter(address) is is_it
