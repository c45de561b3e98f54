"""What is said about labels: explanations streamed beside a run, and items asked about again for a person.

None of it has a part in the search. An explanation runs in a task of its own; what goes wrong in it ends it alone.
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
from icm_tui.run_dir.records import AnyRecord, ContextRecord, ErrorRecord, ExplanationRecord, ReaskRecord
from icm_tui.runner.budget import Limits
from icm_tui.search.method import Search
from icm_tui.text import one_line

# At once, of those that come by themselves; and of those that people asked for.
_MOST_DUE = 2
_MOST_ASKED = 2
# When a run ends, an explanation that has brought nothing for so many turns of the event loop hangs.
_IDLE_TURNS = 50
_MOST_TURNS = 20_000
# How often the end of explanations is looked for while a run waits for it, and what a cut one may take, in seconds.
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


class _Again(msgspec.Struct):
    """A question that a person had asked again and that waits for its reply."""

    query: Query
    n: int
    call: int
    command: str


class Explanations:
    """Explains labels of a run under way by its `asker`.

    `path` is where the pieces go, `context_of` gives a context by its number, `append` takes what belongs into the
    journal, `limits` say what may be paid for, and `observe` is called with every piece written. Between two pieces
    `between` seconds pass, for people to read along when a run is slowed down to be watched.
    """

    def __init__(
        self,
        path: Path,
        search: Search,
        model_client: ModelClient,
        last_asked: LastAsked,
        context_of: Callable[[int], ContextRecord],
        append: Callable[[AnyRecord], object],
        limits: Limits,
        observe: Callable[[ReasoningPiece], None] = lambda piece: None,
        between: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._path = path
        self._search = search
        self._model_client = model_client
        self._last_asked = last_asked
        self._context_of = context_of
        self._append = append
        self._limits = limits
        self._observe = observe
        self._between = between
        self._hurry = asyncio.Event()
        self._hastened = asyncio.Event()
        self._ends_by = math.inf
        self._log: ReasoningLog | None = None
        self._told = False
        self._decisions = 0
        self._streams: dict[int, _Stream] = {}
        self._again: dict[str, _Again] = {}
        self._progress = 0

    @property
    def busy(self) -> bool:
        """Whether a reply or a piece is still to come."""
        return bool(self._streams or self._again)

    def decided(self, decision: Decision, every: int) -> None:
        """Begin to explain the first item of a decision, by the context that it was last asked with, after `every` ones
        that have items. It is dropped if as many as may be are under way, or the budget has no room for it."""
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
            if not self._told:
                self._append(ErrorRecord(what=str(error)))
                self._told = True
            return
        label = self._search.labels_of(decision.chain)[item]
        self._begin(self._query(_name(call), item, number), _Stream(call, item, decision.n, label, due=True), expected)

    def why_not(self, item: int) -> str:
        """Why an item cannot be asked about again now, whatever that may cost; empty if it can."""
        number = self._list_of(item)
        if number is None:
            return f"item {item} has not been asked about yet, so there is no question to repeat"
        if len(self._again) + sum(not stream.due for stream in self._streams.values()) >= _MOST_ASKED:
            return f"{_MOST_ASKED} items are being asked about already; wait for their answers"
        return ""

    def ask(self, item: int, command: str) -> str:
        """Ask about an item again, with the context that it was last asked with in the chain that leads, or else in
        any; its reply is to be handed to `receive`. Returns why not if that cannot be, else an empty text. `command` is
        the id of the one that asks for it."""
        number = self._list_of(item)
        if (why := self.why_not(item)) or number is None:
            return why
        expected = self._expected_again(self._query("", item, number))
        if why := self._limits.why_no_money("reask", expected):
            return why
        try:
            call = self._opened().new_call()
        except RunFailed as error:
            return str(error)
        query = msgspec.structs.replace(self._query(_name(call), item, number), fresh=True)
        self._again[query.question] = _Again(query, self._search.n, call, command)
        self._limits.begin(query.question, "reask", expected)
        self._model_client.ask(query)
        return ""

    def receive(self, query: Query, reply: Reply | Unavailable) -> bool:
        """Take a reply if it is to a question of `ask`; then journal it and begin to explain it."""
        again = self._again.pop(query.question, None)
        if again is None:
            return False
        if isinstance(reply, Unavailable):
            reply = Reply(None, failed=one_line(reply.why))
        self._journal_again(again, reply)
        if reply.logprobs is not None:
            stream = _Stream(again.call, query.item, again.n, _likeliest(reply.logprobs), due=False)
            self._begin(query, stream, self._model_client.expected_explanation_cost(query))
        return True

    async def settle(self) -> None:
        """Wait until all that was asked is answered and explained."""
        while self._again:
            for query, reply in await self._model_client.replies(0.1):
                self.receive(query, reply)
        await asyncio.gather(*(stream.task for stream in self._streams.values() if stream.task))

    async def finish(self, shutdown_grace: float, beat: Callable[[], object]) -> None:
        """Give what is under way `patience` seconds to come to its end, or what `hasten` leaves of them, and cut it off
        then. Without any it goes on as long as the next pieces are there. `beat` is called twice a second."""
        self._hurry.set()
        if shutdown_grace > 0:
            await self._wait(shutdown_grace, beat)
        else:
            await self._run_out()
        await self.end("the run ended before it was finished")

    def hasten(self, seconds: float) -> None:
        """Give what is under way at most so many seconds from now on, once the run ends."""
        self._ends_by = min(self._ends_by, time.monotonic() + seconds)
        self._hastened.set()

    async def end(self, why: str) -> None:
        """Cut off what is under way, and wait until it has let go of its connections."""
        tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
        self.cut(why)
        if tasks:
            await asyncio.wait(tasks, timeout=_CUT_WITHIN)

    async def _wait(self, shutdown_grace: float, beat: Callable[[], object]) -> None:
        self._ends_by = min(self._ends_by, time.monotonic() + shutdown_grace)
        while self.busy and (left := self._ends_by - time.monotonic()) > 0:
            beat()
            self._hastened.clear()
            seconds = min(_LOOK_EVERY, left)
            if self._again:
                for query, reply in await self._model_client.replies(seconds):
                    self.receive(query, reply)
                continue
            hastened = asyncio.create_task(self._hastened.wait())
            tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
            await asyncio.wait([hastened, *tasks], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            hastened.cancel()

    async def _run_out(self) -> None:
        idle = turns = 0
        while self.busy and idle < _IDLE_TURNS and turns < _MOST_TURNS:
            before = self._progress
            if self._again:
                for query, reply in await self._model_client.replies(0.0):
                    self.receive(query, reply)
            await asyncio.sleep(0)
            turns += 1
            idle = 0 if self._progress > before else idle + 1

    def cut(self, why: str) -> None:
        """End at once what is under way."""
        for question in list(self._again):
            self._journal_again(self._again.pop(question), Reply(None, failed=why))
        for stream in list(self._streams.values()):
            self._end(stream, why)
            if stream.task is not None:
                stream.task.cancel()
        if self._log is not None:
            self._log.close()
            self._log = None

    # Inside

    def _opened(self) -> ReasoningLog:
        if self._log is None:
            self._log = ReasoningLog(self._path)
        return self._log

    def _list_of(self, item: int) -> int | None:
        number = self._last_asked.context(self._search.leading, item)
        return self._last_asked.context_anywhere(item) if number is None else number

    def _query(self, name: str, item: int, number: int) -> Query:
        context = self._context_of(number)
        return Query(name, item, context.chain, context.id, context.demonstrations)

    def _expected_again(self, query: Query) -> float | None:
        """What an answer and its explanation may cost together."""
        costs = self._model_client.expected_cost(query), self._model_client.expected_explanation_cost(query)
        return None if costs[0] is None or costs[1] is None else costs[0] + costs[1]

    def _journal_again(self, again: _Again, reply: Reply) -> None:
        self._progress += 1
        self._append(
            ReaskRecord(
                item=again.query.item,
                context_id=again.query.context_id,
                n=again.n,
                call=again.call,
                command=again.command,
                **{name: getattr(reply, name) for name in Reply.__struct_fields__},
            )
        )
        self._limits.end(again.query.question)
        if reply.logprobs is None:
            # There is nothing to explain; the piece keeps its number from being given again.
            with contextlib.suppress(RunFailed):
                self._write(_Stream(again.call, again.query.item, again.n, None, due=False), "", end=True)

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
                # What a server said may not be text that can be written.
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
        self._progress += 1
        self._observe(piece)


def _name(call: int) -> str:
    return f"reask/{call}"


def _explanation(call: int) -> str:
    return f"thought/{call}"


def _likeliest(logprobs: Sequence[float]) -> int:
    return max(range(len(logprobs)), key=lambda label: logprobs[label])
