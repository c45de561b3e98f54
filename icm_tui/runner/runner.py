"""The runner: the one process that asks, decides and writes a run's journal.

It loops over what came in (commands, replies) and what may go out (records, questions, the heartbeat). A reply is in
the journal before the search is told of it, a context before a question about it goes out.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import msgspec

from icm_tui.domain.decisions import LabelChange, Proposal
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.errors import RunFailed, UserError
from icm_tui.models.client import ModelClient, Query, Unavailable
from icm_tui.profile.schema import Profile
from icm_tui.run_dir import inbox
from icm_tui.run_dir.inbox import read_item, read_pin
from icm_tui.run_dir.journal import Journal, JournalUnwritable
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import (
    AnswerRecord,
    AnyRecord,
    CommandRecord,
    DecisionRecord,
    DoneRecord,
    EndpointRecord,
    ErrorRecord,
    Relabelled,
    StartRecord,
    StopRecord,
)
from icm_tui.run_dir.status import Status, write_status
from icm_tui.runner.budget import Limits
from icm_tui.runner.contexts import Contexts
from icm_tui.runner.controls import DONE, Controls, Obeyed, Place
from icm_tui.runner.explanations import Explanations
from icm_tui.runner.refusals import Refusals
from icm_tui.runner.restore import Restored
from icm_tui.runner.sending import Sending
from icm_tui.runner.throughput import Throughput
from icm_tui.search.method import Search
from icm_tui.search.pins import Pins
from icm_tui.search.problem import Violations
from icm_tui.text import one_line

_HEED_EVERY = 0.1
_BEAT_EVERY = 1.0
_RETRY_EVERY = 1.0
# Between the pieces of an explanation in a run that is slowed down to be watched.
_PIECE_EVERY = 0.1
_MOST_DECISIONS_A_TURN = 256
# What explanations under way are given when a signal ends the run, in seconds; a second signal gives them nothing.
_PARTING = 1.0


class Runner:
    """Runs `search` against `asker` until it is done or told to end.

    The journal stands open at its end and what it held was `restored` into the search. `observe` is called with every
    status written. A run that comes to one of its limits, or gets no answers, pauses; when nobody is there to let it
    go on (not `stays`), it ends.
    """

    def __init__(
        self,
        run: RunDir,
        profile: Profile,
        search: Search,
        model_client: ModelClient,
        journal: Journal,
        restored: Restored,
        observe: Callable[[Status], None],
        *,
        stays: bool,
    ) -> None:
        self._run = run
        self._search = search
        self._model_client = model_client
        self._journal = journal
        self._tally = restored.tally
        self._lists = Contexts(run.journal, search, restored)
        self._sending = Sending(self._lists.shared)
        self._limits = Limits(profile.run, restored.tally)
        self._refusals = Refusals()
        self._controls = Controls(profile, restored.skip, restored.obeyed)
        self._pins = Pins(search.problem, restored.pinned)
        self._violations = Violations(search.problem)
        self._last_asked = restored.last_asked
        self._explanations = Explanations(
            run.reasoning,
            search,
            model_client,
            self._last_asked,
            self._lists.of,
            self._append,
            self._limits,
            between=lambda: _PIECE_EVERY if self._controls.throttle.seconds is not None else 0.0,
        )
        self._stays = stays
        self._observe = observe
        self._held_up = False
        self._unwritable: str | None = None
        self._heeded_at = self._beat_at = -1e9
        self._beat_state = ""
        self._throughput = Throughput()

    def begin(self, start: StartRecord, sets: list[str], endpoint: Endpoint | None = None) -> None:
        """Journal that a runner is at work, the settings it was started with that differ from the frozen ones, and the
        `endpoint` asked from now on if it is not the last one.

        Raises JournalUnwritable if the disk refuses: nothing is under way yet that would be worth waiting for.
        """
        self._append(start)
        if sets:
            args = {"set": sets}
            self._append(CommandRecord(id="", what="resume", args=args, n=self._search.n, outcome="done"))
        if endpoint is not None:
            self._append(EndpointRecord(endpoint=endpoint))
        self._journal.flush_now()

    def affirm_done(self) -> None:
        """Say in the status that the run is done, for a runner that was killed when only that was left to do."""
        self._write_status("done", "")

    @property
    def state(self) -> str:
        """The run's state as acknowledged."""
        if self._controls.ending is not None:
            return "stopping"
        if self._unwritable is not None:
            return "paused"
        if self._controls.paused is not None:
            return "pausing" if self._sending.in_flight else "paused"
        return "running"

    @property
    def ending(self) -> str:
        """Why the run ends before it is done; empty if it does not."""
        return self._controls.ending or ""

    def end(self, why: str) -> None:
        """Ask nothing more; the process ends cleanly once the answers on their way are kept. A second call does not
        wait for them, nor for explanations."""
        if self._controls.ending is not None:
            self._sending.abandon()
        self._explanations.hasten(_PARTING if self._controls.ending is None else 0.0)
        self._controls.ending = why

    async def run(self) -> str:
        """Run to the end and return the state: "done" or "stopped". What it cannot go on from it says in the status, as
        "failed", and raises."""
        try:
            return await self._run_on()
        except Exception as error:
            why = str(error) or type(error).__name__
            with contextlib.suppress(JournalUnwritable):
                await self._explanations.end("the run failed")
                self._append(StopRecord(state="failed", why=why))
                self._journal.flush_now()
            self._write_status("failed", why)
            raise

    async def _run_on(self) -> str:
        self._beat(force=True)
        # A context that the journal lost was drawn again from the labels as they stand: before they change, it is kept.
        self._publish_contexts()
        while not self._search.done:
            self._heed()
            if self._controls.ending is not None and not self._sending.in_flight:
                await self._explanations.finish(self._model_client.shutdown_grace, self._beat)
                return await self._leave("stopped", self._controls.ending)
            await self._flush()
            self._let_through()
            self._decide()
            await self._ask()
            self._beat()
            await self._receive()
        await self._explanations.finish(self._model_client.shutdown_grace, self._beat)
        self._append(DoneRecord(decisions=self._search.n, calls=self._tally.calls))
        return await self._leave("done", "")

    # Coming in

    def _heed(self, *, pins: bool = True) -> None:
        """Obey the commands in the inbox; without `pins`, those stay there for later."""
        now = time.monotonic()
        if now - self._heeded_at < _HEED_EVERY:
            return
        self._heeded_at = now
        if not self._run.path.is_dir():
            raise RunFailed(f"The run directory {self._run.path} is gone; nothing that the run does could be kept.")
        for command in inbox.take(self._run):
            if command.what == "pin" and not pins:
                continue
            place = Place(self._search.n, self._tally.last_decision_seq)
            before = self._controls.profile, self._controls.paused
            obeyed, changes = self._controls.obey(command, place), list[Relabelled]()
            if command.what == "pin" and obeyed == DONE:
                obeyed, changes = self._pin(command.args)
            if command.what == "ask" and obeyed == DONE:
                obeyed = self._ask_again(command)
            if command.what == "resume" and obeyed == DONE:
                obeyed = self._apply_settings(*before)
            self._append(
                CommandRecord(
                    id=command.id,
                    what=command.what,
                    args=command.args,
                    n=place.n,
                    outcome=obeyed.outcome,
                    why=obeyed.why,
                    changes=changes,
                )
            )
            if command.what == "pause" and obeyed == DONE:
                self._append(StopRecord(state="paused", why=self._controls.paused or ""))
            self._journal_now()
            inbox.done(self._run, command)
            self._beat(force=True)

    def _pin(self, args: dict[str, Any]) -> tuple[Obeyed, list[Relabelled]]:
        """Pin an item, or take its pin off, and set what that changes in every chain it counts in."""
        names = self._controls.profile.prompt.labels
        try:
            item, label = read_pin(args, names, self._search.problem.n_items)
        except ValueError as error:
            return Obeyed("refused", str(error)), []
        if self._search.done:
            return Obeyed("refused", "the run is done"), []
        if self._pins.get(item) == label:
            now = "not pinned" if label is None else f"pinned to {names[label]} already"
            return Obeyed("no change", f"item {item} is {now}"), []
        if label is None:
            self._pins.put(item, None)
            return DONE, []
        if others := self._pins.against(item, label):
            held = " and ".join(f"item {other} is pinned to {names[pinned]}" for other, pinned in others.items())
            rule = self._search.problem.rule
            return Obeyed("refused", f"under rule {rule} item {item} cannot be {names[label]} while {held}"), []
        self._pins.put(item, label)
        # What the labels as they are give rise to is kept before they change.
        self._publish_contexts()
        changes: list[Relabelled] = []
        for chain in self._search.chains_with(item):
            settled = self._pins.settle(item, self._search.labels_of(chain))
            self._search.relabel(chain, settled)
            self._follow(chain, settled)
            changes += [(chain, *change) for change in settled]
        return DONE, changes

    def _ask_again(self, command: inbox.Command) -> Obeyed:
        """Ask about an item again, and explain what comes, beside the search."""
        try:
            item = read_item(command.args, self._search.problem.n_items)
        except ValueError as error:
            return Obeyed("refused", str(error))
        why = self._explanations.ask(item, command.id)
        return Obeyed("refused", why) if why else DONE

    def _apply_settings(self, before: Profile, paused: str | None) -> Obeyed:
        """Go on with the settings as they are now; if the model cannot, as `before`, and as `paused`."""
        profile = self._controls.profile
        try:
            self._model_client.apply_settings(profile.model, profile.reasoning)
        except UserError as error:
            self._controls.profile = before
            with contextlib.suppress(UserError):
                self._model_client.apply_settings(before.model, before.reasoning)
            if paused is not None:
                self._controls.pause(paused)
            return Obeyed("refused", one_line(str(error)).rstrip("."))
        self._limits.run = profile.run
        return DONE

    def _follow(self, chain: int, changes: list[LabelChange]) -> None:
        """Tell of a chain's changed labels whoever keeps something that hangs on them."""
        self._model_client.relabel(chain, changes)
        self._violations.note(chain, changes, self._search.labels_of(chain))

    async def _receive(self) -> None:
        """Journal the replies that came, then tell the search."""
        waits = self._sending.in_flight or self._held_up or self._controls.paused is not None or self._unwritable
        wait = _HEED_EVERY if waits else 0.0
        if self._held_back:
            wait = self._controls.throttle.until_next(time.monotonic())
        came = await self._model_client.replies(wait)
        replies: list[tuple[Query, Reply]] = []
        whys: list[str] = []
        for query, reply in came:
            if self._explanations.receive(query, reply):
                continue
            if isinstance(reply, Unavailable):
                self._back(query.question, read=False)
                whys.append(one_line(reply.why).rstrip("."))
            else:
                replies.append((query, reply))
                self._append(_answer_record(query, reply))
        if replies:
            await self._flush_all()
        for query, reply in replies:
            self._back(query.question, read=reply.logprobs is not None and not reply.cached)
            self._search.tell(query.question, reply.logprobs)
            if why := self._refusals.note(reply.failed):
                whys.append(why)
        for why in whys:
            self._stop_short(why)

    # Going out

    def _let_through(self) -> None:
        """Let the next portion of decisions through if a person set a throttle."""
        running = self.state == "running"
        self._controls.throttle.note(time.monotonic(), self._search.n, self._search.decisions, running=running)

    @property
    def _held_back(self) -> bool:
        """Whether the next decision waits for nothing but the throttle; a step does not."""
        n = self._search.n
        return self._controls.may_go_on and self._controls.throttle.holds(n) and not self._controls.asks_only_next(n)

    def _decide(self) -> None:
        """Take the decisions whose answers are there."""
        for _ in range(_MOST_DECISIONS_A_TURN):
            if not self._controls.may_go_on or self._unwritable is not None:
                return
            if (due := self._controls.pause_due(self._search.n)) is not None:
                self._pause(due)
                return
            if self._held_back:
                return
            proposal = self._search.propose()
            if proposal is None:
                return
            self._commit(proposal)

    def _commit(self, proposal: Proposal) -> None:
        labels = self._search.labels_of(proposal.chain)
        override = self._pins.overrule(proposal, labels, skip=self._controls.skip)
        if proposal.items:
            self._controls.skip = False
        decision = self._search.commit(proposal, override)
        self._follow(decision.chain, decision.changes)
        self._append(msgspec.convert(decision, DecisionRecord, from_attributes=True))
        self._publish_contexts()
        if every := self._controls.profile.reasoning.every:
            self._explanations.decided(decision, every)

    def _publish_contexts(self) -> None:
        self._lists.publish(self._append)
        self._sending.keep_only(self._lists.kept)

    async def _ask(self) -> None:
        """Send as many of the questions that may be asked as there is room for and the limits allow."""
        self._held_up = False
        if not self._controls.may_go_on or self._unwritable is not None:
            return
        most = min(self._controls.profile.model.concurrency, self._model_client.concurrency_limit)
        free = most - len(self._sending.in_flight)
        if free <= 0 or self._search.done:
            return
        self._publish_contexts()
        only_next = self._controls.asks_only_next(self._search.n)
        wanted = self._search.missing() if only_next else self._search.wants()
        questions = self._sending.choose(wanted, free, warms=self._model_client.warms)
        if not questions:
            return
        await self._flush_all()
        if not self._controls.may_go_on:  # by a command that came while the disk refused
            return
        for question in questions:
            context = self._lists.of(question.context_id)
            query = Query(question.id, question.item, context.chain, context.id, context.demonstrations, n=question.n)
            expected = self._model_client.expected_cost(query)
            if why := self._limits.why_no_call(expected, self._journal.now()):
                self._hold(why, expected)
                return
            self._limits.begin(question.id, "call", expected)
            self._sending.sent(question)
            self._model_client.ask(query)

    def _hold(self, why: str, expected: float | None) -> None:
        """Stop at a limit once nothing is in flight that may leave room below it."""
        if self._sending.in_flight:
            return
        if self._limits.busy and self._limits.why_no_money("call", expected):
            self._held_up = True  # an explanation under way may cost less than it could
        else:
            self._stop_short(why)

    def _back(self, question: str, *, read: bool) -> None:
        self._sending.back(question, read=read)
        self._limits.end(question)

    def _stop_short(self, why: str) -> None:
        """Go no further for now, for the first of several reasons; when nobody is there to go on, end."""
        if not self._controls.may_go_on:
            return
        if self._stays:
            self._pause(why)
        else:
            self._controls.ending = why

    def _pause(self, why: str) -> None:
        self._controls.pause(why)
        self._append(StopRecord(state="paused", why=why))
        self._beat(force=True)

    # The journal and the heartbeat

    def _append(self, record: AnyRecord) -> int:
        offset = self._journal.append(record)
        self._tally.add(record)
        self._last_asked.add(record)
        return offset

    def _journal_now(self) -> None:
        try:
            self._journal.flush_now()
        except JournalUnwritable as error:
            self._cannot_write(str(error))

    async def _flush(self) -> None:
        """Write what waits; when the disk refuses, say so and try again a second later, asking nothing meanwhile."""
        try:
            await self._journal.flush()
        except JournalUnwritable as error:
            self._cannot_write(str(error))
            await asyncio.sleep(_RETRY_EVERY)
            return
        if self._unwritable is not None:
            self._unwritable = None
            self._append(ErrorRecord(what="the journal could not be written for a while; nothing was lost"))
            self._beat(force=True)

    async def _flush_all(self) -> None:
        """Write what waits, however long the disk refuses; give up only when told to end at once."""
        await self._flush()
        while self._unwritable is not None:
            if self._controls.ending is not None and not self._sending.in_flight:
                raise RunFailed(f"{self._unwritable} What it did not take is lost; a resumed run asks for it again.")
            self._heed(pins=False)  # what is written here may be told to the search later
            self._beat()
            await self._flush()

    def _cannot_write(self, why: str) -> None:
        if self._unwritable != why:
            self._unwritable = why
            self._beat(force=True)

    def _beat(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._beat_at < _BEAT_EVERY and self.state == self._beat_state:
            return
        self._beat_at, self._beat_state = now, self.state
        kept = f"{self._unwritable} What is not written is kept in memory meanwhile." if self._unwritable else None
        self._write_status(self.state, kept or self._controls.ending or self._controls.paused or "")

    def _write_status(self, state: str, why: str) -> None:
        status = self._status(state, why)
        self._observe(status)
        # The journal tells the same, and a heartbeat that cannot be written shows as a run gone quiet.
        with contextlib.suppress(RunFailed):
            write_status(self._run, status)

    def _status(self, state: str, why: str) -> Status:
        self._throughput.note(time.monotonic(), self._search.n, running=state == "running")
        rate = self._throughput.rate
        left = self._search.decisions - self._search.n
        tally = self._tally
        return Status(
            state=state,
            why=why,
            phase=self._search.phase,
            decision=self._search.n,
            decisions=self._search.decisions,
            labelled=sum(label is not None for label in self._search.labels),
            items=len(self._search.labels),
            in_flight=len(self._sending.in_flight),
            calls=tally.calls,
            spent_usd=tally.cost_usd,
            tokens_in=tally.tokens_in,
            tokens_out=tally.tokens_out,
            coherence_bits=self._search.coherence_bits,
            rate=rate,
            seconds_left=left / rate if rate else None,
            violations=self._violations.of(self._search.leading, self._search.labels),
            throttle_seconds=self._controls.throttle.seconds,
            host=socket.gethostname(),
            pid=os.getpid(),
            t=time.time(),
        )

    async def _leave(self, state: str, why: str) -> str:
        self._append(StopRecord(state=state, why=why))
        await self._flush_all()
        self._journal.flush_now()
        self._write_status(state, why)
        return state


def _answer_record(query: Query, reply: Reply) -> AnswerRecord:
    return AnswerRecord(
        question=query.question,
        context_id=query.context_id,
        item=query.item,
        n=query.n,
        **{name: getattr(reply, name) for name in Reply.__struct_fields__},
    )
