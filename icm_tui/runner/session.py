"""One process's turn at a run: lock it, read the journal back, run on, let go."""

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
from icm_tui.files import read_bytes
from icm_tui.models.client import ModelClient
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import load
from icm_tui.run_dir.journal import Journal, JournalUnwritable
from icm_tui.run_dir.layout import RunDir, digest, read_items
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import AnyRecord, StartRecord
from icm_tui.run_dir.run_identity import Digests, refuse_other_run, start_record
from icm_tui.run_dir.status import Status
from icm_tui.runner.assembly import is_paid, make_model_client, make_search, problem_of, window_of
from icm_tui.runner.changes import renew_endpoint, with_allowed_sets
from icm_tui.runner.restore import Restored, fold
from icm_tui.runner.runner import Runner
from icm_tui.runner.summary import Summary, summarise
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem


class Outcome(msgspec.Struct, frozen=True):
    """How a turn ended: the state ("done", "stopped") and why it stopped, whether a signal ended it, and the run's
    summary."""

    state: str
    why: str
    interrupted: bool
    summary: Summary


MakeModelClient = Callable[[Profile, Problem, list[Item]], ModelClient]


def run_here(
    path: Path,
    *,
    observe: Callable[[Status], None] = lambda status: None,
    sets: list[str] | None = None,
    model_client_of: MakeModelClient = make_model_client,
    stays: bool = False,
) -> Outcome:
    """Run the run in `path` in this process until it is done or told to end; goes on where its journal ends.

    SIGINT, SIGTERM and SIGHUP end it cleanly: what is in flight is waited for and kept; a second one does not wait. One
    that comes while the model is made ready ends that, and leaves the run as it was.
    `sets` are changes of settings that resume allows. At a limit of the profile the run ends, or, if it `stays`,
    pauses until a command lifts the limit. Raises UserError if the run cannot be run, RunFailed if it must give
    up.
    """
    run = RunDir(path)
    with RunLock(run):
        return _Turn(run, observe, sets or [], model_client_of, stays).run()


class ReadBack(NamedTuple):
    """A run as its files leave it: `frozen` is its profile as it began, `settings` with the changes made since."""

    frozen: Profile
    settings: Profile
    digests: Digests
    window: int
    problem: Problem
    search: Search
    model_client: ModelClient
    restored: Restored


def read_back(run: RunDir, sets: list[str], model_client_of: MakeModelClient) -> ReadBack:
    """Read a run's files and give its journal back to a search and a model; `sets` are changes of settings to make.

    Raises UserError if the files cannot be read or do not fit together.
    """
    items, items_digest = read_items(run)
    digests = Digests(items_digest, digest(read_bytes(run.profile)))
    records: Iterator[tuple[int, AnyRecord]] = iter(())
    if run.journal.exists():
        records = read_records(run.journal)
    offset, first = next(records, (0, None))
    if first is not None:
        # Before anything is made of them: a changed profile may fit neither its items nor itself.
        refuse_other_run(first, digests, run)
    frozen = load(run.profile)
    with_allowed_sets(frozen, sets)
    problem = problem_of(frozen, items)
    model_client = model_client_of(frozen, problem, items)
    window = first.window if isinstance(first, StartRecord) else window_of(frozen, problem)
    search = make_search(frozen, problem, window)
    restored = fold(chain([(offset, first)] if first else [], records), search, run.journal, model_client.relabel)
    settings = with_allowed_sets(frozen, [*restored.sets, *sets])
    model_client.apply_settings(settings.model, settings.reasoning)
    return ReadBack(frozen, settings, digests, window, problem, search, model_client, restored)


class _Turn:
    """What one process does between taking the lock and letting it go."""

    def __init__(
        self,
        run: RunDir,
        observe: Callable[[Status], None],
        sets: list[str],
        model_client_of: MakeModelClient,
        stays: bool,
    ) -> None:
        self._run = run
        self._observe = observe
        self._sets = sets
        self._model_client_of = model_client_of
        self._stays = stays
        self._interrupted = False

    def run(self) -> Outcome:
        back = read_back(self._run, self._sets, self._model_client_of)
        search, restored = back.search, back.restored
        journal = Journal.open(self._run.journal, durability="paid" if is_paid(back.frozen) else "free")
        try:
            runner = Runner(
                self._run, back.settings, search, back.model_client, journal, restored, self._observe, stays=self._stays
            )
            state = "done"
            if restored.done:
                runner.affirm_done()
            else:
                state = asyncio.run(self._work(runner, back))
        except BaseException:
            with contextlib.suppress(JournalUnwritable):
                journal.close()
            raise
        journal.close()
        summary = summarise(self._run, state, back.frozen, back.problem, search, restored.tally, restored.endpoint)
        return Outcome(state, runner.ending, self._interrupted, summary)

    async def _work(self, runner: Runner, back: ReadBack) -> str:
        held = None if renew_endpoint(self._sets) else back.restored.endpoint
        opening = asyncio.create_task(back.model_client.open(held))

        def interrupt() -> None:
            self._interrupted = True
            runner.end("interrupted")
            opening.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks
                loop.add_signal_handler(number, interrupt)
        try:
            try:
                back.restored.endpoint = await opening
            except asyncio.CancelledError:
                if not self._interrupted:
                    raise
                return "stopped"
            start = start_record(back.window, back.frozen.prompt.labels, back.digests)
            runner.begin(start, self._sets, newly(back.restored.endpoint, held))
            return await runner.run()
        finally:
            await back.model_client.close()


def newly(endpoint: Endpoint | None, held: Endpoint | None) -> Endpoint | None:
    """The endpoint that is asked from now on if the journal does not say so yet; `held` is what it says."""
    return None if endpoint == held else endpoint
