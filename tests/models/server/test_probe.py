"""The probe against real servers on loopback that differ in everything it must find out."""

import asyncio
import math
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest

from icm_tui.domain.reply import Finding
from icm_tui.models.server.http import Client
from icm_tui.models.server.keys import Key
from icm_tui.models.server.probe.probing import probe
from icm_tui.models.server.probe.result import ProbeResult, why_not
from icm_tui.profile.schema import Model
from tests.servers.model import Behaviour, Faults, ModelServer

NOW = 1_700_000_000.0
MODEL = Model(backend="openai", model="tiny", base_url="http://127.0.0.1/v1")
LABELS = ("A", "B")


def _probe(base_url: str, model: Model = MODEL, key: Key | None = None, labels: Sequence[str] = LABELS) -> ProbeResult:
    async def probing() -> ProbeResult:
        client = Client(base_url, key, concurrency=2, timeout_s=20)
        try:
            return await probe(client, model, labels, None, base_url=base_url, now=lambda: NOW, wait=_at_once)
        finally:
            await client.close()

    return asyncio.run(probing())


async def _at_once(seconds: float) -> None:
    assert seconds > 0


def _of(behaviour: Behaviour, **settings: Any) -> ProbeResult:
    labels = settings.pop("labels", LABELS)
    with ModelServer(behaviour) as server:
        probe_result = _probe(server.base_url, msgspec.structs.replace(MODEL, **settings), labels=labels)
        assert probe_result.calls == len(server.requests)
    return probe_result


def _found(probe_result: ProbeResult, name: str) -> Finding:
    return next(finding for finding in probe_result.findings if finding.name == name)


def _refused(probe_result: ProbeResult, name: str) -> Finding:
    """The one bad finding, which comes last."""
    assert probe_result.endpoint is None
    assert [finding.name for finding in probe_result.findings if finding.state == "bad"] == [name]
    last = probe_result.findings[-1]
    assert last.name == name
    assert last.remedy
    assert why_not(probe_result) == f"{last.says} {last.remedy}"
    return last


@contextmanager
def _answering(status: int, content_type: str, body: bytes) -> Iterator[str]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_probe_finds_good_server_fit_in_few_calls() -> None:
    probe_result = _of(Behaviour(cache=True, cost=0.001))
    endpoint = probe_result.endpoint
    assert endpoint is not None
    assert (endpoint.kind, endpoint.max_tokens, endpoint.top_logprobs) == ("completions", 1, 20)
    assert endpoint.warms
    assert why_not(probe_result) == ""
    assert probe_result.calls <= 14
    assert probe_result.cost_usd == pytest.approx(0.001 * (probe_result.calls - 1))  # the list of models costs nothing
    assert probe_result.at == NOW
    assert probe_result.latency_s is not None
    assert probe_result.latency_s > 0
    assert probe_result.tokens_a_second is not None
    assert probe_result.tokens_a_second > 0
    wanted = {"reachable", "key", "model", "endpoint", "logprobs", "labels", "label bias", "cache", "repeat", "latency"}
    assert {finding.name for finding in probe_result.findings if finding.state == "ok"} >= wanted
    assert all(finding.remedy for finding in probe_result.findings if finding.state != "ok")


@pytest.mark.parametrize("shape", ["chat", "completions", "together"])
def test_probe_reads_every_shape_of_log_probabilities(shape: Any) -> None:
    for kind in ("chat", "completions"):
        probe_result = _of(Behaviour(shape=shape), endpoint=kind)
        assert probe_result.endpoint is not None
        assert probe_result.endpoint.kind == kind
        assert "20 alternatives" in _found(probe_result, "logprobs").says


def test_probe_asks_other_kind_if_one_is_missing() -> None:
    chat = _of(Behaviour(kinds=("chat",)))
    assert chat.endpoint is not None
    assert chat.endpoint.kind == "chat"
    assert "completions will not do" in _found(chat, "endpoint").says
    assert chat.calls <= 14
    plain = _of(Behaviour(kinds=("completions",)))
    assert plain.endpoint is not None
    assert plain.endpoint.kind == "completions"


def test_probe_says_if_profiles_kind_is_missing() -> None:
    found = _refused(_of(Behaviour(kinds=("chat",)), endpoint="completions"), "model")
    assert 'model.endpoint = "auto"' in found.remedy


@pytest.mark.parametrize("logprobs", ["null", "absent"])
def test_probe_refuses_server_without_log_probabilities(logprobs: Any) -> None:
    probe_result = _of(Behaviour(logprobs=logprobs))
    assert "no log-probabilities" in _refused(probe_result, "logprobs").says
    assert _found(probe_result, "key").state == "ok"
    assert probe_result.calls <= 4


def test_probe_refuses_single_alternative() -> None:
    assert "no alternatives" in _refused(_of(Behaviour(top=1)), "logprobs").says


def test_probe_notes_fewer_alternatives() -> None:
    probe_result = _of(Behaviour(top=5))
    assert probe_result.endpoint is not None
    assert probe_result.endpoint.top_logprobs == 20
    assert _found(probe_result, "logprobs").says == "5 alternatives a token, though 20 were asked for."


@pytest.mark.parametrize(("most", "taken"), [(20, 20), (12, 10), (8, 8), (5, 5)])
@pytest.mark.parametrize("kind", ["chat", "completions"])
def test_probe_finds_limit_by_refusals(most: int, taken: int, kind: Any) -> None:
    probe_result = _of(Behaviour(top=most, over_top="400"), top_logprobs=50, endpoint=kind)
    assert probe_result.endpoint is not None
    assert probe_result.endpoint.top_logprobs == taken
    assert _found(probe_result, "logprobs").state == "note"
    assert f"model.top_logprobs = {taken}" in _found(probe_result, "logprobs").remedy


def test_probe_quotes_refusal_below_all_steps() -> None:
    found = _refused(_of(Behaviour(top=3, over_top="400")), "logprobs")
    assert "less than or equal to 3" in found.says


@pytest.mark.parametrize(
    ("behaviour", "prefill", "says"),
    [
        (Behaviour(), "continued", "repeated"),
        (Behaviour(echo_prefill=False), "continued", "A prefilled answer is continued."),
        (Behaviour(prefill="fields"), "fields", "continue_final_message"),
        (Behaviour(prefill="none"), "none", "not continued"),
        (Behaviour(prefill="refused"), "none", "not continued"),
    ],
)
def test_probe_finds_prefill(behaviour: Behaviour, prefill: str, says: str) -> None:
    probe_result = _of(behaviour, endpoint="chat")
    assert probe_result.endpoint is not None
    assert probe_result.endpoint.prefill == prefill
    assert says in _found(probe_result, "prefill").says
    assert _found(probe_result, "labels").state == "ok"
    assert probe_result.calls <= 14


@pytest.mark.parametrize("switch", ["reasoning", "template"])
def test_probe_turns_reasoning_off(switch: Any) -> None:
    probe_result = _of(Behaviour(reasons=True, reasoning_off=switch), endpoint="chat")
    assert probe_result.endpoint is not None
    assert (probe_result.endpoint.reasoning_switch, probe_result.endpoint.max_tokens) == (switch, 1)
    assert _found(probe_result, "reasoning").state == "ok"


def test_probe_waits_for_reasoning_that_stays_on() -> None:
    probe_result = _of(Behaviour(reasons=True), endpoint="chat")
    assert probe_result.endpoint is not None
    assert (
        probe_result.endpoint.reasoning_switch,
        probe_result.endpoint.prefill,
        probe_result.endpoint.max_tokens,
    ) == ("", "none", 1024)
    assert _found(probe_result, "reasoning").state == "note"
    assert "expensive" in _found(probe_result, "reasoning").remedy
    assert probe_result.tokens_a_second is not None


def test_probe_asks_for_servers_least_tokens() -> None:
    for kind in ("chat", "completions"):
        probe_result = _of(Behaviour(least_tokens=16), endpoint=kind)
        assert probe_result.endpoint is not None
        assert probe_result.endpoint.max_tokens == 16
        assert "at least 16" in _found(probe_result, "tokens").says


def test_probe_measures_label_bias() -> None:
    label_bias = _of(Behaviour(label_bias=3.0)).label_bias
    assert label_bias is not None
    assert math.isclose(sum(label_bias), 0.0, abs_tol=1e-5)
    # The test model has a bias for each question, of at most .1 nats.
    assert label_bias[0] - label_bias[1] == pytest.approx(3.0, abs=0.11)
    even = _of(Behaviour(label_bias=0.0))
    assert even.label_bias is not None
    assert abs(even.label_bias[0] - even.label_bias[1]) <= 0.11
    told = _found(_of(Behaviour(label_bias=-3.0)), "label bias")
    assert told.state == "ok"
    assert told.says.startswith("B is favoured by")


def test_probe_notes_answers_that_differ() -> None:
    assert _found(_of(Behaviour()), "repeat").state == "ok"
    noisy = _of(Behaviour(noise=2.0))
    assert noisy.endpoint is not None
    assert "differ" in _found(noisy, "repeat").says
    assert _found(noisy, "repeat").state == "note"


def test_probe_trusts_cache_only_with_counted_tokens() -> None:
    counted = _of(Behaviour(cache=True))
    assert counted.endpoint is not None
    assert counted.endpoint.warms
    uncounted = _of(Behaviour(cache=False))
    assert uncounted.endpoint is not None
    assert not uncounted.endpoint.warms
    assert _found(uncounted, "cache").state == "note"


def test_probe_checks_echo_on_completions_only() -> None:
    assert "does not echo" in _found(_of(Behaviour()), "echo").says
    assert all(finding.name != "echo" for finding in _of(Behaviour(kinds=("chat",))).findings)


@pytest.mark.parametrize("key", [None, Key("SOME_KEY", "sk-of-another-door")])
def test_probe_ends_at_wrong_key_after_one_call(key: Key | None) -> None:
    with ModelServer(Behaviour(key="sk-the-right-one")) as server:
        model = msgspec.structs.replace(MODEL, key_env=key.name if key else None)
        probe_result = _probe(server.base_url, model, key)
        assert len(server.requests) == 1
    found = _refused(probe_result, "key")
    assert ("SOME_KEY" if key else "model.key_env") in found.says + found.remedy
    assert b"sk-of-another-door" not in msgspec.json.encode(probe_result)


def test_probe_accepts_right_key() -> None:
    with ModelServer(Behaviour(key="sk-the-right-one")) as server:
        model = msgspec.structs.replace(MODEL, key_env="SOME_KEY")
        probe_result = _probe(server.base_url, model, Key("SOME_KEY", "sk-the-right-one"))
    assert probe_result.endpoint is not None
    assert _found(probe_result, "key").says == "The key in SOME_KEY is accepted."


def test_probe_names_nearest_to_unknown_model() -> None:
    probe_result = _of(Behaviour(models=("tiny-chat-1", "large-2")), model="tiny-chat")
    found = _refused(probe_result, "model")
    assert "tiny-chat-1" in found.remedy
    assert probe_result.calls <= 3


def test_probe_notes_server_that_takes_any_name() -> None:
    probe_result = _of(Behaviour(models=("tiny-chat-1",), any_model=True), model="tiny-chat")
    assert probe_result.endpoint is not None
    assert _found(probe_result, "model").state == "note"


def test_probe_refuses_labels_outside_alternatives() -> None:
    assert "Only A of" in _refused(_of(Behaviour(top=2, label_bias=30.0)), "labels").says
    assert "Only L" in _refused(_of(Behaviour(top=2), labels=[f"L{number}" for number in range(26)]), "labels").says


def test_probe_notes_labels_missing_at_times() -> None:
    probe_result = _of(Behaviour(), labels=[f"L{number}" for number in range(24)])
    assert probe_result.endpoint is not None
    assert _found(probe_result, "labels").state == "note"
    assert probe_result.label_bias is None


def test_probe_accepts_many_labels() -> None:
    probe_result = _of(Behaviour(), labels=["A", "B", "C"])
    assert probe_result.endpoint is not None
    assert probe_result.label_bias is not None
    assert len(probe_result.label_bias) == 3


def test_probe_ends_without_server_after_one_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    probe_result = _probe(f"http://127.0.0.1:{port}/v1")
    assert "nothing listens" in _refused(probe_result, "reachable").says
    assert probe_result.calls == 1


@pytest.mark.parametrize("status", [200, 404])
def test_probe_refuses_web_page(status: int) -> None:
    with _answering(status, "text/html", b"<html><title>Welcome</title></html>") as base_url:
        found = _refused(_probe(base_url), "reachable")
    assert "web page" in found.says
    assert "/v1" in found.remedy


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (402, b'{"error": {"code": 402, "message": "Insufficient credits."}}', "money"),
        (403, b'{"error": {"message": "This key may not do that."}}', "key"),
        (400, b'{"error": {"message": "Unknown field: wishes."}}', "request"),
        (200, b'{"choices": []}', "server"),
        (200, b"\xff\xfe not json", "server"),
        (429, b'{"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-day."}}', "limits"),
        (500, b'{"error": {"message": "logprobs is not supported: logits_all=False"}}', "logprobs"),
    ],
)
def test_probe_quotes_refusal(status: int, body: bytes, name: str) -> None:
    with _answering(status, "application/json", body) as base_url:
        probe_result = _probe(base_url, msgspec.structs.replace(MODEL, extra={"wishes": 3}))
    found = _refused(probe_result, name)
    if name == "request":
        assert "Unknown field: wishes." in found.says
        assert "model.extra (wishes)" in found.remedy


def test_probe_waits_for_busy_server() -> None:
    steady, shaken = _of(Behaviour()), _of(Behaviour(faults=Faults(plan=["503", "429", ""])))
    assert shaken.endpoint == msgspec.structs.replace(steady.endpoint, base_url=shaken.endpoint.base_url)
    assert shaken.calls == steady.calls + 2


def test_probe_uses_profiles_price_without_cost() -> None:
    probe_result = _of(Behaviour(), price_in=1.0, price_out=2.0)
    assert probe_result.endpoint is not None
    assert probe_result.endpoint.price is None  # what a router offers; the profile's own may change on the way
    assert probe_result.cost_usd is not None
    assert 0 < probe_result.cost_usd < 0.1
    assert _of(Behaviour()).cost_usd is None


def test_probe_requests_are_those_of_a_run() -> None:
    with ModelServer(Behaviour(kinds=("chat",))) as server:
        started = time.monotonic()
        _probe(server.base_url, msgspec.structs.replace(MODEL, extra={"min_p": 0.1}))
        bodies = [request.body for request in server.requests if request.method == "POST" and request.body]
        assert server.requests[0].began >= started
    assert bodies
    assert all(body["min_p"] == 0.1 for body in bodies)
