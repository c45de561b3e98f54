"""OpenRouter on loopback: a catalogue in pages, endpoints, a key's standing, and chat routed as a request demands.

Made-up models and providers, in the shapes that the true one sends.
"""

import asyncio
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from tests.servers import bodies
from tests.servers.behaviour import Behaviour
from tests.servers.model import ModelServer, Request

# What chat answers instead: no credits left, the day's free calls are used up, or the provider's own error, wrapped.
Refusal = Literal["", "key-limit", "free-per-day", "provider-error"]

PARAMETERS = ("logprobs", "max_tokens", "seed", "temperature", "top_logprobs")
NO_LOGPROBS = ("max_tokens", "seed", "temperature")


class Served(msgspec.Struct, frozen=True):
    """An endpoint of a model; prices in USD a token, as texts."""

    tag: str
    provider: str
    prompt: str = "0.0000002"
    completion: str = "0.0000006"
    parameters: tuple[str, ...] = PARAMETERS
    quantization: str | None = "bf16"
    status: int = 0
    uptime: float | None = 99.5
    caches: bool = False

    @property
    def shown(self) -> dict[str, Any]:
        return {
            "name": f"{self.provider} | tiny",
            "tag": self.tag,
            "provider_name": self.provider,
            "context_length": 32768,
            "max_completion_tokens": None,
            "quantization": self.quantization,
            "supported_parameters": self.parameters,
            "pricing": {"prompt": self.prompt, "completion": self.completion, "request": "0"},
            "status": self.status,
            "uptime_last_5m": None,
            "uptime_last_30m": self.uptime,
            "uptime_last_1d": self.uptime,
            "supports_implicit_caching": self.caches,
        }


SHOP: dict[str, list[Served]] = {
    "acme/tiny-1": [
        Served("northwind/fp8", "Northwind", "0.0000001", quantization="fp8", uptime=80.0),
        Served("chutes/bf16", "Chutes"),
        Served("nebius", "Nebius", "0.0000004", quantization=None, caches=True),
        Served("contoso", "Contoso", parameters=NO_LOGPROBS),
        Served("fabrikam/turbo", "Fabrikam", status=-2),
    ],
    "acme/large-2": [Served("contoso", "Contoso", "0.000003", "0.000015")],
    "acme/mute-1": [Served("contoso", "Contoso", parameters=NO_LOGPROBS)],
    "zeta/tiny-3:free": [Served("chutes/bf16", "Chutes", "0", "0")],
}


class OpenRouterServer(ModelServer):
    """The router, with a deterministic model behind each endpoint. `refusal` may be changed while it serves."""

    def __init__(
        self,
        shop: dict[str, list[Served]] | None = None,
        *,
        behaviour: Behaviour | None = None,
        key: dict[str, Any] | None = None,
        a_page: int = 1000,
    ) -> None:
        self.shop = SHOP if shop is None else shop
        self.refusal: Refusal = ""
        standing: dict[str, Any] = {"limit": 10.0, "limit_remaining": 7.5, "usage": 2.5, "is_free_tier": False}
        self._standing = standing | (key or {})
        self._a_page = a_page
        super().__init__(msgspec.structs.replace(behaviour or Behaviour(kinds=("chat",)), models=tuple(self.shop)))

    async def _answer(
        self, request: Request, content: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if request.method == "GET" and request.path.startswith("/v1/models"):
            return await self._send(request, writer, 200, msgspec.json.encode(self._listing(request)))
        if request.method == "GET" and request.path == "/v1/key":
            return await self._send(request, writer, 200, msgspec.json.encode({"data": self._standing}))
        if request.path == "/v1/chat/completions":
            self._refuse()
            route = self._route(content)
            self.behaviour = msgspec.structs.replace(self.behaviour, provider=route.provider)
        return await super()._answer(request, content, reader, writer)

    def _listing(self, request: Request) -> dict[str, Any]:
        if request.path == "/v1/models":
            return self._page(int(parse_qs(request.query).get("offset", ["0"])[0]))
        model = request.path.removeprefix("/v1/models/").removesuffix("/endpoints")
        if model not in self.shop:
            raise bodies.Refused(404, f"Model {model} not found", code=404)
        return {"data": {"id": model, "endpoints": [served.shown for served in self.shop[model]]}}

    def _page(self, offset: int) -> dict[str, Any]:
        names = list(self.shop)
        after = offset + self._a_page
        following = f"https://elsewhere.invalid/api/v1/models?offset={after}" if after < len(names) else None
        return {"data": [self._model(name) for name in names[offset:after]], "links": {"next": following}}

    def _model(self, name: str) -> dict[str, Any]:
        served = self.shop[name]
        return {
            "id": name,
            "name": name.replace("/", ": ").title(),
            "created": 1_760_000_000,
            "context_length": 32768,
            "pricing": {"prompt": served[0].prompt, "completion": served[0].completion},
            "supported_parameters": sorted({field for each in served for field in each.parameters}),
            "expiration_date": None,
        }

    def _refuse(self) -> None:
        if self.refusal == "key-limit":
            raise bodies.Refused(402, "Key limit exceeded: raise the limit or take another key.", code=402)
        if self.refusal == "free-per-day":
            raise bodies.Refused(429, "Rate limit exceeded: free-models-per-day.", code=429)
        if self.refusal == "provider-error":
            raw = '{"error":{"message":"top_logprobs must be at most 5","code":"bad_value"}}'
            metadata = {"provider_name": "Chutes", "raw": raw}
            raise bodies.Refused(400, "Provider returned error", code=400, metadata=metadata)

    def _route(self, content: bytes) -> Served:
        """The first endpoint that the request's `provider` lets through."""
        body = msgspec.json.decode(content, type=dict[str, Any])
        wanted = body.get("provider") or {}
        only = wanted.get("only")
        kept = [
            served
            for served in self.shop.get(body.get("model", ""), [])
            if (only is None or served.tag in only or served.tag.partition("/")[0] in only)
            and served.quantization in wanted.get("quantizations", [served.quantization])
            and served.status >= 0
            and (not wanted.get("require_parameters") or {"logprobs", "top_logprobs"} <= set(served.parameters))
        ]
        if not kept:
            availability = {"code": "constraint_filtered", "excluded_by": ["provider.only"], "retryable": False}
            message = "No endpoint matches the routing of this request."
            raise bodies.Refused(404, message, http_status=404, error_type="not_found", availability=availability)
        return kept[0]
