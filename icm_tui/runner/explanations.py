"""Explanations streamed beside a run, and items re-asked for a person. None of this has a part in the search.

An explanation runs in a task of its own, and an error in it ends nothing else. At the end of a run explanations get the
model client's time of grace, and are cut off then.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from icm_tui.domain.decisions import Decision
from icm_tui.domain.reply import Reply
from icm_tui.errors import RunFailed
from icm_tui.models.client import ModelClient, Piece, Query, Unavailable
from icm_tui.run_dir.labels import LastAsked
from icm_tui.run_dir.reasoning import ReasoningLog, ReasoningPiece
from icm_tui.run_dir.records import AnyRecord, ErrorRecord, ExplanationRecord, ReaskRecord
from icm_tui.runner.limits import Limits
from icm_tui.search.method import Search
from icm_tui.text import one_line

# At most so many explanations that come by themselves, and so many re-asks, are under way at once.
_MOST_DUE = 2
_MOST_ASKED = 2
# How often a run that waits for its explanations writes its status, and what cut ones may take to let go, in seconds.
_LOOK_EVERY = 0.5
_CUT_WITHIN = 1.0


class _Stream(msgspec.Struct):
    """An explanation under way."""

    call: int
    item: int
    n: int
    label: int | None
    due: bool
    tokens: int | None = None
    cost: float | None = None
    task: asyncio.Task[None] | None = None


class _Reask(msgspec.Struct):
    """A re-ask that waits for its reply."""

    query: Query
    n: int
    call: int
    command: str


class Explanations:
    """Has labels of a run explained by its `model_client`.

    `path` is where the pieces are written. `query` makes a question of a name, an item and a context's number, `append`
    journals a record, `limits` say what may be paid for, and `observe` is called with every piece written. Between two
    pieces `between` seconds pass, so that people can read along in a run that is slowed down.
    """

    def __init__(
        self,
        path: Path,
        search: Search,
        model_client: ModelClient,
        last_asked: LastAsked,
        query: Callable[[str, int, int], Query],
        append: Callable[[AnyRecord], object],
        limits: Limits,
        observe: Callable[[ReasoningPiece], None] = lambda piece: None,
        between: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._path = path
        self._search = search
        self._model_client = model_client
        self._last_asked = last_asked
        self._query = query
        self._append = append
        self._limits = limits
        self._observe = observe
        self._between = between
        self._hurry = asyncio.Event()
        self._hastened = asyncio.Event()
        self._ends_by = math.inf
        self._log: ReasoningLog | None = None
        self._unwritable = False
        self._decisions = 0
        self._streams: dict[int, _Stream] = {}
        self._reasks: dict[str, _Reask] = {}

    @property
    def busy(self) -> bool:
        """Whether a reply or a piece is still to come."""
        return bool(self._streams or self._reasks)

    def decided(self, decision: Decision, every: int) -> None:
        """Take note of a decision. Of every `every`th one that has items, the first item is explained with the context
        that it was last asked with, unless too many explanations are under way or the budget has no room for it."""
        if not decision.items:
            return
        self._decisions += 1
        if self._decisions % every or sum(stream.due for stream in self._streams.values()) >= _MOST_DUE:
            return
        item = decision.items[0]
        number = self._last_asked.context(decision.chain, item)
        if number is None:
            return
        expected = self._model_client.expected_explanation_cost(self._query("", item, number))
        if self._limits.why_no_money("explanation", expected):
            return
        try:
            call = self._opened().new_call()
        except RunFailed as error:
            if not self._unwritable:
                self._append(ErrorRecord(what=str(error)))
                self._unwritable = True
            return
        label = self._search.labels_of(decision.chain)[item]
        self._begin(self._query(_name(call), item, number), _Stream(call, item, decision.n, label, due=True), expected)

    def why_not(self, item: int) -> str:
        """Why an item cannot be re-asked now, apart from what it costs; empty if it can."""
        number = self._context_of(item)
        if number is None:
            return f"item {item} has not been asked about yet, so there is no question to repeat"
        if len(self._reasks) + sum(not stream.due for stream in self._streams.values()) >= _MOST_ASKED:
            return f"{_MOST_ASKED} items are being asked about already; wait for their answers"
        return ""

    def ask(self, item: int, command: str) -> str:
        """Re-ask an item, with the context that it was last asked with in the leading chain, or else in any. Its reply
        is to be passed to `receive`. `command` is the id of the command that asks for it. Returns why it cannot be
        asked, or an empty text."""
        number = self._context_of(item)
        if (why := self.why_not(item)) or number is None:
            return why
        expected = self._expected_with_explanation(self._query("", item, number))
        if why := self._limits.why_no_money("reask", expected):
            return why
        try:
            call = self._opened().new_call()
        except RunFailed as error:
            return str(error)
        query = msgspec.structs.replace(self._query(_name(call), item, number), fresh=True)
        self._reasks[query.question] = _Reask(query, self._search.n, call, command)
        self._limits.begin(query.question, "reask", expected)
        self._model_client.ask(query)
        return ""

    def receive(self, query: Query, reply: Reply | Unavailable) -> bool:
        """Journal a reply if it is to a question of `ask`, and begin to explain it. Returns whether it was."""
        reask = self._reasks.pop(query.question, None)
        if reask is None:
            return False
        if isinstance(reply, Unavailable):
            reply = Reply(None, failed=one_line(reply.why))
        self._journal_reask(reask, reply)
        if reply.logprobs is not None:
            stream = _Stream(reask.call, query.item, reask.n, _likeliest(reply.logprobs), due=False)
            self._begin(query, stream, self._model_client.expected_explanation_cost(query))
        return True

    async def settle(self) -> None:
        """Wait until every re-ask is answered and explained."""
        while self._reasks:
            for query, reply in await self._model_client.replies(0.1):
                self.receive(query, reply)
        await asyncio.gather(*(stream.task for stream in self._streams.values() if stream.task))

    async def finish(self, grace: float, beat: Callable[[], object]) -> None:
        """Give what is under way `grace` seconds to come to its end, or what `hasten` leaves of them, and then cut it
        off. `beat` is called twice a second meanwhile."""
        self._hurry.set()
        self._ends_by = min(self._ends_by, time.monotonic() + grace)
        while self.busy and (left := self._ends_by - time.monotonic()) > 0:
            beat()
            self._hastened.clear()
            seconds = min(_LOOK_EVERY, left)
            if self._reasks:
                for query, reply in await self._model_client.replies(seconds):
                    self.receive(query, reply)
                continue
            hastened = asyncio.create_task(self._hastened.wait())
            tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
            await asyncio.wait([hastened, *tasks], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            hastened.cancel()
        await self.end("the run ended before it was finished")

    def hasten(self, seconds: float) -> None:
        """Give what is under way at the end of the run at most so many seconds from now on."""
        self._ends_by = min(self._ends_by, time.monotonic() + seconds)
        self._hastened.set()

    async def end(self, why: str) -> None:
        """Cut off what is under way, and wait until it has let go of its connections."""
        tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
        self._cut(why)
        if tasks:
            await asyncio.wait(tasks, timeout=_CUT_WITHIN)

    # Inside

    def _cut(self, why: str) -> None:
        for question in list(self._reasks):
            self._journal_reask(self._reasks.pop(question), Reply(None, failed=why))
        for stream in list(self._streams.values()):
            self._end(stream, why)
            if stream.task is not None:
                stream.task.cancel()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _opened(self) -> ReasoningLog:
        if self._log is None:
            self._log = ReasoningLog(self._path)
        return self._log

    def _context_of(self, item: int) -> int | None:
        number = self._last_asked.context(self._search.leading, item)
        return self._last_asked.context_anywhere(item) if number is None else number

    def _expected_with_explanation(self, query: Query) -> float | None:
        """What an answer and its explanation may cost together, in USD; None without a price."""
        costs = self._model_client.expected_cost(query), self._model_client.expected_explanation_cost(query)
        return None if costs[0] is None or costs[1] is None else costs[0] + costs[1]

    def _journal_reask(self, reask: _Reask, reply: Reply) -> None:
        self._append(
            ReaskRecord(
                item=reask.query.item,
                context_id=reask.query.context_id,
                n=reask.n,
                call=reask.call,
                command=reask.command,
                **msgspec.structs.asdict(reply),
            )
        )
        self._limits.end(reask.query.question)
        if reply.logprobs is None:
            # There is nothing to explain. This piece keeps the number from being used again.
            with contextlib.suppress(RunFailed):
                self._write(_Stream(reask.call, reask.query.item, reask.n, None, due=False), "", end=True)

    def _begin(self, query: Query, stream: _Stream, expected: float | None) -> None:
        self._limits.begin(_explanation(stream.call), "explanation", expected)
        self._streams[stream.call] = stream
        stream.task = asyncio.create_task(self._follow(query, stream))

    async def _follow(self, query: Query, stream: _Stream) -> None:
        failed = None
        try:
            async for piece in self._model_client.explain(query, stream.label):
                self._keep(stream, piece)
                if (seconds := self._between()) > 0:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._hurry.wait(), seconds)
        except Exception as error:
            failed = str(error) or type(error).__name__
        self._end(stream, failed)

    def _keep(self, stream: _Stream, piece: Piece) -> None:
        if piece.tokens is not None:
            stream.tokens = piece.tokens
        if piece.cost is not None:
            if not 0 <= piece.cost < math.inf:
                raise ValueError(f"its cost is said to be {piece.cost}")
            stream.cost = piece.cost
        if piece.text:
            self._write(stream, piece.text, reasoning=piece.reasoning)

    def _end(self, stream: _Stream, failed: str | None) -> None:
        if self._streams.pop(stream.call, None) is None:
            return
        try:
            self._write(stream, "", end=True)
        except RunFailed as error:
            failed = failed or str(error)
        self._append(
            ExplanationRecord(
                item=stream.item,
                n=stream.n,
                call=stream.call,
                label=stream.label,
                tokens=stream.tokens,
                cost=stream.cost,
                # A server's words may not be text that can be written.
                failed=None if failed is None else failed.encode("utf-8", "replace").decode(),
            )
        )
        self._limits.end(_explanation(stream.call))

    def _write(self, stream: _Stream, text: str, *, reasoning: bool = False, end: bool = False) -> None:
        piece = ReasoningPiece(
            call=stream.call,
            item=stream.item,
            n=stream.n,
            t=time.time(),
            speaker=self._model_client.speaker,
            text=text,
            reasoning=reasoning,
            end=end,
        )
        self._opened().add(piece)
        self._observe(piece)


def _name(call: int) -> str:
    return f"reask/{call}"


def _explanation(call: int) -> str:
    return f"explanation/{call}"


def _likeliest(logprobs: Sequence[float]) -> int:
    return max(range(len(logprobs)), key=lambda label: logprobs[label])
