"""What goes wrong with servers, drawn or scripted: which requests fail, and how a failure looks on the wire."""

import asyncio
import contextlib
from typing import Literal, get_args

import msgspec
import numpy as np

Kind = Literal[
    "retry-after",  # 429 that says how long to wait
    "429",
    "500",
    "503",
    "529",
    "error",  # 200 with an error object
    "html",  # 200 with a web page
    "empty",  # 200 with nothing
    "cut-body",  # Content-Length is larger than what comes
    "cut-chunks",  # a chunked body that ends inside
    "cut-stream",  # events that end, properly framed, before the server has finished
    "null-logprobs",
    "finish-error",  # 200 with finish_reason "error"
    "drip",  # a byte now and then
    "silent",
    "dead",  # the connection is closed in place of an answer
]
# Trying again does not help; the last two blame the item.
Refusal = Literal["401", "402", "404", "403", "400", "413"]
ALL: tuple[Kind, ...] = get_args(Kind)
_STREAMS_ONLY, _WHOLE_ONLY = {"cut-stream"}, {"cut-body", "null-logprobs"}
# Longer than anybody waits; then the server closes.
_END = 60.0
_PAGE = b"<!doctype html><html><head><title>Bad gateway</title></head><body>Try later.</body></html>"


def _error(message: str, **more: object) -> bytes:
    return msgspec.json.encode({"error": {"message": message, **more}})


# Status, more headers, content type, body.
REPLIES: dict[str, tuple[int, dict[str, str], str, bytes]] = {
    "429": (429, {}, "application/json", _error("Too many requests.", code=429)),
    "500": (500, {}, "application/json", _error("Something broke.", type="internal_server_error")),
    "503": (503, {}, "application/json", _error("The queue is full.", code=503)),
    "529": (529, {}, "application/json", _error("Overloaded.", type="overloaded_error")),
    "error": (200, {}, "application/json", _error("Provider returned error", code=502)),
    "html": (200, {}, "text/html", _PAGE),
    "empty": (200, {}, "application/json", b""),
    "finish-error": (
        200,
        {},
        "application/json",
        b'{"choices":[{"index":0,"finish_reason":"error","error":{"code":502,"message":"The provider broke off."},'
        b'"message":{"role":"assistant","content":""},"text":""}]}',
    ),
    "401": (401, {}, "application/json", _error("No such key.", type="authentication_error", code="invalid_api_key")),
    "402": (402, {}, "application/json", _error("Insufficient credits.", code=402)),
    "403": (403, {}, "application/json", _error("Flagged.", code=403, metadata={"flagged_input": "..."})),
    "404": (404, {}, "application/json", _error("No endpoint fits.", code=404)),
    "400": (400, {}, "application/json", _error("The prompt is too long.", code="context_length_exceeded")),
    "413": (413, {}, "text/plain", b"Payload too large"),
}


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Which tries fail: a share `rate` of them with one of `kinds`, drawn by seed, body and how often it was asked.

    `plan` names the fault of the first requests one by one ("" for none) and goes before the draw. `always` fails every
    request. A question whose item holds `refused_mark` is refused for good (400). `retry_after` and `drip` are in
    seconds: what a 429 asks to wait, and the time between two bytes of a slow reply.
    """

    rate: float = 0.0
    kinds: tuple[Kind, ...] = ALL
    seed: int = 0
    plan: tuple[Kind | Refusal | Literal[""], ...] = ()
    always: Kind | Refusal | Literal[""] = ""
    refused_mark: str = ""
    retry_after: float = 0.05
    drip: float = 0.05

    def draw(self, number: int, digest: int, times: int, *, stream: bool, logprobs: bool, text: str) -> str:
        """The fault of request `number` (from 0), asked `times` before with the same body; "" for none."""
        if self.always:
            return self.always
        if self.refused_mark and self.refused_mark in text:
            return "400"
        if number < len(self.plan):
            return self.plan[number]
        if not self.rate:
            return ""
        numbers = np.random.Generator(np.random.Philox(key=[self.seed, digest], counter=[times, 0, 0, 0]))
        if numbers.random() >= self.rate:
            return ""
        unfit = set(_WHOLE_ONLY if stream else _STREAMS_ONLY)
        if not logprobs or times:
            unfit.add("null-logprobs")
        fit = [kind for kind in self.kinds if kind not in unfit]
        return fit[int(numbers.integers(len(fit)))] if fit else ""


async def hold(reader: asyncio.StreamReader) -> None:
    """Say nothing until the other side leaves."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.read(), _END)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes, pause: float) -> None:
    """Send a byte of `body` every `pause` seconds, and stop short of its end, until the other side leaves."""
    gone = asyncio.ensure_future(reader.read())
    try:
        for at in range(len(body) - 1):
            writer.write(body[at : at + 1])
            await writer.drain()
            done, _ = await asyncio.wait([gone], timeout=pause)
            if done:
                return
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await gone
