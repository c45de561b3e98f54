"""The probe at a router: pinned to one endpoint, with the reasons of its refusals."""

import asyncio

import msgspec
import pytest

from icm_tui.domain.reply import Finding, Price
from icm_tui.models.server.http import Client
from icm_tui.models.server.probe.probing import probe
from icm_tui.models.server.probe.result import ProbeResult
from icm_tui.models.server.router import Pin
from icm_tui.profile.schema import Model
from tests.servers.model import Behaviour
from tests.servers.openrouter import OpenRouterServer, Refusal, Served

MODEL = Model(backend="openai", base_url="openrouter", model="acme/tiny-1", providers=["Chutes"])
PIN = Pin("chutes/bf16", "Chutes", "bf16", Price(0.2, 0.6))


def _probe(server: OpenRouterServer, pin: Pin = PIN) -> ProbeResult:
    async def probing() -> ProbeResult:
        client = Client(server.base_url, None, concurrency=2, timeout_s=20)
        try:
            return await probe(client, MODEL, ["A", "B"], pin, base_url=server.base_url, now=lambda: 0.0)
        finally:
            await client.close()

    return asyncio.run(probing())


def _found(probe_result: ProbeResult, name: str) -> Finding:
    return next(finding for finding in probe_result.findings if finding.name == name)


def test_probe_pins_and_prices_one_endpoint() -> None:
    with OpenRouterServer() as server:
        probe_result = _probe(server)
        asked = [request for request in server.requests if request.method == "POST"]
    endpoint = probe_result.endpoint
    assert endpoint is not None
    assert (endpoint.kind, endpoint.provider, endpoint.price) == ("chat", "chutes/bf16", PIN.price)
    assert {request.path for request in asked} == {"/v1/chat/completions"}
    assert all(request.body["provider"]["only"] == ["chutes/bf16"] for request in asked)
    assert "7.50 USD" in _found(probe_result, "money").says
    assert probe_result.cost_usd is not None
    assert probe_result.cost_usd > 0
    assert probe_result.calls == len(server.requests) <= 14


def test_probe_notes_exhausted_key() -> None:
    with OpenRouterServer(key={"limit_remaining": 0.0}) as server:
        probe_result = _probe(server)
    assert probe_result.endpoint is not None
    assert _found(probe_result, "money").state == "note"


def test_probe_tries_routers_switch_first() -> None:
    with OpenRouterServer(
        behaviour=Behaviour(kinds=("chat",), reasons=True, reasoning_off="reasoning", prefill="none")
    ) as server:
        probe_result = _probe(server)
        assert all("chat_template_kwargs" not in request.body for request in server.requests)
    assert probe_result.endpoint is not None
    assert probe_result.endpoint.reasoning_switch == "reasoning"


@pytest.mark.parametrize(
    ("refusal", "name", "says"),
    [
        ("key-limit", "money", "Key limit exceeded"),
        ("free-per-day", "limits", "free-models-per-day"),
        ("provider-error", "logprobs", "Chutes: top_logprobs must be at most 5"),
    ],
)
def test_probe_gives_real_reason(refusal: Refusal, name: str, says: str) -> None:
    with OpenRouterServer() as server:
        server.refusal = refusal
        probe_result = _probe(server)
    assert probe_result.endpoint is None
    assert probe_result.findings[-1].name == name
    assert says in probe_result.findings[-1].says


def test_probe_says_what_excluded_pin() -> None:
    with OpenRouterServer() as server:
        probe_result = _probe(server, msgspec.structs.replace(PIN, provider="nobody"))
    last = probe_result.findings[-1]
    assert (last.name, last.state) == ("model", "bad")
    assert "provider.only" in last.says
    assert "model.providers" in last.remedy


def test_probe_refuses_other_providers_answer() -> None:
    with OpenRouterServer({"acme/tiny-1": [Served("chutes/bf16", "Contoso")]}) as server:
        probe_result = _probe(server)
    assert probe_result.endpoint is None
    assert probe_result.findings[-1].name == "provider"
    assert "Contoso" in probe_result.findings[-1].says
