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

from icm_tui.errors import RunFailed
from icm_tui.models.interface import Asked, Asker, Piece
from icm_tui.models.reply import Reply
from icm_tui.runs.last_asked import LastAsked
from icm_tui.runs.reasoning import ReasoningLog, ReasoningPiece
from icm_tui.runs.records import AnyRecord, BlockRecord, ErrorRecord, ExtraRecord, ThoughtRecord
from icm_tui.search.interface import Search
from icm_tui.search.types import Decision

# At once, of those that come by themselves; and of those that people asked for.
_MOST_DUE = 2
_MOST_ASKED = 2
# When a run ends, an explanation that has brought nothing for so many turns of the event loop hangs.
_IDLE_TURNS = 50
_MOST_TURNS = 20_000


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

    asked: Asked
    n: int
    call: int
    command: str


class Thinking:
    """Explains labels of a run under way by its `asker`.

    `path` is where the pieces go, `block_of` gives a list by its number, `append` takes what belongs into the journal,
    and `observe` is called with every piece written. Between two pieces `between` seconds pass, for people to read
    along where a run is slowed down to be watched.
    """

    def __init__(
        self,
        path: Path,
        search: Search,
        asker: Asker,
        last_asked: LastAsked,
        block_of: Callable[[int], BlockRecord],
        append: Callable[[AnyRecord], object],
        observe: Callable[[ReasoningPiece], None] = lambda piece: None,
        between: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._path = path
        self._search = search
        self._asker = asker
        self._last_asked = last_asked
        self._block_of = block_of
        self._append = append
        self._observe = observe
        self._between = between
        self._hurry = asyncio.Event()
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
        """Begin to explain the first item of a decision, by the list that it was last asked with, after `every` ones
        that have items. It is dropped where as many as may be are under way."""
        if not decision.items:
            return
        self._decisions += 1
        if self._decisions % every or sum(stream.due for stream in self._streams.values()) >= _MOST_DUE:
            return
        item = decision.items[0]
        number = self._last_asked.block(decision.chain, item)
        if number is None:
            return
        try:
            call = self._opened().new_call()
        except RunFailed as error:
            if not self._told:
                self._append(ErrorRecord(what=str(error)))
                self._told = True
            return
        label = self._search.labels_of(decision.chain)[item]
        self._begin(self._asked(call, item, number), _Stream(call, item, decision.n, label, due=True))

    def ask(self, item: int, command: str) -> str:
        """Ask about an item again, with the list that it was last asked with in the chain that leads, or else in any;
        its reply is to be handed to `receive`. Returns why not where that cannot be, else an empty text. `command` is
        the id of the one that asks for it."""
        number = self._last_asked.block(self._search.leading, item)
        if number is None:
            number = self._last_asked.block_anywhere(item)
        if number is None:
            return f"item {item} has not been asked about yet, so there is no question to repeat"
        if len(self._again) + sum(not stream.due for stream in self._streams.values()) >= _MOST_ASKED:
            return f"{_MOST_ASKED} items are being asked about already; wait for their answers"
        try:
            call = self._opened().new_call()
        except RunFailed as error:
            return str(error)
        asked = self._asked(call, item, number)
        self._again[asked.question] = _Again(asked, self._search.n, call, command)
        self._asker.ask(asked)
        return ""

    def receive(self, asked: Asked, reply: Reply) -> bool:
        """Take a reply if it is to a question of `ask`; then journal it and begin to explain it."""
        again = self._again.pop(asked.question, None)
        if again is None:
            return False
        self._journal_again(again, reply)
        if reply.logprobs is not None:
            self._begin(asked, _Stream(again.call, asked.item, again.n, _likeliest(reply.logprobs), due=False))
        return True

    async def settle(self) -> None:
        """Wait until all that was asked is answered and explained."""
        while self._again:
            for asked, reply in await self._asker.replies(0.1):
                self.receive(asked, reply)
        await asyncio.gather(*(stream.task for stream in self._streams.values() if stream.task))

    async def finish(self) -> None:
        """Let what is under way come to its end as long as the next pieces are there, and cut off what hangs."""
        self._hurry.set()
        idle = turns = 0
        while self.busy and idle < _IDLE_TURNS and turns < _MOST_TURNS:
            before = self._progress
            if self._again:
                for asked, reply in await self._asker.replies(0.0):
                    self.receive(asked, reply)
            await asyncio.sleep(0)
            turns += 1
            idle = 0 if self._progress > before else idle + 1
        self.cut("the run ended before it was finished")

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

    def _asked(self, call: int, item: int, number: int) -> Asked:
        block = self._block_of(number)
        return Asked(f"extra/{call}", item, block.chain, block.id, block.demonstrations)

    def _journal_again(self, again: _Again, reply: Reply) -> None:
        self._progress += 1
        self._append(
            ExtraRecord(
                item=again.asked.item,
                block=again.asked.block,
                n=again.n,
                call=again.call,
                command=again.command,
                **{name: getattr(reply, name) for name in Reply.__struct_fields__},
            )
        )
        if reply.logprobs is None:
            # There is nothing to explain; the piece keeps its number from being given again.
            with contextlib.suppress(RunFailed):
                self._write(_Stream(again.call, again.asked.item, again.n, None, due=False), "", end=True)

    def _begin(self, asked: Asked, stream: _Stream) -> None:
        self._streams[stream.call] = stream
        stream.task = asyncio.create_task(self._follow(asked, stream))

    async def _follow(self, asked: Asked, stream: _Stream) -> None:
        failed = None
        try:
            async for piece in self._asker.explain(asked, stream.label):
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
            self._write(stream, piece.text, thought=piece.thought)

    def _end(self, stream: _Stream, failed: str | None) -> None:
        if self._streams.pop(stream.call, None) is None:
            return
        try:
            self._write(stream, "", end=True)
        except RunFailed as error:
            failed = failed or str(error)
        self._append(
            ThoughtRecord(
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

    def _write(self, stream: _Stream, text: str, *, thought: bool = False, end: bool = False) -> None:
        piece = ReasoningPiece(
            call=stream.call,
            item=stream.item,
            n=stream.n,
            t=time.time(),
            speaker=self._asker.speaker,
            text=text,
            thought=thought,
            end=end,
        )
        self._opened().add(piece)
        self._progress += 1
        self._observe(piece)


def _likeliest(logprobs: Sequence[float]) -> int:
    return max(range(len(logprobs)), key=lambda label: logprobs[label])
