"""Reads a run directory for the screens, a slice of time at each poll."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from icm_tui.errors import UserError
from icm_tui.profile.toml import load
from icm_tui.run_dir import inbox
from icm_tui.run_dir.labels import misfit
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.run_dir.lock import Heartbeat, liveness
from icm_tui.run_dir.reading import Follower, read_record
from icm_tui.run_dir.reasoning import ReasoningFollower
from icm_tui.run_dir.records import AnswerRecord, AnyRecord, ContextRecord
from icm_tui.run_dir.status import LIVE, read_status
from icm_tui.tui.run.view import RunView

_LOADING = 0.02
_FOLLOWING = 0.015
_MOST_RECORDS = 2500
_HEARTBEAT_EVERY = 1.0


class Feed:
    """Keeps `view` up to date with the run directory. Raises UserError if its profile or items cannot be read."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` (seconds) spaces the looks at the heartbeat."""
        self.run = RunDir(path)
        profile = load(self.run.profile)
        items, _ = read_items(self.run)
        self.view = RunView(profile, items)
        self._clock = clock
        self._heartbeat = Heartbeat(clock)
        self._looked_at = -1e9
        self._journal = Follower(self.run.journal)
        self._reasoning = ReasoningFollower(self.run.reasoning)
        self._misfit = ""
        self.look()

    @property
    def loading(self) -> float | None:
        """The share of the journal that was read, from 0 to 1; None once nearly all of it was."""
        unread = self._journal.unread
        if unread < 1 << 16:
            return None
        try:
            return 1 - unread / max(1, os.stat(self.run.journal).st_size)
        except OSError:
            return None

    def poll(self) -> bool:
        """Continue reading for a few hundredths of a second; returns whether there was anything new."""
        view, loading = self.view, self.loading is not None
        state = view.status, view.state, view.problem
        if self._clock() - self._looked_at >= _HEARTBEAT_EVERY:
            self.look()
        try:
            with _uncollected():
                new = self._read_journal(_LOADING if loading else _FOLLOWING)
                # The journal says which streams have ended, so it is read first.
                if self.loading is None:
                    new = self._read_reasoning(_FOLLOWING) or new
            view.problem = self._misfit
        except UserError as error:
            new, view.problem = False, str(error)
        return new or state != (view.status, view.state, view.problem)

    def look(self) -> None:
        """Read the heartbeat."""
        self._looked_at = self._clock()
        status, now = read_status(self.run), time.time()
        age = self._heartbeat.age(status, now) if status else None
        self.view.apply_status(status, liveness(self.run, status, now, age=age))
        # On a network file system only a file opened afterwards shows what another host wrote.
        elsewhere = status is not None and status.host != os.uname().nodename
        if elsewhere != self._journal.reopen_each_poll:
            self._journal.reopen_each_poll = elsewhere
            self._begin_reasoning()

    def send(self, what: str, args: dict[str, object]) -> None:
        """Put a command into the inbox. Raises UserError if the run has no runner to carry it out."""
        self.look()
        if self.view.state not in LIVE:
            raise UserError(f"{what}: the run has no runner ({self.view.state}); `resume` starts one again.")
        self.view.ask(inbox.send(self.run, what, args, self.view.last_seq), what)

    def record_at(self, offset: int) -> AnyRecord | None:
        """Return the record whose line begins at a byte offset of the journal; None if it cannot be read."""
        try:
            return read_record(self.run.journal, offset)
        except UserError:
            return None

    def answer_of(self, item: int) -> AnswerRecord | None:
        """Return the answer that counts for an item in the chain shown; if all failed, the last of them."""
        chain = self.view.shown
        offset = chain.failed.get(item, chain.answers[item])
        record = self.record_at(offset) if offset >= 0 else None
        return record if isinstance(record, AnswerRecord) else None

    def context(self, number: int) -> ContextRecord | None:
        """Return a context by its number, or None."""
        offset = self.view.context_offsets.get(number)
        record = self.record_at(offset) if offset is not None else None
        return record if isinstance(record, ContextRecord) else None

    def close(self) -> None:
        """Close the files."""
        self._journal.close()
        self._reasoning.close()

    def _read_journal(self, seconds: float) -> bool:
        try:
            records = self._journal.poll(max_records=_MOST_RECORDS, max_seconds=seconds)
        finally:
            if self._journal.restarted:
                self.view.clear()
                self._begin_reasoning()
                self._misfit = ""
        if not self._misfit:
            try:
                self.view.apply(records)
            except (KeyError, IndexError, OverflowError, ValueError) as error:
                record = next(record for _, record in records if record.seq == self.view.last_seq)
                self._misfit = f"{misfit(self.run.journal, record, error)} What is shown ends before that record."
        return bool(records) or self._journal.restarted

    def _read_reasoning(self, seconds: float) -> bool:
        pieces = self._reasoning.poll(max_seconds=seconds)
        if self._reasoning.restarted:
            self.view.forget_reasoning()
        self.view.apply_reasoning(pieces)
        return bool(pieces)

    def _begin_reasoning(self) -> None:
        """Read the reasoning again from its beginning."""
        self._reasoning.close()
        self._reasoning = ReasoningFollower(self.run.reasoning, reopen_each_poll=self._journal.reopen_each_poll)
        self.view.forget_reasoning()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Turn off garbage collection for a block: thousands of records come and go at once, and they hold no cycles."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
