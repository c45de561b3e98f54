"""A server on loopback that speaks OpenAI's API for a deterministic model, with the faults that a test asks for.

    python -m tests.servers.model --port 0 --behaviour '{"latency": 0.3}'

As a process of its own it prints its port. At every line on its standard input, and at the end of it, it prints what it
served since the last one as JSON; with its input it ends.
"""

import argparse
import asyncio
import contextlib
import random
import socket
import sys
import threading
import time
from collections import Counter, deque
from typing import Any, Self
from zlib import crc32

import msgspec

from tests.servers import bodies
from tests.servers.behaviour import Behaviour, Kind
from tests.servers.faults import REPLIES, Faults, drip, hold
from tests.servers.mind import side_of

__all__ = ["Behaviour", "Faults", "ModelServer", "Request", "side_of"]

_PATHS: dict[str, Kind] = {"/v1/chat/completions": "chat", "/v1/completions": "completions"}
_RECENT = 64
_LIMIT = 64 * 1024 * 1024


class Request(msgspec.Struct):
    """One request as the server saw it. `began` and `ended` are monotonic seconds; `fault` is the one it was given.

    `status` is 0 where the server closed without one. `usable` says that a real answer was written whole to a client
    that was still there.
    """

    number: int
    method: str
    path: str
    body: dict[str, Any]
    digest: int
    began: float
    ended: float = 0.0
    status: int = 0
    fault: str = ""
    usable: bool = False
    # Of the headers only what a test may want to see.
    headers: dict[str, str] = {}
    query: str = ""


class Load(msgspec.Struct):
    """What a server as its own process served: seconds from the first request to the last answer, and in flight."""

    requests: int
    usable: int
    seconds: float
    in_flight_seconds: float
    most_in_flight: int


class ModelServer:
    """The server, in a thread with a loop of its own, from entering to leaving. `behaviour` may be replaced while it
    serves. `requests` holds every request in the order they came; `bodies` False leaves their bodies out."""

    def __init__(self, behaviour: Behaviour | None = None, *, port: int = 0, bodies: bool = True) -> None:
        self.behaviour = behaviour or Behaviour()
        self.requests: list[Request] = []
        self._keeps_bodies = bodies
        self._posts = 0
        self._times: Counter[int] = Counter()
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._in_flight = self._most = 0
        self._handlers: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model server")

    @property
    def base_url(self) -> str:
        """The address up to its version."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def served(self) -> Counter[str]:
        """How many requests met each fault; "" is none."""
        return Counter(request.fault for request in self.requests)

    @property
    def usable(self) -> Counter[int]:
        """How many real answers went out whole, by the digest of the request's path and body."""
        return Counter(request.digest for request in self.requests if request.usable)

    @property
    def load(self) -> Load:
        """What was served so far; a request under way counts until now."""
        now = time.monotonic()
        times = [(one.began, one.ended or now) for one in self.requests if one.method == "POST"]
        return Load(
            requests=len(times),
            usable=sum(one.usable for one in self.requests if one.method == "POST"),
            seconds=max((ended for _, ended in times), default=0) - min((began for began, _ in times), default=0),
            in_flight_seconds=sum(ended - began for began, ended in times),
            most_in_flight=self._most,
        )

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        self._listening.wait()
        return self

    def stop(self) -> None:
        """Close every socket; what is under way is cut."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._socket, limit=_LIMIT, backlog=1024)
        self._listening.set()
        await self._stopping.wait()
        server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        # The transports close in the loop's next rounds.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._handlers.discard(handler)

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a request and answer it; whether the connection is kept."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        path, _, query = path.partition("?")
        digest = crc32(path.encode() + content)
        request = Request(len(self.requests), method, path, {}, digest, time.monotonic(), headers=headers, query=query)
        self.requests.append(request)
        self._in_flight += 1
        self._most = max(self._most, self._in_flight)
        try:
            return await self._answer(request, content, reader, writer)
        except bodies.Refused as refused:
            return await self._send(request, writer, refused.status, refused.body)
        finally:
            self._in_flight -= 1
            request.ended = time.monotonic()
            if not self._keeps_bodies:
                request.body, request.headers = {}, {}

    async def _answer(
        self, request: Request, content: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        behaviour = self.behaviour
        if behaviour.key and request.headers.get("authorization") != f"Bearer {behaviour.key}":
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            message = f"Incorrect API key provided: {given}"
            raise bodies.Refused(401, message, type="invalid_request_error", code="invalid_api_key")
        if request.method == "GET" and request.path == "/v1/models":
            return await self._send(request, writer, 200, bodies.models(behaviour))
        kind = _PATHS.get(request.path)
        if kind not in behaviour.kinds or request.method != "POST":
            raise bodies.Refused(404, f"There is no {request.method} {request.path} here.", type="NotFoundError")
        try:
            body = msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise bodies.Refused(400, "The body is no JSON object.", type="invalid_request_error") from error
        request.body = body
        number, times = self._posts, self._times[request.digest]
        self._posts += 1
        self._times[request.digest] += 1
        stream = body.get("stream") is True
        request.fault = behaviour.faults.draw(
            number,
            request.digest,
            times,
            stream=stream,
            logprobs=bodies.asks_logprobs(body),
            text=bodies.last_item(kind, body),
        )
        if request.fault == "dead":
            return False
        if request.fault == "silent":
            await hold(reader)
            return False
        if request.fault in ("retry-after", *REPLIES):
            return await self._fail(request, writer, stream=stream)
        bodies.check(kind, body, behaviour)
        numbers = random.Random(f"{request.digest} {times}")
        noise = behaviour.noise * numbers.gauss(0.0, 1.0) if behaviour.noise else 0.0
        written = bodies.write(kind, body, behaviour, noise, self._recent)
        if seconds := bodies.seconds_of(behaviour, written, numbers):
            await asyncio.sleep(seconds)
        if behaviour.cache:
            self._recent.append(written.prompt)
        if stream and request.fault != "drip":
            return await self._stream(request, reader, writer, list(bodies.events(kind, body, behaviour, written)))
        answer = bodies.reply(kind, body, behaviour, written, null=request.fault == "null-logprobs")
        return await self._whole(request, reader, writer, answer)

    async def _fail(self, request: Request, writer: asyncio.StreamWriter, *, stream: bool) -> bool:
        more: dict[str, str] = {}
        if request.fault == "retry-after":
            more = {"Retry-After": f"{self.behaviour.faults.retry_after:g}"}
        status, _, kind, body = REPLIES["429" if more else request.fault]
        if stream and request.fault in ("error", "empty", "finish-error"):
            kind, body = "text/event-stream", b"data: " + body + b"\n\n" if body else b""
        return await self._send(request, writer, status, body, kind, **more)

    async def _whole(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes
    ) -> bool:
        fault = request.fault
        if fault == "drip":
            request.status = 200
            writer.write(_head(200, "application/json", len(answer)))
            await drip(reader, writer, answer, self.behaviour.faults.drip)
            return False
        if fault == "cut-body":
            request.status = 200
            writer.write(_head(200, "application/json", len(answer)) + answer[: len(answer) // 2])
            await writer.drain()
            return False
        if fault == "cut-chunks":
            request.status = 200
            writer.write(_head(200, "application/json", None) + _chunk(answer)[: len(answer) // 2])
            await writer.drain()
            return False
        # Said before it is sent: the client may have it before this goes on.
        request.usable = not fault and not reader.at_eof()
        return await self._send(request, writer, 200, answer)

    async def _stream(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, events: list[bytes]
    ) -> bool:
        request.status = 200
        writer.write(_head(200, "text/event-stream", None))
        # The last events say that it has finished; half of the others tells a part and no more.
        cut = max((len(events) - 2) // 2, 1) if request.fault in ("cut-chunks", "cut-stream") else len(events)
        for event in events[:cut]:
            writer.write(_chunk(event))
            await writer.drain()
        if request.fault == "cut-chunks":
            return False
        request.usable = not request.fault and not reader.at_eof()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _send(
        self,
        request: Request,
        writer: asyncio.StreamWriter,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        **more: str,
    ) -> bool:
        request.status = status
        writer.write(_head(status, content_type, len(body), more) + body)
        await writer.drain()
        return True


def _head(status: int, content_type: str, length: int | None, more: dict[str, str] | None = None) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {content_type}", framing]
    lines += [f"{name}: {value}" for name, value in (more or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", default="{}", help="the fields of Behaviour that differ, as JSON")
    args = parser.parse_args()
    behaviour = msgspec.json.decode(args.behaviour, type=Behaviour)
    with ModelServer(behaviour, port=args.port, bodies=False) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            _tell(server)
            server.requests.clear()
    _tell(server)


def _tell(server: ModelServer) -> None:
    sys.stdout.write(msgspec.json.encode(server.load).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
