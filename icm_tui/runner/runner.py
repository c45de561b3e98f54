"""The runner: the one process that asks, decides and writes a run's journal.

Theory of operation. A run is in one of the states of `states.py`, and only an event of its table leads to another one.
The runner repeats one turn until the search is done or the run has stopped:

1. Obey the commands in the inbox, by the table in `controls.py`. Each is journalled with what came of it.
2. Write what waits for the journal. If the disk refuses, the run is blocked: it neither asks nor decides, and tries
   again. Nothing is lost meanwhile, since what is not written is kept in memory.
3. Take the decisions whose answers have arrived. Only a run in state RUNNING does; it pauses at the decision that a
   person named as its goal. The labels of a decision change, and with them the contexts of later questions.
4. Ask as many of the questions that the search wants as the limits of calls, money and time and the model allow. A run
   that comes to a limit, or gets no answers, pauses; if nobody is there to let it go on, it stops.
5. Write the status if it is due or the state changed.
6. Receive replies. A reply is in the journal before the search uses it, and a context before a question about it goes
   out. So a resumed run asks nothing twice and decides what this one would have decided.

A run that is paused or asked to stop sends nothing more, and waits for the replies in flight. At the end explanations
get a time of grace before they are cut off. An error that the run cannot go on from ends it as FAILED.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable

import msgspec

from icm_tui.domain.decisions import LabelChange, Proposal
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.errors import RunFailed
from icm_tui.models.client import ModelClient, Query, Unavailable
from icm_tui.profile.schema import Profile
from icm_tui.run_dir import inbox
from icm_tui.run_dir.inbox import read_item, read_pin
from icm_tui.run_dir.journal import Durability, Journal, JournalUnwritable
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import (
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
from icm_tui.runner.controls import DONE, Answer, Controls, Place, may_relabel
from icm_tui.runner.explanations import Explanations
from icm_tui.runner.limits import Limits, Refusals
from icm_tui.runner.questions import CONTEXTS_KEPT, Contexts, Sending, answer_record
from icm_tui.runner.restore import Restored
from icm_tui.runner.speed import Throughput
from icm_tui.runner.states import Event, Lifecycle, State
from icm_tui.search.method import Search
from icm_tui.search.pins import Pins
from icm_tui.search.problem import Violations
from icm_tui.text import one_line

_MOST_DECISIONS_A_TURN = 256
# What explanations under way are given when a signal ends the run, in seconds; a second signal gives them nothing.
_PARTING = 1.0


class Tuning(msgspec.Struct, frozen=True):
    """How often a runner does what it repeats, in seconds, what it keeps in memory, and the clocks that it reads.

    `piece_every` is the time between the pieces of an explanation in a run that is slowed down. `monotonic` gives
    seconds and `clock` unix seconds. `durability` is the journal's, None for the one that the model asks for.
    """

    inbox_every: float = 0.1
    status_every: float = 1.0
    retry_every: float = 1.0
    piece_every: float = 0.1
    contexts_kept: int = CONTEXTS_KEPT
    monotonic: Callable[[], float] = time.monotonic
    clock: Callable[[], float] = time.time
    durability: Durability | None = None


TUNING = Tuning()


class Runner:
    """Runs `search` with the answers of `model_client` until it is done or asked to stop.

    The journal is open at its end, and the search was `restored` from it. `observe` is called with every status
    written. `stays` says that somebody may let a run go on that paused by itself; without that it stops instead.
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
        tuning: Tuning = TUNING,
    ) -> None:
        self._run = run
        self._search = search
        self._model_client = model_client
        self._journal = journal
        self._observe = observe
        self._stays = stays
        self._tuning = tuning
        self._tally = restored.tally
        self._last_asked = restored.last_asked
        self._lifecycle = Lifecycle()
        self._contexts = Contexts(run.journal, search, restored, tuning.contexts_kept)
        self._sending = Sending(self._contexts.is_shared)
        self._limits = Limits(profile.run, restored.tally)
        self._refusals = Refusals()
        self._pins = Pins(search.problem, restored.orders.pinned)
        self._violations = Violations(search.problem)
        self._controls = Controls(
            profile,
            restored.orders,
            self._lifecycle,
            pin=self._pin,
            ask=self._ask_again,
            apply=self._apply_settings,
        )
        self._explanations = Explanations(
            run.reasoning,
            search,
            model_client,
            self._last_asked,
            self._contexts.query,
            self._append,
            self._limits,
            between=lambda: tuning.piece_every if self._controls.throttle.seconds is not None else 0.0,
        )
        self._held_up = False
        self._inbox_read_at = self._status_at = -1e9
        self._status_state = ""
        self._throughput = Throughput()

    def begin(self, start: StartRecord, sets: list[str], endpoint: Endpoint | None = None) -> None:
        """Journal that a runner is at work, the settings changed at its start, and the `endpoint` asked from now on if
        it is not the last one.

        Raises JournalUnwritable if the disk refuses: nothing is under way yet that would be worth waiting for.
        """
        self._lifecycle.on(Event.BEGIN)
        self._append(start)
        if sets:
            args = {"set": sets}
            self._append(CommandRecord(id="", what="resume", args=args, n=self._search.n, outcome="done"))
        if endpoint is not None:
            self._append(EndpointRecord(endpoint=endpoint))
        self._journal.flush_now()

    def affirm_done(self) -> None:
        """Write the status of a run that is done already, in case the runner was killed before it did."""
        self._lifecycle.on(Event.FINISH)
        self._write_status()

    @property
    def stop_reason(self) -> str:
        """Why the run was asked to stop; empty if it was not."""
        return self._lifecycle.stop_reason

    def stop(self, why: str) -> None:
        """Ask nothing more, and end once the answers in flight are kept. A second call waits neither for them nor for
        explanations."""
        if self._lifecycle.is_stopping:
            self._sending.abandon()
        self._explanations.hasten(0.0 if self._lifecycle.is_stopping else _PARTING)
        self._lifecycle.on(Event.STOP, why)

    async def run(self) -> State:
        """Run to the end and return the state, DONE or STOPPED. An error that the run cannot go on from is raised after
        the status "failed" is written."""
        try:
            await self._run_on()
        except Exception as error:
            why = str(error) or type(error).__name__
            with contextlib.suppress(JournalUnwritable):
                await self._explanations.end("the run failed")
                self._append(StopRecord(state=State.FAILED.value, why=why))
                self._journal.flush_now()
            self._lifecycle.on(Event.FAIL, why)
            self._write_status()
            raise
        return self._lifecycle.state

    async def _run_on(self) -> None:
        self._beat(force=True)
        # A context that the journal lost was drawn again from the labels of now; it is kept before they change.
        self._publish_contexts()
        while not self._search.done:
            self._obey_commands()
            if self._lifecycle.is_stopping and not self._sending.in_flight:
                await self._leave(Event.LEAVE)
                return
            await self._flush()
            self._note_throttle()
            self._decide()
            await self._ask()
            self._beat()
            await self._receive()
        await self._leave(Event.FINISH)

    async def _leave(self, event: Event) -> None:
        """Bring explanations to their end, put everything on disk, and end the run by `event`."""
        await self._explanations.finish(self._model_client.shutdown_grace, self._beat)
        state, why = State.STOPPED, self._lifecycle.stop_reason
        if event is Event.FINISH:
            state, why = State.DONE, ""
            self._append(DoneRecord(decisions=self._search.n, calls=self._tally.calls))
        self._append(StopRecord(state=state.value, why=why))
        await self._flush_all()
        self._journal.flush_now()
        self._lifecycle.on(event)
        self._write_status()

    # Coming in

    def _obey_commands(self, *, relabelling: bool = True) -> None:
        """Obey the commands in the inbox; without `relabelling`, those that may change labels stay there for later."""
        now = self._tuning.monotonic()
        if now - self._inbox_read_at < self._tuning.inbox_every:
            return
        self._inbox_read_at = now
        if not self._run.path.is_dir():
            raise RunFailed(f"The run directory {self._run.path} is gone; nothing that the run does could be kept.")
        for command in inbox.take(self._run):
            if may_relabel(command) and not relabelling:
                continue
            place = Place(self._search.n, self._tally.last_decision_seq)
            answer = self._controls.obey(command, place)
            self._append(
                CommandRecord(
                    id=command.id,
                    what=command.what,
                    args=command.args,
                    n=place.n,
                    outcome=answer.outcome,
                    why=answer.why,
                    changes=answer.changes,
                )
            )
            for record in answer.then:
                self._append(record)
            try:
                self._journal.flush_now()
            except JournalUnwritable as error:
                self._block(str(error))
            inbox.done(self._run, command)
            self._beat(force=True)

    def _pin(self, command: inbox.Command) -> Answer:
        """Pin an item, or take its pin off, and set the labels that this changes in every chain that it counts in."""
        names = self._controls.profile.prompt.labels
        try:
            item, label = read_pin(command.args, names, self._search.problem.n_items)
        except ValueError as error:
            return Answer("refused", str(error))
        if self._search.done:
            return Answer("refused", "the run is done")
        if self._pins.get(item) == label:
            now = "not pinned" if label is None else f"pinned to {names[label]} already"
            return Answer("no change", f"item {item} is {now}")
        if label is None:
            self._pins.put(item, None)
            return DONE
        if others := self._pins.against(item, label):
            held = " and ".join(f"item {other} is pinned to {names[pinned]}" for other, pinned in others.items())
            rule = self._search.problem.rule
            return Answer("refused", f"under rule {rule} item {item} cannot be {names[label]} while {held}")
        self._pins.put(item, label)
        # Contexts drawn from the labels of now are kept before these change.
        self._publish_contexts()
        changes: list[Relabelled] = []
        for chain in self._search.chains_with(item):
            settled = self._pins.settle(item, self._search.labels_of(chain))
            self._search.relabel(chain, settled)
            self._follow(chain, settled)
            changes += [(chain, *change) for change in settled]
        return Answer("done", changes=changes)

    def _ask_again(self, command: inbox.Command) -> Answer:
        """Re-ask an item beside the search, and have the answer explained."""
        try:
            item = read_item(command.args, self._search.problem.n_items)
        except ValueError as error:
            return Answer("refused", str(error))
        why = self._explanations.ask(item, command.id)
        return Answer("refused", why) if why else DONE

    def _apply_settings(self, profile: Profile) -> None:
        """Use the settings of `profile` from now on. Raises UserError if the model cannot."""
        self._model_client.apply_settings(profile.model, profile.reasoning)
        self._limits.run = profile.run

    def _follow(self, chain: int, changes: list[LabelChange]) -> None:
        """Pass on a chain's changed labels to what is computed from them."""
        self._model_client.relabel(chain, changes)
        self._violations.note(chain, changes, self._search.labels_of(chain))

    async def _receive(self) -> None:
        """Journal the replies that arrived, then pass them to the search."""
        life = self._lifecycle
        waits = self._sending.in_flight or self._held_up or life.is_paused or life.is_blocked
        wait = self._tuning.inbox_every if waits else 0.0
        if self._is_throttled:
            wait = self._controls.throttle.until_next(self._tuning.monotonic())
        came = await self._model_client.replies(wait)
        replies: list[tuple[Query, Reply]] = []
        whys: list[str] = []
        for query, reply in came:
            if self._explanations.receive(query, reply):
                continue
            if isinstance(reply, Unavailable):
                self._returned(query.question, read=False)
                whys.append(one_line(reply.why).rstrip("."))
            else:
                replies.append((query, reply))
                self._append(answer_record(query, reply))
        if replies:
            await self._flush_all()
        for query, reply in replies:
            self._returned(query.question, read=reply.logprobs is not None and not reply.cached)
            self._search.tell(query.question, reply.logprobs)
            if why := self._refusals.note(reply.failed):
                whys.append(why)
        for why in whys:
            self._stop_short(why)

    # Going out

    def _note_throttle(self) -> None:
        """Let the next portion of decisions through if a person set a throttle."""
        running = self._lifecycle.is_running
        now = self._tuning.monotonic()
        self._controls.throttle.note(now, self._search.n, self._search.decisions, running=running)

    @property
    def _is_throttled(self) -> bool:
        """Whether the next decision waits for nothing but the throttle; a step does not wait for it."""
        n = self._search.n
        running = self._lifecycle.is_running
        return running and self._controls.throttle.holds(n) and not self._controls.asks_only_next(n)

    def _decide(self) -> None:
        """Take the decisions whose answers have arrived."""
        for _ in range(_MOST_DECISIONS_A_TURN):
            if not self._lifecycle.is_running:
                return
            if (due := self._controls.pause_due(self._search.n)) is not None:
                self._pause(due)
                return
            if self._is_throttled:
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
        self._contexts.publish(self._append)
        self._sending.keep_only(self._contexts.kept)

    async def _ask(self) -> None:
        """Send as many of the questions that may be asked as the model and the limits allow."""
        self._held_up = False
        if not self._lifecycle.is_running:
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
        if not self._lifecycle.is_running:  # a command came while the disk refused
            return
        for question in questions:
            query = self._contexts.query(question.id, question.item, question.context_id, question.n)
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

    def _returned(self, question: str, *, read: bool) -> None:
        self._sending.returned(question, read=read)
        self._limits.end(question)

    def _stop_short(self, why: str) -> None:
        """Pause for the first of several reasons, or stop if nobody is there to let the run go on."""
        if self._lifecycle.state not in (State.RUNNING, State.BLOCKED):
            return
        if self._stays:
            self._pause(why)
        else:
            self._lifecycle.on(Event.STOP, why)

    def _pause(self, why: str) -> None:
        self._append(self._controls.pause(why))
        self._beat(force=True)

    # The journal and the heartbeat

    def _append(self, record: AnyRecord) -> int:
        offset = self._journal.append(record)
        self._tally.add(record)
        self._last_asked.add(record)
        return offset

    async def _flush(self) -> None:
        """Write what waits. If the disk refuses, the run is blocked until a later call succeeds."""
        try:
            await self._journal.flush()
        except JournalUnwritable as error:
            self._block(str(error))
            await asyncio.sleep(self._tuning.retry_every)
            return
        if self._lifecycle.is_blocked:
            self._lifecycle.on(Event.UNBLOCK)
            self._append(ErrorRecord(what="the journal could not be written for a while; nothing was lost"))
            self._beat(force=True)

    async def _flush_all(self) -> None:
        """Write what waits, however long the disk refuses. Raises RunFailed if the run is to end at once meanwhile."""
        await self._flush()
        while self._lifecycle.is_blocked:
            if self._lifecycle.is_stopping and not self._sending.in_flight:
                why = self._lifecycle.why
                raise RunFailed(f"{why} What it did not take is lost; a resumed run asks for it again.")
            self._obey_commands(relabelling=False)  # the search may learn later of what is written here
            self._beat()
            await self._flush()

    def _block(self, why: str) -> None:
        if not self._lifecycle.is_blocked or self._lifecycle.why != why:
            self._lifecycle.on(Event.BLOCK, why)
            self._beat(force=True)

    def _beat(self, *, force: bool = False) -> None:
        """Write the status if it is due or the state has changed."""
        if self._lifecycle.state is State.PAUSING and not self._sending.in_flight:
            self._lifecycle.on(Event.SETTLE)
        now = self._tuning.monotonic()
        if force or now - self._status_at >= self._tuning.status_every or self._lifecycle.shown != self._status_state:
            self._write_status()

    def _write_status(self) -> None:
        self._status_at, self._status_state = self._tuning.monotonic(), self._lifecycle.shown
        status = self._status()
        self._observe(status)
        # The journal says the same, and viewers take a heartbeat that is missing for a run gone quiet.
        with contextlib.suppress(RunFailed):
            write_status(self._run, status)

    def _status(self) -> Status:
        running = self._lifecycle.is_running
        self._throughput.note(self._tuning.monotonic(), self._search.n, running=running)
        why = self._lifecycle.why
        if self._lifecycle.is_blocked:
            why += " What is not written is kept in memory meanwhile."
        rate = self._throughput.rate
        left = self._search.decisions - self._search.n
        tally = self._tally
        return Status(
            state=self._lifecycle.shown,
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
            t=self._tuning.clock(),
        )
