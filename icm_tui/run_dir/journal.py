"""The journal: every record of a run, one JSON object per line, append-only.

Writing is grouped: append() keeps records in memory, flush() puts all of them into the file with one write and, if
answers are paid for, one sync. Records that the disk refuses stay in memory, in order, until a later flush succeeds.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from icm_tui.errors import RunFailed
from icm_tui.files import sync_directory, write_all
from icm_tui.run_dir.layout import FILE_MODE, unwritable
from icm_tui.run_dir.reading import damaged, last_line_break, record_of
from icm_tui.run_dir.records import AnyRecord, BadLineError, add_line

Durability = Literal["paid", "free"]

_SYNC_EVERY = 1.0


class JournalUnwritable(RunFailed):
    """The disk refused records. They stay in memory, in order, and the next flush tries again."""


class AppendFile:
    """The writing end of a file. What is added is kept in memory until it is synced.

    A write that stops part way is cut back to the last good length. After a failed sync nobody knows which bytes are
    on disk (the system may count them as clean), so all bytes since the last good sync are cut off and written again.
    Whatever goes wrong, each byte ends up in the file once. Not thread-safe by itself.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        """`descriptor` is open for reading, writing and appending; the file's first `size` bytes are good."""
        self._descriptor = descriptor
        self._synced = size
        self._tail = bytearray()
        self._written = 0  # how much of the tail is in the file
        self._torn = False  # the file may be longer than it should be, and could not be cut

    @property
    def has_unsynced(self) -> bool:
        """Whether anything added may be lost by a power cut."""
        return bool(self._tail)

    def add(self, data: bytes | bytearray) -> None:
        """Take over bytes for the next write."""
        self._tail += data

    def write(self) -> None:
        """Write everything added so far. Raises OSError; nothing is lost then, and a later write tries again."""
        if self._torn:
            os.ftruncate(self._descriptor, self._synced + self._written)
            self._torn = False
        if self._written == len(self._tail):
            return
        try:
            write_all(self._descriptor, bytes(self._tail[self._written :]))
        except BaseException:
            self._cut()
            raise
        self._written = len(self._tail)

    def sync(self) -> None:
        """Write everything added so far and sync it to disk. Raises OSError, like write()."""
        self.write()
        if not self._tail:
            return
        try:
            os.fsync(self._descriptor)
        except BaseException:
            self._written = 0
            self._cut()
            raise
        self._synced += len(self._tail)
        self._tail.clear()
        self._written = 0

    def close(self) -> None:
        os.close(self._descriptor)

    def _cut(self) -> None:
        self._torn = True
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._synced + self._written)
            self._torn = False


class Journal:
    """The writing end of a journal; a run has one at a time.

    All methods belong to one thread, the event loop's. Only the write and sync of a flush that must reach the disk run
    in another, one at a time.
    """

    def __init__(
        self,
        path: Path,
        file: AppendFile,
        size: int,
        last_seq: int,
        durability: Durability,
        clock: Callable[[], float],
    ) -> None:
        """For open()."""
        self._path = path
        self._durability = durability
        self._clock = clock
        self._buffer = bytearray()
        self._end = size
        self._last_seq = last_seq
        self._job: asyncio.Task[None] | None = None
        # What follows is used only under the lock, by the thread that works on the file.
        self._lock = threading.Lock()
        self._file = file
        self._added_seq = last_seq
        self._written_seq = last_seq
        self._synced_seq = last_seq
        self._synced_at = clock()

    @classmethod
    def open(cls, path: Path, *, durability: Durability, clock: Callable[[], float] = time.time) -> "Journal":
        """Open a journal for appending, or create it (mode 0600). A torn last line is cut off; only the end is read.

        With durability "paid" a flush returns when its records are on disk; with "free" when they are in the file,
        which is synced at most once a second. `clock` gives unix seconds. Raises JournalUnwritable if the system
        refuses, and UserError if the file does not end as a journal does.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
            try:
                size, last_seq = _cut_torn_end(path, descriptor)
                sync_directory(path.parent)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise JournalUnwritable(unwritable("The journal", path, error)) from error
        return cls(path, AppendFile(descriptor, size), size, last_seq, durability, clock)

    @property
    def last_seq(self) -> int:
        """The number of the last record appended, -1 before the first."""
        return self._last_seq

    def now(self) -> float:
        """The time by the clock that stamps the records, in unix seconds."""
        return self._clock()

    @property
    def unwritten(self) -> int:
        """How many appended records are not in the file."""
        return self._last_seq - self._written_seq

    def append(self, record: AnyRecord) -> int:
        """Number the record, stamp it with the time, and keep it for the next flush; returns its line's byte offset.

        Raises ValueError for a number that is not finite, and TypeError for a value that JSON cannot hold.
        """
        record.seq = self._last_seq + 1
        record.t = self._clock()
        start = len(self._buffer)
        add_line(record, self._buffer)
        self._last_seq += 1
        offset = self._end
        self._end += len(self._buffer) - start
        return offset

    async def flush(self) -> None:
        """Put every record appended so far into the file, and on disk as the durability demands.

        Concurrent callers share one sync, and the event loop keeps running meanwhile. Raises JournalUnwritable; the
        records are kept then, and a later flush tries again.
        """
        goal = self._last_seq
        while self._safe_seq() < goal or self._sync_is_due():
            if self._job is None:
                with self._lock:
                    self._hand_over()
                if self._durability == "free" and not self._sync_is_due():
                    self._work(sync=False)
                    continue
                self._job = asyncio.create_task(self._sync_in_thread())
            # Shielded: cancelling one caller must not cancel the sync that others wait for.
            await asyncio.shield(self._job)

    def flush_now(self) -> None:
        """Put every record appended so far on disk before returning, whatever the durability. Raises like flush()."""
        with self._lock:
            self._hand_over()
        self._work(sync=True)

    def close(self) -> None:
        """Flush and close. Raises JournalUnwritable; the journal stays open then."""
        self.flush_now()
        self._file.close()

    def _safe_seq(self) -> int:
        return self._synced_seq if self._durability == "paid" else self._written_seq

    def _sync_is_due(self) -> bool:
        # A clock that was set back must not delay the next sync.
        waited = self._clock() - self._synced_at
        return self._durability == "free" and self._file.has_unsynced and not 0 <= waited < _SYNC_EVERY

    def _hand_over(self) -> None:
        self._file.add(self._buffer)
        self._buffer.clear()
        self._added_seq = self._last_seq

    async def _sync_in_thread(self) -> None:
        try:
            await asyncio.to_thread(self._work, sync=True)
        finally:
            self._job = None

    def _work(self, *, sync: bool) -> None:
        with self._lock:
            try:
                if sync:
                    self._file.sync()
                    self._synced_seq = self._added_seq
                    self._synced_at = self._clock()
                else:
                    self._file.write()
            except OSError as error:
                if sync:
                    # The file may have been cut back to where the last good sync left it.
                    self._written_seq = self._synced_seq
                raise JournalUnwritable(unwritable("The journal", self._path, error)) from error
            self._written_seq = self._added_seq


def _cut_torn_end(path: Path, descriptor: int) -> tuple[int, int]:
    """Cut off what follows the last whole line, and that line too if its checksum or JSON is wrong.

    Returns the size and the last seq. Raises OSError, and UserError for other damage at the end."""
    size = os.fstat(descriptor).st_size
    end = last_line_break(descriptor, size) + 1
    record: AnyRecord | None = None
    if end:
        start = last_line_break(descriptor, end - 1) + 1
        try:
            record = record_of(path, start, os.pread(descriptor, end - start, start))
        except BadLineError:
            end = start
            if end:
                start = last_line_break(descriptor, end - 1) + 1
                try:
                    record = record_of(path, start, os.pread(descriptor, end - start, start))
                except BadLineError as error:
                    raise damaged(path, start, str(error)) from None
    if end < size:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    return end, -1 if record is None else record.seq
