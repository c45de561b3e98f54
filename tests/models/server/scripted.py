"""A server on loopback that answers with the bytes it is given, to see what a client makes of them."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

End = Literal["keep", "close", "reset", "hang"]


class Scripted(msgspec.Struct, frozen=True):
    """A reply: its bytes in the pieces they are written in, and what then becomes of the connection. `hang` keeps it
    open without a word. With `drip`, the last piece is written again and again until the other side has gone."""

    pieces: Sequence[bytes]
    end: End = "keep"
    drip: bool = False


class Heard(msgspec.Struct, frozen=True):
    """A received request: the number of its connection, its head and its body."""

    connection: int
    head: str
    body: bytes


class Server(msgspec.Struct):
    """The server's address, and the requests received so far."""

    port: int
    heard: list[Heard] = []
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


def reply(body: bytes | object, status: int = 200, *, end: End = "keep", **headers: str) -> Scripted:
    """A whole reply with its length; a body that is not bytes is written as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content_type": "application/json", **headers, "content_length": str(len(data))}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return Scripted([f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + data], end)


def events(*chunks: bytes, end: End = "close", drip: bool = False) -> Scripted:
    """A stream that ends with its connection."""
    return Scripted([b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", *chunks], end, drip)


@asynccontextmanager
async def serve(*script: Scripted, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Answers the requests in turn with the replies of the script; the last one again and again."""
    found = Server(0)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        found.connections += 1
        number = found.connections
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                found.heard.append(Heard(number, head, body))
                said = script[min(len(found.heard), len(script)) - 1]
                for piece in said.pieces:
                    writer.write(piece)
                    await writer.drain()
                while said.drip:
                    writer.write(said.pieces[-1])
                    await writer.drain()
                    await asyncio.sleep(0.005)
                if said.end == "hang":
                    await reader.read()
                if said.end == "reset":
                    writer.transport.abort()
                if said.end != "keep":
                    return
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
