"""Every recorded exchange, sent byte for byte over a socket and read by the client. What each reading must be is held
by test_transcripts.py; here the client must come to the same."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from icm_tui.models.server.http import Client, Retries
from icm_tui.models.server.reply.types import Completion, Fault
from icm_tui.models.server.reply.whole import Delta
from icm_tui.models.server.requests import Request
from tests.models.server import test_transcripts as recorded
from tests.models.server.scripted import Scripted, serve

transcripts = recorded.transcripts
_SHARED = Path(__file__).resolve().parents[4] / "shared" / "transcripts"
_CASES = sorted(
    f"{path.parent.name}/{path.name.removesuffix('.request.json')}" for path in _SHARED.glob("*/*.request.json")
)


def _whole(response: dict[str, Any]) -> tuple[bytes, bytes]:
    """The recorded reply as bytes, and its body."""
    body = json.dumps(response["body"]).encode() if "body" in response else response["body_text"].encode()
    kind = response.get("headers", {}).get("content-type", "application/json")
    head = f"HTTP/1.1 {response['status']} Said\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body, body


def _chunked(response: dict[str, Any], data: bytes, size: int) -> list[bytes]:
    """A recorded stream in chunks of so many bytes."""
    kind = response["headers"]["content-type"]
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    return [head, *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)]


async def _streamed(scripted: Scripted) -> tuple[list[Delta], Completion | Fault]:
    async with serve(scripted) as server:
        client = Client(server.url, None, concurrency=1, timeout_s=20, retries=Retries(attempts=1))
        pieces = [piece async for piece in client.stream(Request("/completions", {}))]
        await client.close()
    deltas = [piece for piece in pieces if isinstance(piece, Delta)]
    last = pieces[-1]
    assert not isinstance(last, Delta)
    assert len(deltas) == len(pieces) - 1
    return deltas, last


async def _once(scripted: Scripted, request: Request) -> tuple[Completion | Fault, bytes]:
    async with serve(scripted) as server:
        client = Client(server.url, None, concurrency=1, timeout_s=20)
        outcome, body, _ = await client.once(request)
        await client.close()
    return outcome, body


def _tried_once(expected: Completion | Fault) -> Completion | Fault:
    """What a fault to be retried becomes in a stream that is not retried."""
    if isinstance(expected, Completion) or expected.kind != "retry":
        return expected
    return msgspec.structs.replace(expected, kind="pause", message=f"Tried once over 0 s. {expected.message}")


def test_transcripts_exist(transcripts: Path) -> None:
    assert len(_CASES) == len(list(transcripts.glob("*/*.response.json"))) > 130


@pytest.mark.parametrize("name", [name for name in _CASES if "x10-interrupted" not in name])
def test_transcripts_are_read_by_client(name: str) -> None:
    folder, case = _SHARED / name.split("/")[0], name.split("/")[1]
    request = msgspec.json.decode((folder / f"{case}.request.json").read_bytes())
    response = msgspec.json.decode((folder / f"{case}.response.json").read_bytes())
    expected = recorded._outcome(folder, case)
    if "stream_in" in response:
        data = (folder / response["stream_in"]).read_bytes()
        for size in (11, max(1, len(data))):
            whole = Scripted([*_chunked(response, data, size), b"0\r\n\r\n"])
            deltas, outcome = asyncio.run(_streamed(whole))
            assert outcome == _tried_once(expected)
            if isinstance(outcome, Completion):
                assert len("".join(delta.text + delta.reasoning for delta in deltas)) == len(
                    outcome.text + outcome.reasoning
                )
            once, body = asyncio.run(_once(whole, Request("", {})))
            assert (once, body) == (expected, data)
        return
    answer, body = _whole(response)
    sent = Request(request["path"].removeprefix("/v1"), request.get("body") or {})
    outcome, raw = asyncio.run(_once(Scripted([answer]), sent))
    assert (outcome, raw) == (expected, body)
    assert asyncio.run(_streamed(Scripted([answer])))[1] == _tried_once(expected)


def test_transcripts_of_broken_stream_are_read_by_client(transcripts: Path) -> None:
    """The server wrote its last event and closed the connection within the chunks."""
    folder, case = recorded._find(transcripts, "lcp/x10-interrupted-stream")
    response = msgspec.json.decode((folder / f"{case}.response.json").read_bytes())
    assert "RemoteProtocolError" in response["first_client_error"]
    data = (folder / f"{case}.sse").read_bytes()
    said = {"headers": {"content-type": "text/event-stream"}}
    for size in (11, len(data)):
        deltas, outcome = asyncio.run(_streamed(Scripted(_chunked(said, data, size), "close")))
        assert deltas
        assert isinstance(outcome, Fault)
        assert outcome.kind == "retry"
    answer, _ = _whole(response["second"])
    outcome, _ = asyncio.run(_once(Scripted([answer]), Request("/completions", {})))
    assert isinstance(outcome, Completion)
    assert outcome.text == "False"
