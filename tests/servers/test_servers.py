"""The servers that other tests rely on do what they say."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from icm_tui.models.server.reply.labels import read_labels
from icm_tui.models.server.reply.stream import StreamReader
from icm_tui.models.server.reply.types import Completion, Fault
from icm_tui.models.server.reply.whole import read_reply
from icm_tui.prompts import find_template, render_chat, render_completion
from tests.servers.behaviour import Behaviour
from tests.servers.faults import ALL, Faults, Kind
from tests.servers.mind import read_slot, side_of
from tests.servers.model import ModelServer
from tests.servers.process import serving

LABELS = ["A", "B"]
SHOWN = [(f"[{'+-'[number % 2]}] item {number}", LABELS[number % 2]) for number in range(12)]


def completion(question: str = "[+] asked", shown: list[tuple[str, str]] = SHOWN, **more: Any) -> dict[str, Any]:
    prompt = render_completion(find_template("pattern"), shown, question, labels=LABELS)
    return {"model": "tiny", "prompt": prompt, "max_tokens": 1, "logprobs": 20} | more


def chat(question: str = "[+] asked", *, prefill: bool = True, **more: Any) -> dict[str, Any]:
    messages = render_chat(find_template("pattern"), SHOWN, question, labels=LABELS, prefill=prefill)
    return {"model": "tiny", "messages": messages, "max_tokens": 1, "logprobs": True, "top_logprobs": 20} | more


@pytest.fixture(name="http")
def fixture_http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10, trust_env=False) as client:
        yield client


def post(http: httpx.Client, server: ModelServer, body: dict[str, Any], **headers: str) -> httpx.Response:
    path = "/completions" if "prompt" in body else "/chat/completions"
    return http.post(server.base_url + path, json=body, headers=headers)


def read(response: httpx.Response) -> Completion | Fault:
    kind = response.headers["content-type"]
    return read_reply(response.status_code, kind, response.headers, response.content, 0.0)


def asked(http: httpx.Client, behaviour: Behaviour, body: dict[str, Any]) -> Completion | Fault:
    with ModelServer(behaviour) as server:
        return read(post(http, server, body))


def answered(http: httpx.Client, behaviour: Behaviour, body: dict[str, Any]) -> Completion:
    found = asked(http, behaviour, body)
    assert isinstance(found, Completion)
    return found


def odds(found: Completion, begins: str = "") -> float:
    """The log-probability of A less that of B."""
    reply = read_labels(found, LABELS, begins)
    assert reply is not None
    assert reply.logprobs is not None
    return reply.logprobs[0] - reply.logprobs[1]


@pytest.mark.parametrize("shape", ["chat", "completions", "together"])
def test_server_labels_follow_context(http: httpx.Client, shape: Any) -> None:
    with ModelServer(Behaviour(shape=shape)) as server:
        for body in (completion, chat):
            for question, sign in (("[+] asked", 1), ("[-] asked", -1)):
                found = read(post(http, server, body(question)))
                assert isinstance(found, Completion)
                assert sign * odds(found, "Set:") > 1
                assert found.finish_reason == "length"
                again = read(post(http, server, body(question)))
                assert again == found


def test_server_swaps_answer_with_labels(http: httpx.Client) -> None:
    swapped = [(text, LABELS[1 - LABELS.index(label)]) for text, label in SHOWN]
    assert odds(answered(http, Behaviour(), completion(shown=swapped))) < -1


@pytest.mark.parametrize("name", ["pattern", "sorting", "bare"])
def test_server_reads_every_template(name: str) -> None:
    template = find_template(name)
    shown = [("one", "A"), ("two\nlines\n\nand more", "B")]
    read_back = read_slot(render_completion(template, shown, "three", labels=LABELS))
    assert read_back is not None
    assert read_back.labels == LABELS
    assert read_back.question == "three"
    assert [side_of(text) for text, _ in read_back.shown] == [side_of(text) for text, _ in shown]


def test_server_treats_prefill_as_told(http: httpx.Client) -> None:
    half = {
        "model": "tiny",
        "messages": [
            {"role": "user", "content": "Write the word elephant"},
            {"role": "assistant", "content": "eleph"},
        ],
    }
    fields = half | {"continue_final_message": True, "add_generation_prompt": False}
    assert answered(http, Behaviour(), half).text == "elephant"
    assert answered(http, Behaviour(echo_prefill=False), half).text == "ant"
    assert answered(http, Behaviour(prefill="fields"), half).text != "ant"
    assert answered(http, Behaviour(prefill="fields"), fields).text == "ant"
    assert answered(http, Behaviour(prefill="none"), fields).text != "ant"
    assert asked(http, Behaviour(prefill="refused"), half).__class__ is Fault
    assert asked(http, Behaviour(prefill="fields"), half | {"continue_final_message": True}).__class__ is Fault
    # A finished turn hides the place of the label; the user's turn does not.
    assert read_labels(answered(http, Behaviour(prefill="none"), chat()), LABELS) is None
    assert answered(http, Behaviour(prefill="none"), chat(prefill=False)).text == "A"


def test_server_keeps_limits(http: httpx.Client) -> None:
    few = answered(http, Behaviour(top=5), completion())
    assert few.tokens is not None
    assert len(few.tokens[0].top) == 5
    assert isinstance(asked(http, Behaviour(top=5, over_top="400"), chat()), Fault)
    assert isinstance(asked(http, Behaviour(least_tokens=16), chat()), Fault)
    assert answered(http, Behaviour(least_tokens=16), chat(max_tokens=16)).finish_reason == "stop"
    assert answered(http, Behaviour(logprobs="null"), chat()).tokens is None
    assert answered(http, Behaviour(logprobs="absent"), completion()).tokens is None
    for refused in (
        asked(http, Behaviour(kinds=("chat",)), completion()),
        asked(http, Behaviour(), chat(model="large")),
        asked(http, Behaviour(key="secret-value"), chat()),
    ):
        assert isinstance(refused, Fault)
        assert refused.kind == "pause"


def test_server_checks_key(http: httpx.Client) -> None:
    with ModelServer(Behaviour(key="secret-value")) as server:
        assert post(http, server, chat(), Authorization="Bearer secret-value").status_code == 200
        assert "other" in post(http, server, chat(), Authorization="Bearer other").text
        assert http.get(f"{server.base_url}/models").status_code == 401


def test_server_reasons_first_unless_turned_off(http: httpx.Client) -> None:
    reasoning = Behaviour(reasons=True, reasoning_off="template")
    short = answered(http, reasoning, chat())
    assert (short.text.removeprefix("Set:"), short.finish_reason) == ("", "length")
    long = answered(http, reasoning, chat(max_tokens=100))
    assert long.reasoning
    assert odds(long, "Set:") > 1
    off = answered(http, reasoning, chat(chat_template_kwargs={"enable_thinking": False}))
    assert not off.reasoning
    assert answered(http, Behaviour(reasons=True, reasoning_off="reasoning"), chat(reasoning={"enabled": False})).text


def test_server_counts_cached_tokens(http: httpx.Client) -> None:
    with ModelServer(Behaviour(cache=True, cost=0.25)) as server:
        first = read(post(http, server, completion("[+] one")))
        second = read(post(http, server, completion("[+] two")))
    assert isinstance(first, Completion)
    assert isinstance(second, Completion)
    assert first.usage.tokens_cached == 0
    assert second.usage.tokens_in is not None
    assert second.usage.tokens_cached is not None
    assert 0.8 < second.usage.tokens_cached / second.usage.tokens_in < 1
    assert second.usage.cost == 0.25
    assert answered(http, Behaviour(usage=False), chat()).usage.tokens_in is None


def test_server_has_label_bias_and_noise(http: httpx.Client) -> None:
    plain = odds(answered(http, Behaviour(), completion()))
    assert odds(answered(http, Behaviour(label_bias=1.0), completion())) == pytest.approx(plain + 1.0, abs=1e-5)
    with ModelServer(Behaviour(noise=0.5)) as server:
        one, other = (read(post(http, server, completion())) for _ in range(2))
    assert one != other


@pytest.mark.parametrize("kind", ["chat", "completions"])
def test_server_streams_equal_whole_replies(http: httpx.Client, kind: str) -> None:
    text = "Say why the last one was put there."
    body: dict[str, Any] = {"model": "tiny", "stream": True, "stream_options": {"include_usage": True}}
    body |= {"prompt": text} if kind == "completions" else {"messages": [{"role": "user", "content": text}]}
    with ModelServer(Behaviour(reasons=True)) as server:
        streamed = post(http, server, body)
        whole = read(post(http, server, body | {"stream": False}))
    reader = StreamReader()
    reader.feed(streamed.content)
    found = reader.close()[1]
    assert isinstance(found, Completion)
    assert found == whole
    assert found.text
    assert bool(found.reasoning) == (kind == "chat")


@pytest.mark.parametrize("kind", ALL)
def test_server_answers_after_every_fault(http: httpx.Client, kind: Kind) -> None:
    faults = Faults(plan=(kind,), drip=0.001)
    body = completion(stream=True) if kind == "cut-stream" else completion()
    with ModelServer(Behaviour(faults=faults)) as server:
        try:
            response = http.post(f"{server.base_url}/completions", json=body, timeout=0.2)
        except httpx.HTTPError:
            assert kind in ("cut-body", "cut-chunks", "drip", "silent", "dead")
        else:
            if kind == "cut-stream":
                reader = StreamReader()
                reader.feed(response.content)
                found = reader.close()[1]
            else:
                found = read(response)
            if kind == "null-logprobs":
                assert isinstance(found, Completion)
                assert found.tokens is None
            else:
                assert isinstance(found, Fault)
                assert found.kind == "retry"
                assert (found.retry_after is not None) == (kind == "retry-after")
        assert not server.usable
        assert post(http, server, body).status_code == 200
        assert list(server.usable.values()) == [1]
        assert server.served[kind] == 1


@pytest.mark.parametrize(
    ("kind", "blamed"),
    [("401", "pause"), ("402", "pause"), ("404", "pause"), ("403", "item"), ("400", "item"), ("413", "item")],
)
def test_server_refuses_for_good(http: httpx.Client, kind: Any, blamed: str) -> None:
    with ModelServer(Behaviour(faults=Faults(always=kind))) as server:
        for _ in range(2):
            found = read(post(http, server, chat()))
            assert isinstance(found, Fault)
            assert found.kind == blamed
        server.behaviour = Behaviour()
        assert post(http, server, chat()).status_code == 200


def test_server_refuses_marked_item(http: httpx.Client) -> None:
    with ModelServer(Behaviour(faults=Faults(refused_mark="[long]"))) as server:
        assert post(http, server, completion("[long] one")).status_code == 400
        shown = [*SHOWN, ("[long] one", "A")]
        assert post(http, server, completion("one", shown)).status_code == 200
        assert post(http, server, chat("[long] one")).status_code == 400
        assert post(http, server, chat("one", prefill=False)).status_code == 200


def test_server_draws_faults_at_their_rate() -> None:
    faults = Faults(rate=0.2, seed=3)
    draw = [faults.draw(n, 7 * n, n % 3, stream=False, logprobs=True, text="") for n in range(4000)]
    assert draw == [faults.draw(0, 7 * n, n % 3, stream=False, logprobs=True, text="") for n in range(4000)]
    assert 0.17 < sum(map(bool, draw)) / len(draw) < 0.23
    assert set(draw) == {"", *ALL} - {"cut-stream"}
    streams = {faults.draw(0, n, 0, stream=True, logprobs=False, text="") for n in range(4000)}
    assert streams == {"", *ALL} - {"cut-body", "null-logprobs"}


def test_server_keeps_connections(http: httpx.Client) -> None:
    with ModelServer() as server:
        sockets = {id(post(http, server, chat()).extensions["network_stream"]) for _ in range(3)}
    assert len(sockets) == 1
    assert [request.usable for request in server.requests] == [True] * 3


def test_server_stop_cuts_connections() -> None:
    with (
        ModelServer(Behaviour(faults=Faults(always="silent"))) as server,
        httpx.Client(trust_env=False) as http,
        pytest.raises(httpx.TimeoutException),
    ):
        http.post(f"{server.base_url}/completions", json=completion(), timeout=0.1)
    assert server.requests[0].status == 0


def test_server_in_own_process_reports_requests(http: httpx.Client) -> None:
    with serving(Behaviour(latency=0.001, sigma=0.3)) as server:
        assert http.post(f"{server.base_url}/completions", json=completion()).status_code == 200
        load = server.load()
        assert (load.requests, load.usable, load.most_in_flight) == (1, 1, 1)
        assert 0 < load.in_flight_seconds <= load.seconds + 1e-9
        assert server.load().requests == 0
    with pytest.raises(httpx.ConnectError):
        http.get(f"{server.base_url}/models")
