"""Connects to a server with OpenAI's API, on the network or llama.cpp's own for a model file, and asks its model."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.errors import RunFailed, UserError
from icm_tui.models.client import Piece, Query, Unavailable
from icm_tui.models.gguf.launch import serve
from icm_tui.models.server.cache import AnswerCache, request_key
from icm_tui.models.server.cost import cost_of, most_cost, price_of
from icm_tui.models.server.http import Client
from icm_tui.models.server.keys import Key, find_key
from icm_tui.models.server.probe.probing import probe
from icm_tui.models.server.probe.result import ProbeResult, keep, recall, why_not
from icm_tui.models.server.reply.labels import read_labels
from icm_tui.models.server.reply.types import Completion, Usage
from icm_tui.models.server.reply.whole import Delta
from icm_tui.models.server.requests import Request, begins_of, explanation_request, label_request
from icm_tui.models.server.router import Pin, choose, endpoints_of, is_openrouter, same_provider
from icm_tui.profile.schema import Model, Prompt, Reasoning
from icm_tui.text import one_line

_log = logging.getLogger(__name__)

_Number = TypeVar("_Number", int, float)

# How often a reply without log-probabilities is asked for in all; some routers lose them now and then.
_TRIES_FOR_LOGPROBS = 4
_LONGEST_SHUTDOWN_GRACE = 30.0
# Characters of a prompt beside its items: the instruction, and the words around each item.
_CHARACTERS_OF_HEAD = 400
_CHARACTERS_OF_PAIR = 24
# A model file's server caches a prompt in the slot that read it. Questions go there one by one, so that a context stays
# in its slot; explanations use the other slot.
_SLOTS = 2
_AT_ONCE = 1


class Connection(msgspec.Struct, frozen=True):
    """A server that can be asked. `base_url` names it in an Endpoint (see there); `pin` is the endpoint that was just
    chosen at a router; `most` limits the questions in flight, None if only the profile does. `trouble` returns why our
    own server has ended, None while it serves."""

    client: Client
    base_url: str
    key: Key | None
    pin: Pin | None = None
    most: int | None = None
    trouble: Callable[[], str | None] = lambda: None


@asynccontextmanager
async def connect(model: Model, folder: Path, held: Endpoint | None = None) -> AsyncIterator[Connection]:
    """Connect to the server of a resolved profile's model section. A model file gets a server of its own, which ends
    with this context.

    `folder` may hold a file .env with the key. With `held`, the endpoint of a run under way, no other is chosen. Raises
    UserError if there is no key, no such provider or no such file.
    """
    if model.backend == "gguf":
        assert model.path is not None
        async with serve(Path(model.path).expanduser(), slots=_SLOTS) as local:
            if held is not None and held.base_url != f"gguf:{local.digest}":
                raise UserError(
                    f"{model.path} is not the file that the run began with. Put that back, or start a new run."
                )
            client = Client(local.base_url, local.key, concurrency=_AT_ONCE, timeout_s=model.timeout_s)
            try:
                yield Connection(client, f"gguf:{local.digest}", local.key, most=_AT_ONCE, trouble=local.trouble)
            finally:
                await client.close()
        return
    assert model.base_url is not None
    key = find_key(model.key_env, folder)
    base_url = model.base_url.rstrip("/")
    client = Client(base_url, key, concurrency=model.concurrency, timeout_s=model.timeout_s)
    try:
        pin = None
        if is_openrouter(base_url) and held is None:
            pin = choose(await endpoints_of(client, model.model or ""), model.providers)
        yield Connection(client, base_url, key, pin)
    finally:
        await client.close()


async def diagnose(connection: Connection, model: Model, labels: Sequence[str]) -> ProbeResult:
    """Probe the endpoint behind a connection, and keep what was found."""
    base_url = connection.base_url
    found = await probe(connection.client, model, labels, connection.pin, base_url=base_url, now=time.time)
    keep(base_url, model, labels, found)
    return found


async def probe_endpoint(connection: Connection, model: Model, labels: Sequence[str]) -> ProbeResult:
    """What is known of the endpoint behind a connection, by a kept probe or by a new one.

    Raises UserError if no run can ask it, with what to change.
    """
    known = recall(connection.base_url, model, labels, time.time()) or await diagnose(connection, model, labels)
    if why := why_not(known):
        raise UserError(f"{why} `icm-tui doctor` says more.")
    return known


class ServerClient:
    """A ModelClient over one model server.

    `texts` and `groups` are the texts of the items and the numbers of their groups; a file .env in `folder` may hold
    the key. Without a `cache`, every question is sent.
    """

    def __init__(
        self,
        model: Model,
        prompt: Prompt,
        reasoning: Reasoning,
        texts: Sequence[str],
        groups: Sequence[int],
        *,
        cache: AnswerCache | None,
        folder: Path,
    ) -> None:
        self._model = model
        self._prompt = prompt
        self._reasoning = reasoning
        self._texts = texts
        self._groups = groups
        self._cache = cache
        self._folder = folder
        self._labels: dict[int, dict[int, int]] = {}
        self._stack = AsyncExitStack()
        self._connection: Connection | None = None
        self._endpoint: Endpoint | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._answered: deque[tuple[Query, Reply | Unavailable]] = deque()
        self._came = asyncio.Event()
        self._broken: Exception | None = None

    async def open(self, held: Endpoint | None) -> Endpoint:
        """Connect. If the run holds no endpoint yet, take that of a kept probe or of a new one."""
        try:
            self._connection = await self._stack.enter_async_context(connect(self._model, self._folder, held))
            self._endpoint = held or (await probe_endpoint(self._connection, self._model, self._prompt.labels)).endpoint
        except BaseException:
            await self.close()
            raise
        assert self._endpoint is not None
        return self._endpoint

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._stack.aclose()
        if self._cache is not None:
            self._cache.close()
            if self._cache.trouble:
                _log.warning(self._cache.trouble)

    def apply_settings(self, model: Model, reasoning: Reasoning) -> None:
        """Go on with changed settings. The key is looked up again; raises UserError if it is set nowhere."""
        self._model, self._reasoning = model, reasoning
        if self._connection is None:
            return
        key = find_key(model.key_env, self._folder) if model.backend == "openai" else self._connection.key
        concurrency = min(model.concurrency, self._connection.most or model.concurrency)
        self._connection.client.apply_settings(concurrency=concurrency, timeout_s=model.timeout_s, key=key)

    @property
    def concurrency_limit(self) -> int:
        return self._open[0].client.concurrency_limit

    @property
    def warms(self) -> bool:
        return self._open[1].warms

    @property
    def shutdown_grace(self) -> float:
        return min(self._model.timeout_s, _LONGEST_SHUTDOWN_GRACE)

    @property
    def speaker(self) -> str:
        """The name of the model at its server."""
        name = self._model.model or (Path(self._model.path).stem if self._model.path else "the model")
        return one_line(name)

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        labels = self._labels.setdefault(chain, {})
        for item, _, after in changes:
            labels.pop(item, None)
            if after is not None:
                labels[item] = after

    def expected_cost(self, query: Query) -> float | None:
        """The most that an answer may cost, by the length of its prompt."""
        endpoint = self._open[1]
        return most_cost(self._characters(query), endpoint.max_tokens, price_of(self._model, endpoint.price))

    def expected_explanation_cost(self, query: Query) -> float | None:
        price = price_of(self._model, self._open[1].price)
        return most_cost(self._characters(query), self._reasoning.max_tokens, price)

    def ask(self, query: Query) -> None:
        """Send a question, unless its answer is in the cache."""
        endpoint = self._open[1]
        request = label_request(
            endpoint, self._prompt, self._demonstrations(query), self._texts[query.item], self._model.extra
        )
        key = None
        if self._cache is not None and not query.fresh:
            key = request_key(endpoint, request, self._prompt.labels)
            if (known := self._cache.get(key)) is not None:
                self._give(query, known)
                return
        self._begin(self._ask(query, request, key))

    async def replies(self, seconds: float) -> list[tuple[Query, Reply | Unavailable]]:
        if not self._answered and self._broken is None and seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._came.wait()
            except TimeoutError:
                return []
        elif seconds <= 0:
            await asyncio.sleep(0)
        self._came.clear()
        if self._broken is not None:
            raise self._broken
        came = list(self._answered)
        self._answered.clear()
        return came

    async def explain(self, query: Query, label: int | None) -> AsyncIterator[Piece]:
        """Stream why the item has `label`. Raises RunFailed if the stream ends in an error, after the pieces that
        came."""
        connection, endpoint = self._open
        if label is None:
            raise RunFailed("there is no label to explain")
        request = explanation_request(
            endpoint,
            self._prompt,
            self._reasoning,
            self._demonstrations(query),
            self._texts[query.item],
            self._prompt.labels[label],
            self._model.extra,
        )
        outcome = None
        async for came in connection.client.stream(request):
            if not isinstance(came, Delta):
                outcome = came
                continue
            if came.reasoning:
                yield Piece(came.reasoning, reasoning=True)
            if came.text:
                yield Piece(came.text)
        if not isinstance(outcome, Completion):
            raise RunFailed(outcome.message if outcome is not None else "the stream ended without an answer")
        usage = outcome.usage
        yield Piece("", tokens=usage.tokens_out, cost=cost_of(usage, price_of(self._model, endpoint.price)))

    # Inside

    @property
    def _open(self) -> tuple[Connection, Endpoint]:
        assert self._connection is not None, "open() comes before questions"
        assert self._endpoint is not None
        return self._connection, self._endpoint

    def _demonstrations(self, query: Query) -> list[tuple[str, str]]:
        names, texts = self._prompt.labels, self._texts
        shown: Iterable[tuple[int, int]]
        if query.demonstrations == "all":
            group = self._groups[query.item]
            labels = sorted(self._labels.get(query.chain, {}).items())
            shown = ((item, label) for item, label in labels if self._groups[item] != group)
        else:
            shown = query.demonstrations
        return [(texts[item], names[label]) for item, label in shown]

    def _characters(self, query: Query) -> int:
        shown = self._labels.get(query.chain, {}) if query.demonstrations == "all" else dict(query.demonstrations)
        pairs = sum(len(self._texts[item]) + _CHARACTERS_OF_PAIR for item in (*shown, query.item))
        return _CHARACTERS_OF_HEAD + pairs

    def _begin(self, asking: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(asking)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, query: Query, request: Request, key: bytes | None) -> None:
        try:
            answer = await self._answer(request)
        except Exception as error:
            self._broken = error
            self._came.set()
            return
        if isinstance(answer, Reply) and answer.failed is None and key is not None and self._cache is not None:
            self._cache.put(key, answer, self._open[1])
        self._give(query, answer)

    def _give(self, query: Query, answer: Reply | Unavailable) -> None:
        self._answered.append((query, answer))
        self._came.set()

    async def _answer(self, request: Request) -> Reply | Unavailable:
        connection, endpoint = self._open
        wasted: list[Usage] = []
        for _ in range(_TRIES_FOR_LOGPROBS):
            sent = await connection.client.send(request)
            outcome = sent.outcome
            if not isinstance(outcome, Completion):
                if outcome.kind == "item":
                    return self._priced(Reply(None, failed=outcome.message, seconds=sent.seconds), wasted)
                if trouble := connection.trouble():
                    return Unavailable(f"{trouble} Stop the run and resume it to start it anew.")
                return Unavailable(outcome.message)
            if why := self._of_another(endpoint, outcome):
                return Unavailable(why)
            if outcome.tokens:
                break
            wasted.append(outcome.usage)
        else:
            return Unavailable(
                f"The server gave no log-probabilities, {_TRIES_FOR_LOGPROBS} times in a row; `icm-tui doctor` says "
                "what it can do."
            )
        wasted.append(outcome.usage)
        reply = read_labels(outcome, self._prompt.labels, begins_of(endpoint, self._prompt))
        if reply is None:
            names = ", ".join(self._prompt.labels)
            reply = Reply(None, failed=f"None of the labels {names} was among the likeliest tokens of the answer.")
        return self._priced(
            msgspec.structs.replace(reply, endpoint=outcome.provider or endpoint.kind, seconds=round(sent.seconds, 4)),
            wasted,
        )

    def _of_another(self, endpoint: Endpoint, completion: Completion) -> str:
        """Why a reply does not count: a router let another provider answer than the one that the run is held to."""
        if not endpoint.provider or not completion.provider:
            return ""
        pinned = self._open[0].pin
        if same_provider(endpoint.provider, pinned.name if pinned is not None else "", completion.provider):
            return ""
        return (
            f"The answer came from {completion.provider}, though the run is held to {endpoint.provider}; "
            "log-probabilities of two providers do not compare. Resume to try again, or name another one with "
            "--set model.providers."
        )

    def _priced(self, reply: Reply, usages: Sequence[Usage]) -> Reply:
        """`reply` with the sums over all its tries; a sum is unknown only if it is unknown for every try."""
        price = price_of(self._model, self._open[1].price)
        return msgspec.structs.replace(
            reply,
            tokens_in=_sum(usage.tokens_in for usage in usages),
            tokens_out=_sum(usage.tokens_out for usage in usages),
            tokens_cached=_sum(usage.tokens_cached for usage in usages),
            cost=_sum(cost_of(usage, price) for usage in usages),
        )


def _sum(values: Iterable[_Number | None]) -> _Number | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
