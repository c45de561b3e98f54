"""The client against servers that answer, and servers that fail in every way."""

import asyncio
import base64
import gzip
import json
import logging
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from icm_tui import __version__
from icm_tui.errors import UserError
from icm_tui.models.server import http as client_module
from icm_tui.models.server.http import Client, Fetched, Retries, Sent
from icm_tui.models.server.keys import Key
from icm_tui.models.server.reply.types import Completion, Fault
from icm_tui.models.server.reply.whole import Delta
from icm_tui.models.server.requests import Request
from tests.models.server.scripted import Scripted, Server, events, reply, serve

Result = TypeVar("Result")

_SECRET = 'sk-or-v1/"+9876543210abcdef'
_KEY = Key("MY_KEY", _SECRET)
_ASK = Request("/chat/completions", {"model": "m", "messages": [], "max_tokens": 1})
_SOON = Retries(attempts=4, seconds=20, wait_initial=0.001, wait_max=0.001, jitter=0)
_GOOD: dict[str, Any] = {"model": "m", "choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}


def _with(
    script: list[Scripted], act: Callable[[Client, Server], Awaitable[Result]], **settings: Any
) -> tuple[Result, Server]:
    async def run() -> tuple[Result, Server]:
        async with serve(*script) as server:
            given = {"concurrency": 4, "timeout_s": 20.0, "retries": _SOON, "key": _KEY, **settings}
            client = Client(server.url, given.pop("key"), **given)
            try:
                return await act(client, server), server
            finally:
                await client.close()

    return asyncio.run(run())


async def _send(client: Client, _: Server) -> Sent:
    return await client.send(_ASK)


async def _stream(client: Client, _: Server) -> list[Delta | Completion | Fault]:
    return [piece async for piece in client.stream(_ASK)]


def _event(content: str, **more: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": content}, **more}]}).encode() + b"\n\n"


_FINISH = _event("", finish_reason="stop")
_DONE = b"data: [DONE]\n\n"


def _fault(sent: Sent) -> Fault:
    assert isinstance(sent.outcome, Fault), sent
    return sent.outcome


def test_http_answer() -> None:
    sent, server = _with([reply(_GOOD)], _send)
    assert isinstance(sent.outcome, Completion)
    assert (sent.outcome.text, sent.tries) == ("A", 1)
    assert 0 < sent.seconds < 20
    (heard,) = server.heard
    assert heard.head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert heard.body == b'{"model":"m","messages":[],"max_tokens":1}'
    lines = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in heard.head.split("\r\n")[1:] if line}
    assert lines["authorization"] == f"Bearer {_SECRET}"
    assert lines["user-agent"] == f"icm-tui/{__version__}"
    assert lines["content-type"] == "application/json"
    assert "http-referer" not in lines
    assert "cookie" not in lines


def test_http_keeps_connection_but_no_cookie() -> None:
    async def act(client: Client, _: Server) -> None:
        for _ in range(5):
            await client.send(_ASK)

    _, server = _with([reply(_GOOD, set_cookie="a=b; Path=/")], act)
    assert server.connections == 1
    assert "cookie" not in server.heard[-1].head.lower()


def test_http_sends_no_key_of_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password from-netrc\n", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for key in (_KEY, None):
        _, server = _with([reply(_GOOD)], _send, key=key)
        assert ("authorization" in server.heard[0].head.lower()) == (key is not None)
        assert "Basic" not in server.heard[0].head


def test_http_names_program_to_openrouter() -> None:
    headers = client_module._attribution("openrouter.ai")
    assert headers["X-OpenRouter-Title"] == "icm-tui"
    assert client_module._attribution("openrouter.ai.example.org") == {}


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://a/v1", "http://", "http://a:b/v1", "nonsense"])
def test_http_refuses_bad_address(url: str) -> None:
    with pytest.raises(UserError, match=r"model\.base_url"):
        Client(url, None, concurrency=1, timeout_s=1)


def test_http_refuses_password_in_address_unseen() -> None:
    for secret in (_SECRET, "sk-9876543210"):
        with pytest.raises(UserError, match=r"model\.base_url") as refused:
            Client(f"http://me:{secret}@127.0.0.1/v1", None, concurrency=1, timeout_s=1)
        assert "9876543210" not in str(refused.value)


def test_http_refuses_unreadable_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    with pytest.raises(UserError, match="SSL_CERT_FILE"):
        Client("https://127.0.0.1/v1", None, concurrency=1, timeout_s=1)


@pytest.mark.parametrize(
    ("said", "kind", "status", "words"),
    [
        (reply({"error": {"message": "no key"}}, 401), "pause", 401, "no key"),
        (reply({"error": {"message": "no money"}}, 402), "pause", 402, "no money"),
        (reply({"error": {"message": "not here"}}, 403), "pause", 403, "not here"),
        (reply({"error": {"message": "flagged by moderation"}}, 403), "item", 403, "flagged"),
        (reply({"detail": "Not Found"}, 404), "pause", 404, "Not Found"),
        (reply(b"", 405), "pause", 405, "405"),
        (reply(b"", 418), "pause", 418, "418"),
        (reply({"error": {"message": "too long"}}, 400), "item", 400, "too long"),
        (reply(b"", 302, location="https://elsewhere.example/v1"), "pause", 302, "https://elsewhere.example/v1"),
        (reply(b"", 302, location="http://[broken"), "pause", 302, "http://[broken"),
        (reply(b"", 304), "pause", 304, "304"),
    ],
)
def test_http_returns_some_faults_at_once(said: Scripted, kind: str, status: int, words: str) -> None:
    sent, server = _with([said], _send)
    fault = _fault(sent)
    assert (fault.kind, fault.status, sent.tries) == (kind, status, 1)
    assert words in fault.message
    assert len(server.heard) == 1


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
_BODY = json.dumps(_GOOD).encode()
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Scripted([], "close"), "closed the connection without a reply"),
        (Scripted([], "reset"), "closed the connection without a reply"),
        (Scripted([b"HTTP/1.1 200 O"], "close"), "closed the connection without a reply"),
        (Scripted([b"220 mail.example ready\r\n"], "close"), "without a reply that can be read"),
        (Scripted([_HEAD + b"content-length: 500\r\n\r\n", _BODY[:40]], "close"), "in the middle of its reply"),
        (Scripted([_HEAD + b"transfer-encoding: chunked\r\n\r\n40\r\n", _BODY[:20]], "close"), "in the middle"),
        (
            Scripted([_HEAD + b"transfer-encoding: chunked\r\n\r\n14\r\n", _BODY[:20] + b"\r\n"], "reset"),
            "in the middle",
        ),
        (reply(b"nonsense", content_encoding="gzip"), "is not compressed"),
        (reply(b"", location="http://[broken"), "empty body"),
        (reply(b""), "empty body"),
        (reply(b"<html><title>Hello</title>", content_type="text/html"), "web page"),
        (reply(b"<html><title>Bad gateway</title>", 502, content_type="text/html"), "Bad gateway"),
        (reply({"error": {"code": 429, "message": "slow down"}}), "slow down"),
        (reply({"choices": []}), "without any choice"),
        (reply({"error": {"message": "broken"}}, 500), "broken"),
        (reply(b"", 529), "529"),
        (events(), "without a single chunk"),
    ],
)
def test_http_retries_some_faults(said: Scripted, words: str) -> None:
    for act in (_send, _stream):
        script = [said, reply(_GOOD)]
        got, server = _with(script, act)
        outcome = got.outcome if isinstance(got, Sent) else got[-1]
        assert isinstance(outcome, Completion), outcome
        assert len(server.heard) == 2
    sent, server = _with([said], _send)
    fault = _fault(sent)
    assert (fault.kind, sent.tries, len(server.heard)) == ("pause", 4, 4)
    assert words in fault.message
    assert fault.message.startswith("Tried 4 times over ")

    async def once(client: Client, _: Server) -> Completion | Fault:
        return (await client.once(_ASK))[0]

    single, _ = _with([said], once)
    assert isinstance(single, Fault)
    assert single.kind == "retry"


def test_http_dead_connection_costs_no_try() -> None:
    async def act(client: Client, _: Server) -> tuple[Sent, Sent]:
        return await client.send(_ASK), await client.send(_ASK)

    for end in ("close", "reset"):
        # The second request comes on the kept connection, which is closed under it.
        (_, second), server = _with([reply(_GOOD), Scripted([], end), reply(_GOOD)], act)
        assert isinstance(second.outcome, Completion)
        assert second.tries == 1
        assert [heard.connection for heard in server.heard] == [1, 1, 2]


def test_http_does_not_use_connection_closed_idle() -> None:
    async def act(client: Client, _: Server) -> tuple[Sent, Sent]:
        return await client.send(_ASK), await client.send(_ASK)

    (_, second), server = _with([reply(_GOOD, end="close")], act)
    assert isinstance(second.outcome, Completion)
    assert second.tries == 1
    assert server.connections == 2


@pytest.mark.parametrize("end", ["close", "hang", "reset"])
def test_http_keeps_whole_reply_of_broken_connection(end: Any) -> None:
    chunked = Scripted([_HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(_BODY), _BODY + b"\r\n"], end)
    stream = events(_event("A"), _FINISH, end=end)
    for said, act in ((chunked, _send), (stream, _stream)):
        got, server = _with([said], act, timeout_s=0.2 if end == "hang" else 20)
        outcome = got.outcome if isinstance(got, Sent) else got[-1]
        assert isinstance(outcome, Completion), (end, outcome)
        assert outcome.text == "A"
        assert len(server.heard) == 1


def test_http_tells_silent_from_slow() -> None:
    once = Retries(attempts=1)
    silent, _ = _with([Scripted([], "hang")], _send, timeout_s=0.1, retries=once)
    assert "was silent" in _fault(silent).message
    slow, _ = _with(
        [Scripted([_HEAD + b"content-length: 90000\r\n\r\n", b" "], drip=True)], _send, timeout_s=0.1, retries=once
    )
    assert "was slow" in _fault(slow).message
    headed, _ = _with([Scripted([_HEAD + b"content-length: 9\r\n\r\n"], "hang")], _send, timeout_s=0.1, retries=once)
    assert "the head of a reply came" in _fault(headed).message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Scripted([], "hang"), "was silent"),
        (events(end="hang"), "was silent"),
        (events(b": ping\n\n", drip=True), "but sent no token"),
        (events(_event("A"), b": ping\n\n", drip=True), "stopped in the middle"),
        (events(_event("A"), drip=True), "did not end its stream"),
        (events(_event("A"), _DONE), "was cut"),
        (Scripted([_STREAM, b"%x\r\n%s\r\n" % (len(_event("A")), _event("A"))], "close"), "in the middle of its reply"),
        (Scripted([b"HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n"], "hang"), "was slow"),
    ],
)
def test_http_streams_that_end_badly(said: Scripted, words: str) -> None:
    pieces, server = _with([said], _stream, timeout_s=0.1, retries=Retries(attempts=1))
    fault = pieces[-1]
    assert isinstance(fault, Fault), pieces
    assert words in fault.message
    # Requests that have begun are not repeated; others are given up.
    assert fault.kind == ("retry" if len(pieces) > 1 else "pause")
    assert len(server.heard) == 1


def test_http_stream() -> None:
    pieces, server = _with([events(_event("A "), _event("B"), _FINISH, _DONE, end="hang")], _stream)
    assert pieces[:-1] == [Delta("A "), Delta("B")]
    assert isinstance(pieces[-1], Completion)
    assert pieces[-1].text == "A B"
    sent = json.loads(server.heard[0].body)
    assert sent == {**_ASK.body, "stream": True, "stream_options": {"include_usage": True}}


def test_http_stream_answered_whole() -> None:
    pieces, _ = _with([reply(_GOOD)], _stream)
    assert pieces[0] == Delta("A")
    assert isinstance(pieces[1], Completion)


def test_http_stream_left_early_is_closed() -> None:
    async def act(client: Client, _: Server) -> object:
        pieces = client.stream(_ASK)
        first = await anext(pieces)
        await pieces.aclose()
        return first

    first, _ = _with([events(_event("A"), drip=True)], act)
    assert first == Delta("A")


def test_http_says_if_nothing_listens_or_name_is_unknown() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def send(url: str) -> Sent:
        client = Client(url, _KEY, concurrency=1, timeout_s=5, retries=_SOON)
        try:
            return await client.send(_ASK)
        finally:
            await client.close()

    refused = asyncio.run(send(f"http://127.0.0.1:{port}/v1"))
    assert f"127.0.0.1:{port}: nothing listens there; is the server running?" in _fault(refused).message
    assert (_fault(refused).kind, refused.tries) == ("pause", 4)
    unknown = _fault(asyncio.run(send("http://nobody.invalid/v1")))
    assert "nobody.invalid:80: this name has no address" in unknown.message


def test_http_says_if_server_has_no_tls() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def run() -> Sent:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        client = Client(url, None, concurrency=1, timeout_s=5, retries=_SOON)
        try:
            return await client.send(_ASK)
        finally:
            await client.close()
            server.close()
            await server.wait_closed()

    assert "it does not speak TLS there" in _fault(asyncio.run(run())).message


def test_http_refuses_untrusted_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "key.pem"), "-out", str(made)]
    try:
        subprocess.run([*command.split(), *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is absent")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, tmp_path / "key.pem")

    async def run() -> Sent:
        async with serve(reply(_GOOD), tls=tls) as server:
            client = Client(server.url.replace("http", "https"), None, concurrency=1, timeout_s=5, retries=_SOON)
            try:
                return await client.send(_ASK)
            finally:
                await client.close()

    assert "its certificate cannot be trusted" in _fault(asyncio.run(run())).message
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    assert isinstance(asyncio.run(run()).outcome, Completion)


def test_http_waits_as_asked_within_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float, *rest: Any) -> None:
        waited.append(seconds)
        await sleep(0, *rest)

    monkeypatch.setattr(asyncio, "sleep", noted)
    retries = Retries(attempts=3, seconds=50, wait_initial=7, wait_max=7, jitter=0)
    for given, least, most in (
        ("5", 5, 5),
        ("900", 40, 50),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 40, 50),
        ("soon", 7, 7),
    ):
        waited.clear()
        sent, _ = _with([reply(b"", 429, retry_after=given), reply(_GOOD)], _send, retries=retries)
        assert isinstance(sent.outcome, Completion)
        assert sent.tries == 2
        assert len(waited) == 1
        assert least <= waited[0] <= most, given


def test_http_concurrency_follows_refusals_and_settings() -> None:
    async def act(client: Client, _: Server) -> list[int]:
        limits = [client.concurrency_limit]
        await client.send(_ASK)
        limits.append(client.concurrency_limit)
        client.apply_settings(concurrency=2, timeout_s=1, key=Key("OTHER", "another-key-0123"))
        limits.append(client.concurrency_limit)
        await client.send(_ASK)
        return limits

    limits, server = _with([reply(b"", code) for code in (429, 503, 529, 500)], act, concurrency=3)
    assert limits == [3, 1, 1]
    assert "Bearer another-key-0123" in server.heard[-1].head


def test_http_gives_up_endless_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_MOST_BYTES", 1 << 20)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    for act in (_send, _stream):
        for said in (Scripted([head, b" " * 65536], drip=True), events(b": " + b"-" * 65536 + b"\n", drip=True)):
            got, server = _with([said], act)
            outcome = got.outcome if isinstance(got, Sent) else got[-1]
            assert isinstance(outcome, Fault)
            assert (outcome.kind, len(server.heard)) == ("pause", 1)
            assert "more than 1 MiB" in outcome.message


def test_http_get() -> None:
    async def act(client: Client, _: Server) -> Fetched | Fault:
        return await client.get("/models", {"supported_parameters": "logprobs"})

    packed = reply(gzip.compress(b'{"data": "' + _SECRET.encode() + b'"}'), 404, content_encoding="gzip")
    got, server = _with([packed], act)
    assert got == Fetched(404, b'{"data": "[key]"}', "application/json")
    assert server.heard[0].head.startswith("GET /v1/models?supported_parameters=logprobs HTTP/1.1\r\n")
    moved, _ = _with([reply(b"", 308, location="/elsewhere")], act)
    assert isinstance(moved, Fault)
    assert (moved.kind, moved.status) == ("pause", 308)
    gone, server = _with([Scripted([], "close")], act)
    assert isinstance(gone, Fault)
    assert len(server.heard) == 1


def test_http_can_be_cancelled() -> None:
    async def act(client: Client, server: Server) -> None:
        task = asyncio.create_task(client.send(_ASK))
        while not server.heard:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    _with([Scripted([], "hang")], act)


def _echoes() -> list[Scripted]:
    coded = base64.b64encode(_SECRET.encode()).decode()
    said = f"key {_SECRET} is wrong, {coded}"
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in _SECRET).encode()
    halves = [_event(f"you sent {_SECRET[:20]}"), _event(f"{_SECRET[20:]} and {_SECRET}"), _FINISH, _DONE]
    raw = b"".join([_event(f"you sent {_SECRET}"), _event(_SECRET, finish_reason="stop")])
    choice = {"message": {"content": said, "reasoning": said}, "finish_reason": said}
    place = {"token": _SECRET, "logprob": -1.0, "top_logprobs": [{"token": _SECRET, "logprob": -1.0}]}
    return [
        reply({"error": {"message": said}}, 401),
        reply({"error": {"message": said}}),
        reply({"error": {"message": "Provider returned error", "metadata": {"raw": said}}}, 500),
        reply(said.encode(), 500, content_type="text/plain"),
        reply(b"", 302, location=f"https://elsewhere.example/?key={_SECRET}"),
        reply({**_GOOD, "model": said, "provider": said, "choices": [choice]}, x_key=_SECRET),
        reply({**_GOOD, "choices": [{**choice, "logprobs": {"content": [place]}}]}),
        reply(b'{"error": {"message": "' + escaped + b'"}}', 500),
        reply(b'{"choices": [{"finish_reason": "stop", "message": {"content": "' + escaped + b'"}}]}'),
        reply(said.encode(), content_type=_SECRET),
        events(*halves),
        events(*(raw[at : at + 5] for at in range(0, len(raw), 5))),
        events(b'data: {"error": {"message": ' + json.dumps(said).encode() + b"}}\n\n"),
        events(_event("<think>" + _SECRET[:20]), _event(_SECRET[20:] + "</think>" + _SECRET), _FINISH),
    ]


@pytest.mark.parametrize("at", range(len(_echoes())))
def test_http_hides_echoed_key(at: int, caplog: pytest.LogCaptureFixture) -> None:
    async def everything(client: Client, _: Server) -> list[str]:
        pieces = await _stream(client, _)
        deltas = [piece for piece in pieces if isinstance(piece, Delta)]
        joined = ["".join(delta.text for delta in deltas), "".join(delta.reasoning for delta in deltas)]
        outcome, body, _seconds = await client.once(_ASK)
        got = await client.get("/models")
        return [
            repr(pieces),
            *joined,
            repr(outcome),
            repr(got),
            body.decode(),
            repr(await _send(client, _)),
            repr(client),
        ]

    with caplog.at_level(logging.INFO):
        found, _ = _with([_echoes()[at]], everything)
    found.append(caplog.text)
    # In repr() a quote may be escaped; what follows it in the key may not be there either.
    for text in found:
        assert "9876543210abcdef" not in text
        assert base64.b64encode(_SECRET.encode()).decode().rstrip("=") not in text


def test_http_logs_no_waits(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    _with([reply(b"", 503), reply(_GOOD)], _send)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert capfd.readouterr() == ("", "")


def test_http_uses_proxy_of_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[Sent, Server]:
        async with serve(reply(_GOOD)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            client = Client("http://models.invalid/v1", None, concurrency=1, timeout_s=5, retries=_SOON)
            try:
                return await client.send(_ASK), proxy
            finally:
                await client.close()

    for name in ("NO_PROXY", "no_proxy", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    sent, proxy = asyncio.run(run())
    assert isinstance(sent.outcome, Completion)
    assert proxy.heard[0].head.startswith("POST http://models.invalid/v1/chat/completions ")
    monkeypatch.setenv("HTTP_PROXY", "nonsense://a b")
    with pytest.raises(UserError, match="HTTP_PROXY"):
        Client("http://models.invalid/v1", None, concurrency=1, timeout_s=5)


def test_http_closes_many_connections() -> None:
    async def act(client: Client, _: Server) -> list[Sent]:
        return [*await asyncio.gather(*(client.send(_ASK) for _ in range(40))), await client.send(_ASK)]

    sent, server = _with([reply(_GOOD)], act, concurrency=40)
    assert all(isinstance(one.outcome, Completion) and one.tries == 1 for one in sent)
    assert server.connections <= 40
