"""What one process does with a run that it has locked: run it on from where its journal ends, or re-ask an item."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from icm_tui.domain.items import Item
from icm_tui.domain.reply import Endpoint
from icm_tui.errors import RunFailed
from icm_tui.files import read_bytes
from icm_tui.models.client import ModelClient
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import load
from icm_tui.run_dir.inbox import read_item
from icm_tui.run_dir.journal import Journal, JournalUnwritable
from icm_tui.run_dir.layout import RunDir, digest, read_items
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.reading import read_records, refuse_other_run
from icm_tui.run_dir.reasoning import ReasoningPiece
from icm_tui.run_dir.records import (
    AnyRecord,
    Digests,
    EndpointRecord,
    ExplanationRecord,
    ReaskRecord,
    StartRecord,
    start_record,
)
from icm_tui.run_dir.status import Status
from icm_tui.runner.assembly import durability_of, make_model_client, make_search, problem_of, window_of
from icm_tui.runner.controls import renews_endpoint, with_allowed_sets
from icm_tui.runner.explanations import Explanations
from icm_tui.runner.limits import Limits
from icm_tui.runner.questions import Contexts
from icm_tui.runner.restore import Restored, fold
from icm_tui.runner.runner import TUNING, Runner, Tuning
from icm_tui.runner.states import State
from icm_tui.runner.summary import Summary, summarise
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem

_INTERRUPTED = "interrupted"


class Outcome(msgspec.Struct, frozen=True):
    """How a turn ended: the state ("done" or "stopped") and why it stopped, whether a signal ended it, and the run's
    summary."""

    state: str
    why: str
    interrupted: bool
    summary: Summary


MakeModelClient = Callable[[Profile, Problem, list[Item]], ModelClient]


class ReadBack(NamedTuple):
    """A run as its files hold it. `frozen` is its profile as it began, `settings` the profile with the changes made
    since."""

    frozen: Profile
    settings: Profile
    digests: Digests
    window: int
    problem: Problem
    search: Search
    model_client: ModelClient
    restored: Restored


def read_back(run: RunDir, sets: list[str], model_client_of: MakeModelClient) -> ReadBack:
    """Read a run's files, and restore a search and a model from its journal. `sets` are changes of settings to make.

    Raises UserError if the files cannot be read or do not fit together.
    """
    items, items_digest = read_items(run)
    digests = Digests(items_digest, digest(read_bytes(run.profile)))
    records: Iterator[tuple[int, AnyRecord]] = iter(())
    if run.journal.exists():
        records = read_records(run.journal)
    offset, first = next(records, (0, None))
    if first is not None:
        # This comes before anything is made of the files: a changed profile may fit neither its items nor itself.
        refuse_other_run(first, digests, run)
    frozen = load(run.profile)
    with_allowed_sets(frozen, sets)
    problem = problem_of(frozen, items)
    model_client = model_client_of(frozen, problem, items)
    window = first.window if isinstance(first, StartRecord) else window_of(frozen, problem)
    search = make_search(frozen, problem, window)
    restored = fold(chain([(offset, first)] if first else [], records), search, run.journal, model_client.relabel)
    settings = with_allowed_sets(frozen, [*restored.orders.sets, *sets])
    model_client.apply_settings(settings.model, settings.reasoning)
    return ReadBack(frozen, settings, digests, window, problem, search, model_client, restored)


def run_here(
    path: Path,
    *,
    observe: Callable[[Status], None] = lambda status: None,
    sets: list[str] | None = None,
    model_client_of: MakeModelClient = make_model_client,
    stays: bool = False,
    tuning: Tuning = TUNING,
) -> Outcome:
    """Run the run in `path` in this process until it is done or asked to stop; go on from where its journal ends.

    SIGINT, SIGTERM and SIGHUP stop it cleanly: replies in flight are waited for and kept; a second signal does not
    wait. A signal that comes while the model is made ready leaves the run as it was. `sets` are changes of settings
    that a resume allows. At a limit of the profile the run stops, or, if it `stays`, pauses until a command lifts the
    limit. Raises UserError if the run cannot be run, and RunFailed if it must give up.
    """
    run, changed = RunDir(path), sets or []
    with RunLock(run):
        back = read_back(run, changed, model_client_of)
        search, restored = back.search, back.restored
        durability = tuning.durability or durability_of(back.frozen)
        journal = Journal.open(run.journal, durability=durability, clock=tuning.clock)
        try:
            runner = Runner(
                run, back.settings, search, back.model_client, journal, restored, observe, stays=stays, tuning=tuning
            )
            state = State.DONE
            if restored.done:
                runner.affirm_done()
            else:
                state = asyncio.run(_work(runner, back, changed))
        except BaseException:
            with contextlib.suppress(JournalUnwritable):
                journal.close()
            raise
        journal.close()
        summary = summarise(run, state, back.frozen, back.problem, search, restored.tally, restored.endpoint)
        return Outcome(state.value, runner.stop_reason, runner.stop_reason == _INTERRUPTED, summary)


async def _work(runner: Runner, back: ReadBack, sets: list[str]) -> State:
    """Open the model, run to the end and close the model; a signal stops the runner."""
    held = None if renews_endpoint(sets) else back.restored.endpoint
    opening = asyncio.create_task(back.model_client.open(held))

    def interrupt() -> None:
        runner.stop(_INTERRUPTED)
        opening.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks
            loop.add_signal_handler(number, interrupt)
    try:
        try:
            back.restored.endpoint = await opening
        except asyncio.CancelledError:
            if runner.stop_reason != _INTERRUPTED:
                raise
            return State.STOPPED
        start = start_record(back.window, back.frozen.prompt.labels, back.digests)
        runner.begin(start, sets, _if_new(back.restored.endpoint, held))
        return await runner.run()
    finally:
        await back.model_client.close()


def ask_here(
    path: Path,
    item: int,
    *,
    observe: Callable[[ReasoningPiece], None] = lambda piece: None,
    model_client_of: MakeModelClient = make_model_client,
) -> tuple[ReaskRecord, ExplanationRecord | None]:
    """Re-ask an item of the run in `path`, which has no runner, with the context that it was last asked with, and have
    the answer explained. `observe` is called with the pieces as they come. The state of the run does not change.

    Returns the records that the journal gained; there is no explanation without an answer. Raises UserError if the run
    cannot be read or has a runner, and RunFailed if the item cannot be asked or the disk refuses the records.
    """
    run = RunDir(path)
    with RunLock(run):
        back = read_back(run, [], model_client_of)
        restored = back.restored
        kept: list[AnyRecord] = []

        def append(record: AnyRecord) -> None:
            journal.append(record)
            journal.flush_now()
            restored.tally.add(record)
            kept.append(record)

        async def ask() -> None:
            held = restored.endpoint
            try:
                endpoint = _if_new(await back.model_client.open(held), held)
                if endpoint is not None:
                    append(EndpointRecord(endpoint=endpoint))
                _refuse(explanations.ask(item, ""))
                await explanations.settle()
            finally:
                with contextlib.suppress(JournalUnwritable):
                    await explanations.end("interrupted")
                await back.model_client.close()

        explanations = Explanations(
            run.reasoning,
            back.search,
            back.model_client,
            restored.last_asked,
            Contexts(run.journal, back.search, restored).query,
            append,
            Limits(back.settings.run, restored.tally),
            observe,
        )
        try:
            read_item({"item": item}, back.problem.n_items)
        except ValueError as error:
            _refuse(str(error))
        _refuse(explanations.why_not(item))
        journal = Journal.open(run.journal, durability=durability_of(back.frozen))
        try:
            asyncio.run(ask())
        finally:
            journal.close()
    reask = next(record for record in kept if isinstance(record, ReaskRecord))
    return reask, next((record for record in kept if isinstance(record, ExplanationRecord)), None)


def _refuse(why: str) -> None:
    if why:
        raise RunFailed(f"ask: refused ({why}).")


def _if_new(endpoint: Endpoint | None, held: Endpoint | None) -> Endpoint | None:
    """The endpoint asked from now on, or None if it is the one that the journal already holds."""
    return None if endpoint == held else endpoint
