"""Sends requests to one model server and reads its replies. Nothing that a server does raises an exception."""

import asyncio
import functools
import os
import random
import ssl
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import msgspec
import stamina
import stamina.instrumentation

from icm_tui import __version__
from icm_tui.errors import UserError
from icm_tui.models.server import network_faults as no_answer
from icm_tui.models.server.concurrency import ConcurrencyLimit
from icm_tui.models.server.keys import Key
from icm_tui.models.server.reply.stream import StreamReader
from icm_tui.models.server.reply.types import Completion, Fault, TokenLogprobs
from icm_tui.models.server.reply.whole import Delta, read_reply
from icm_tui.models.server.requests import Request

_MOST_BYTES = 64 * 1024 * 1024
_CONNECT_S = 10.0
_KEEPALIVE_S = 15.0
# httpx goes through all connections of a pool at every request, and through all pairs of idle ones; so pools are small.
_LANE = 8
_WHOLE_STREAM = 10
_CROWDED = {429, 503, 529}
# A connection broke, rather than could not be made.
_CUT = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Retries(msgspec.Struct, frozen=True):
    """Limits on retries: the number of tries and their time in seconds, waits included. Waits double from
    `wait_initial` to `wait_max`, plus up to `jitter` random seconds."""

    attempts: int = 10
    seconds: float = 300
    wait_initial: float = 0.5
    wait_max: float = 30
    jitter: float = 1


class Sent(msgspec.Struct, frozen=True):
    """The outcome of a request, the seconds that its last try took, and the number of tries."""

    outcome: Completion | Fault
    seconds: float
    tries: int


class Fetched(msgspec.Struct, frozen=True):
    """The reply to a GET, whatever its status, with the key hidden."""

    status: int
    body: bytes
    content_type: str


class Client:
    """One server, its connections and one key.

    The connections belong to the event loop that uses them first, and must be closed there. Their number has no limit:
    callers keep to `concurrency_limit`, and time spent waiting for a connection would count as the server's. Redirects
    are not followed and cookies not kept. Proxies and certificates are those that the environment names.
    """

    def __init__(
        self,
        base_url: str,
        key: Key | None,
        *,
        concurrency: int,
        timeout_s: float,
        retries: Retries = Retries(),  # noqa: B008
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`timeout_s` is how long to wait for an answer or, in a stream, for the next token. Raises UserError if
        `base_url` is no address, or if the environment's certificates or proxy cannot be used."""
        self._base = _base(base_url)
        self._where = f"{self._base.host}:{self._base.port or (443 if self._base.scheme == 'https' else 80)}"
        self._retries = retries
        self._extra = {"User-Agent": f"icm-tui/{__version__}", **_attribution(self._base.host), **(headers or {})}
        self._certificates = _trusted()
        self._concurrency_limit = ConcurrencyLimit(concurrency)
        self._urls: dict[str, httpx.URL] = {}
        self._lanes = [_Lane(self._first_pool())]
        self._fresh: httpx.AsyncClient | None = None
        self._sign(key, timeout_s)
        # The hooks would log every wait; this is their only switch.
        stamina.instrumentation.set_on_retry_hooks(())

    @property
    def concurrency_limit(self) -> int:
        """How many requests the server handles at once, to judge by its answers; at most `concurrency`."""
        return self._concurrency_limit.allowed

    def apply_settings(self, *, concurrency: int, timeout_s: float, key: Key | None) -> None:
        """Go on with other settings. Requests under way keep those that they were sent with."""
        self._concurrency_limit.most = concurrency
        self._sign(key, timeout_s)

    async def send(self, request: Request) -> Sent:
        """Send a request until it is answered, the server blames the item, or the tries are used up. Then the fault is
        of kind `pause`."""
        prepared = self._prepared(request.path, msgspec.json.encode(request.body))
        started = time.monotonic()
        tries, seconds = 0, 0.0
        outcome: Completion | Fault
        try:
            async for attempt in self._attempts(started):
                tries += 1
                outcome, _, seconds = await self._try(prepared)
                with attempt:
                    _raise_to_retry(outcome)
        except _Again as again:
            outcome = no_answer.given_up(again.fault, tries, time.monotonic() - started)
        return Sent(outcome, seconds, tries)

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Completion | Fault]:
        """Yield the reply in pieces, then the whole Completion or a Fault. Retries as `send` does until the first piece
        has come; a stream that breaks later ends with a fault of kind `retry`. Close the generator to stop early."""
        body = {**request.body, "stream": True, "stream_options": {"include_usage": True}}
        prepared = self._prepared(request.path, msgspec.json.encode(body))
        started = time.monotonic()
        tries, begun = 0, False
        try:
            async for attempt in self._attempts(started):
                tries += 1
                outcome: Completion | Fault | None = None
                async with aclosing(self._try_stream(prepared)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Delta):
                            begun = True
                            yield piece
                        else:
                            outcome = piece
                with attempt:
                    if not begun:
                        _raise_to_retry(outcome)
            if outcome is not None:
                yield outcome
        except _Again as again:
            yield no_answer.given_up(again.fault, tries, time.monotonic() - started)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Fetched | Fault:
        """GET `path` below the base URL, in one try. A Fault means that no reply came, or a redirect."""
        prepared = self._prepared(path, None, params)
        got = await self._fetch(prepared)
        return got.fault or Fetched(got.status, got.body, got.content_type)

    async def once(self, request: Request) -> tuple[Completion | Fault, bytes, float]:
        """Send a request once. Returns its outcome, the body with the key hidden, and the seconds it took."""
        return await self._try(self._prepared(request.path, msgspec.json.encode(request.body)))

    async def close(self) -> None:
        """Close all connections. Requests under way are lost."""
        pools = [lane.pool for lane in self._lanes] + ([self._fresh] if self._fresh else [])
        self._lanes, self._fresh = [], None
        for pool in pools:
            await pool.aclose()

    def _sign(self, key: Key | None, timeout_s: float) -> None:
        self._key, self._timeout_s = key, timeout_s
        signed: dict[str, str | bytes] = {**self._extra, **(key.headers() if key else {})}
        packed = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        # A catalogue is long, but an answer is short, and a stream must not wait to be compressed.
        plain = {"Accept": "*/*", "Accept-Encoding": "identity", "Content-Type": "application/json"}
        self._get_headers, self._post_headers = _headers({**packed, **signed}), _headers({**plain, **signed})
        limit = {"connect": min(_CONNECT_S, timeout_s), "read": None, "write": None, "pool": None}
        self._extensions = {"timeout": limit}

    def _prepared(self, path: str, body: bytes | None, params: Mapping[str, str] | None = None) -> "_Prepared":
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._base.copy_with(path=self._base.path.rstrip("/") + path)
        if params:
            url = url.copy_merge_params(dict(params))
        headers = self._get_headers if body is None else self._post_headers
        return _Prepared("GET" if body is None else "POST", url, headers, body, self._extensions, self._timeout_s)

    def _attempts(self, started: float) -> Any:
        limits = self._retries

        def wait(failure: Exception) -> bool | float:
            if not isinstance(failure, _Again):
                return False
            query = failure.fault.retry_after
            if query is None:
                return True
            left = limits.seconds - (time.monotonic() - started)
            return max(0.0, min(query + random.uniform(0, limits.jitter), left))

        return stamina.retry_context(
            on=wait,
            attempts=limits.attempts,
            timeout=limits.seconds,
            wait_initial=limits.wait_initial,
            wait_max=limits.wait_max,
            wait_jitter=limits.jitter,
        )

    async def _try(self, prepared: "_Prepared") -> tuple[Completion | Fault, bytes, float]:
        got = await self._fetch(prepared)
        return self._counted(got.fault or got.read(), got.seconds), got.body, got.seconds

    async def _fetch(self, prepared: "_Prepared") -> "_Got":
        """Receive a whole reply, or the fault that prevented it."""
        started = time.monotonic()
        got = _Got()
        try:
            async with asyncio.timeout(prepared.timeout_s):
                with self._lane() as pool:
                    response = await self._begin(prepared, pool)
                    try:
                        self._note_head(response, got)
                        await self._note_body(response, got)
                    finally:
                        await response.aclose()
        except TimeoutError:
            late = no_answer.slow if got.status else no_answer.silent
            got.fault = late(self._where, prepared.timeout_s, got.size)
        except _FAILURES as failure:
            got.fault = no_answer.cut_off(failure, self._where, headed=got.status > 0)
        got.seconds = time.monotonic() - started
        got.gather(self._key)
        # A whole answer counts, however the connection ended after it.
        if got.fault is not None and got.body and isinstance(got.read(), Completion):
            got.fault = None
        return got

    async def _begin(self, prepared: "_Prepared", pool: httpx.AsyncClient) -> httpx.Response:
        """Receive the head of the reply. The server may close an idle connection at any time, which says nothing about
        the server; so the request is then sent once more, on a new connection."""
        seen = _Seen()
        try:
            return await pool.send(prepared.request(seen), stream=True)
        except _CUT:
            if seen.connected:
                raise
        if self._fresh is None:
            self._fresh = self._pool(kept=0)
        return await self._fresh.send(prepared.request(seen), stream=True)

    def _note_head(self, response: httpx.Response, got: "_Got") -> None:
        got.status = response.status_code
        got.content_type = self._hidden(response.headers.get("content-type", ""))
        if wait := response.headers.get("retry-after"):
            got.headers = {"retry-after": wait}
        if 300 <= got.status < 400 and "location" in response.headers:
            got.fault = no_answer.sent_on(self._where, got.status, self._hidden(response.headers["location"]))

    async def _note_body(self, response: httpx.Response, got: "_Got") -> None:
        if got.fault is not None:
            return
        async for chunk in response.aiter_bytes():
            got.chunks.append(chunk)
            got.size += len(chunk)
            if got.size > _MOST_BYTES:
                got.chunks.clear()
                got.fault = no_answer.too_big(self._where, _MOST_BYTES)
                return

    async def _try_stream(self, prepared: "_Prepared") -> AsyncGenerator[Delta | Completion | Fault]:
        """Stream one try; the last piece is no Delta."""
        with self._lane() as pool:
            async with aclosing(self._stream_over(pool, prepared)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _stream_over(
        self, pool: httpx.AsyncClient, prepared: "_Prepared"
    ) -> AsyncGenerator[Delta | Completion | Fault]:
        started = time.monotonic()
        got = _Got()
        try:
            async with asyncio.timeout(prepared.timeout_s):
                response = await self._begin(prepared, pool)
        except TimeoutError:
            yield no_answer.silent(self._where, prepared.timeout_s)
            return
        except _FAILURES as failure:
            yield no_answer.cut_off(failure, self._where, headed=False)
            return
        try:
            self._note_head(response, got)
            if 200 <= got.status < 300 and got.streams:
                async with aclosing(self._read_stream(response, prepared)) as pieces:
                    async for piece in pieces:
                        yield self._counted(piece, time.monotonic() - started) if isinstance(piece, _Outcome) else piece
                return
            try:
                async with asyncio.timeout(prepared.timeout_s):
                    await self._note_body(response, got)
            except TimeoutError:
                got.fault = no_answer.slow(self._where, prepared.timeout_s, got.size)
            except _FAILURES as failure:
                got.fault = no_answer.cut_off(failure, self._where, headed=True)
        finally:
            await response.aclose()
        got.gather(self._key)
        outcome = self._counted(got.fault or got.read(), time.monotonic() - started)
        if isinstance(outcome, Completion) and (outcome.text or outcome.reasoning):
            yield Delta(outcome.text, outcome.reasoning)
        yield outcome

    async def _read_stream(
        self, response: httpx.Response, prepared: "_Prepared"
    ) -> AsyncGenerator[Delta | Completion | Fault]:
        reader, cover = StreamReader(), _Cover(self._key)
        fault: Fault | None = None
        quiet = whole = 0.0
        chunks = response.aiter_bytes()
        try:
            while fault is None and not reader.ended:
                longest = _WHOLE_STREAM * prepared.timeout_s
                began, spoken = time.monotonic(), reader.spoken
                try:
                    async with asyncio.timeout(max(0.0, min(prepared.timeout_s - quiet, longest - whole))):
                        chunk = await anext(chunks, None)
                except TimeoutError:
                    fault = self._late(reader, prepared.timeout_s, over=whole + time.monotonic() - began >= longest)
                    break
                except _FAILURES as failure:
                    fault = no_answer.cut_off(failure, self._where, headed=True)
                    break
                if chunk is None:
                    break
                for delta in reader.feed(cover.bytes(chunk)):
                    for shown in cover.delta(delta):
                        yield shown
                if reader.heard > _MOST_BYTES:
                    fault = no_answer.too_big(self._where, _MOST_BYTES)
                waited = time.monotonic() - began
                whole += waited
                quiet = 0.0 if reader.spoken > spoken else quiet + waited
        finally:
            await response.aclose()
        deltas = reader.feed(cover.bytes(b"", last=True))
        rest, outcome = reader.close()
        for delta in [*deltas, *rest]:
            for shown in cover.delta(delta):
                yield shown
        for shown in cover.rest():
            yield shown
        # A stream with a finish reason is whole, however it ended after that; an error in it says more than ours.
        yield fault if fault is not None and not isinstance(outcome, Completion) and not reader.ended else outcome

    def _late(self, reader: StreamReader, seconds: float, *, over: bool) -> Fault:
        if over:
            return no_answer.endless(self._where, _WHOLE_STREAM * seconds)
        if reader.spoken:
            return no_answer.stalled(self._where, seconds)
        if reader.heard:
            return no_answer.speechless(self._where, seconds)
        return no_answer.silent(self._where, seconds, 0)

    def _counted(self, outcome: Completion | Fault, seconds: float) -> Completion | Fault:
        """The outcome with the key hidden, after it has been counted towards the concurrency limit. A text read from
        JSON may contain the key even though its bytes did not."""
        if isinstance(outcome, Completion):
            self._concurrency_limit.answered(seconds)
        elif outcome.kind == "retry" and outcome.status in _CROWDED:
            self._concurrency_limit.refused()
        return outcome if self._key is None else _without(self._key, outcome)

    def _hidden(self, text: str) -> str:
        return self._key.hide_text(text) if self._key else text

    @contextmanager
    def _lane(self) -> Iterator[httpx.AsyncClient]:
        """A pool that has room for one more request."""
        lane = next((lane for lane in self._lanes if lane.busy < _LANE), None)
        if lane is None:
            lane = _Lane(self._pool(kept=None))
            self._lanes.append(lane)
        lane.busy += 1
        try:
            yield lane.pool
        finally:
            lane.busy -= 1

    def _first_pool(self) -> httpx.AsyncClient:
        try:
            return self._pool(kept=None)
        except (ValueError, ImportError):
            why = "The proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) cannot be used"
            raise UserError(f"{why}; fix or unset it.") from None

    def _pool(self, *, kept: int | None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            http2=True,
            verify=self._certificates,
            limits=httpx.Limits(max_keepalive_connections=kept, keepalive_expiry=_KEEPALIVE_S),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
        )


_Outcome = Completion | Fault
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError)


class _Again(Exception):
    """A fault that may be gone at the next try."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Lane(msgspec.Struct):
    """A pool of connections, and its number of requests under way."""

    pool: httpx.AsyncClient
    busy: int = 0


class _Seen:
    """Watches one request: whether a connection was made for it, or an idle one was reused."""

    def __init__(self) -> None:
        self.connected = False

    async def trace(self, event: str, _: Mapping[str, object]) -> None:
        if event.startswith("connection.connect_"):
            self.connected = True


class _Prepared(msgspec.Struct, frozen=True):
    """A request ready to be sent, with the settings at that time."""

    method: str
    url: httpx.URL
    headers: httpx.Headers
    body: bytes | None
    extensions: dict[str, Any]
    timeout_s: float

    def request(self, seen: _Seen) -> httpx.Request:
        extensions = {**self.extensions, "trace": seen.trace}
        return httpx.Request(self.method, self.url, headers=self.headers, content=self.body, extensions=extensions)


class _Got(msgspec.Struct):
    """What one try has received so far; status 0 means no head yet."""

    status: int = 0
    headers: dict[str, str] = {}
    content_type: str = ""
    body: bytes = b""
    chunks: list[bytes] = []
    size: int = 0
    seconds: float = 0.0
    fault: Fault | None = None

    @property
    def streams(self) -> bool:
        return "text/event-stream" in self.content_type.lower()

    def gather(self, key: Key | None) -> None:
        """Join the chunks into the body, with the key hidden."""
        whole = b"".join(self.chunks)
        self.body = key.hide(whole) if key else whole

    def read(self) -> Completion | Fault:
        if 200 <= self.status < 300 and self.streams:
            reader = StreamReader()
            reader.feed(self.body)
            return reader.close()[1]
        return read_reply(self.status, self.content_type, self.headers, self.body, time.time())


class _Cover:
    """Hides the key in a stream, even if it is split between pieces: what may be its beginning is held back."""

    def __init__(self, key: Key | None) -> None:
        self._key = key
        self._bytes = b""
        self._text = self._reasoning = ""

    def bytes(self, piece: bytes, *, last: bool = False) -> bytes:
        if self._key is None:
            return piece
        data = self._key.hide(self._bytes + piece)
        at = len(data) if last else len(data) - self._key.held_back(data)
        self._bytes = data[at:]
        return data[:at]

    def delta(self, delta: Delta) -> list[Delta]:
        """The piece that may be shown now, if any; a server may also send the key token by token."""
        if self._key is None:
            return [delta]
        text, reasoning = self._text + delta.text, self._reasoning + delta.reasoning
        if delta.turned:
            text, reasoning = delta.text, self._reasoning + self._text + delta.reasoning
        text, reasoning = self._key.hide_text(text), self._key.hide_text(reasoning)
        at, until = len(text) - self._key.held_back_text(text), len(reasoning) - self._key.held_back_text(reasoning)
        self._text, self._reasoning = text[at:], reasoning[until:]
        shown = Delta(text[:at], reasoning[:until], delta.turned)
        return [shown] if shown else []

    def rest(self) -> list[Delta]:
        shown = Delta(self._text, self._reasoning)
        self._text = self._reasoning = ""
        return [shown] if shown else []


def _raise_to_retry(outcome: Completion | Fault | None) -> None:
    if isinstance(outcome, Fault) and outcome.kind == "retry":
        raise _Again(outcome)


def _without(key: Key, outcome: Completion | Fault) -> Completion | Fault:
    hide = key.hide_text
    if isinstance(outcome, Fault):
        return msgspec.structs.replace(outcome, message=hide(outcome.message))
    tokens = outcome.tokens
    if tokens is not None:
        spelled = "\0".join(text for place in tokens for text in (place.token, *(other for other, _ in place.top)))
        if hide(spelled) != spelled:
            tokens = [
                TokenLogprobs(hide(place.token), place.logprob, [(hide(text), value) for text, value in place.top])
                for place in tokens
            ]
    return Completion(
        hide(outcome.text),
        hide(outcome.reasoning),
        tokens,
        hide(outcome.finish_reason),
        outcome.usage,
        hide(outcome.model),
        hide(outcome.provider),
    )


def _base(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    # The message does not show the address, since it may contain a key.
    if "@" in base_url:
        raise UserError(
            "model.base_url contains a name or password; put the key into a variable that model.key_env names."
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise UserError("model.base_url is not the address of a server; write it as http://HOST:PORT/v1.")
    return url


def _attribution(host: str) -> dict[str, str]:
    """The headers by which OpenRouter attributes calls: the program's name, and an address that is nobody's."""
    if host != "openrouter.ai" and not host.endswith(".openrouter.ai"):
        return {}
    return {"HTTP-Referer": "https://icm-tui.invalid", "X-OpenRouter-Title": "icm-tui"}


def _headers(given: Mapping[str, str | bytes]) -> httpx.Headers:
    pairs = ((name, value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in given.items())
    return httpx.Headers([(name.encode("ascii"), value) for name, value in pairs])


def _trusted() -> ssl.SSLContext:
    """The trusted certificates, as the environment names them."""
    names = "SSL_CERT_FILE", "SSL_CERT_DIR"
    try:
        return _certificates(*(os.environ.get(name) for name in names))
    except OSError:
        raise UserError(f"The certificates that {' or '.join(names)} names cannot be read. Fix or unset it.") from None


@functools.cache
def _certificates(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Read the certificates once for each value of the two variables, since it takes a while."""
    return httpx.create_ssl_context()
