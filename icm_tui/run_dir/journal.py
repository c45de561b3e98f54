"""The journal: every record of a run, a JSON object a line, only ever added to.

Writing is grouped: append() keeps records in memory, flush() puts all of them into the file with one write and, if
answers are paid for, one sync. What the disk refuses stays in memory, in order, until it is taken.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, cast

import msgspec

from icm_tui.errors import RunFailed, UserError
from icm_tui.files import sync_directory
from icm_tui.run_dir.append_file import AppendFile
from icm_tui.run_dir.layout import FILE_MODE, unwritable
from icm_tui.run_dir.records import FORMAT, AnyRecord, StartRecord

Durability = Literal["paid", "free"]

_SYNC_EVERY = 1.0
_CHUNK = 1 << 18

_decoder = cast("msgspec.json.Decoder[AnyRecord]", msgspec.json.Decoder(AnyRecord))


class _Start(msgspec.Struct, tag_field="kind", tag="start"):
    """As much of a start record as every format has."""

    format: int


_start_decoder = msgspec.json.Decoder(_Start)


class JournalUnwritable(RunFailed):
    """The disk took no records. They are kept in memory, in order, and the next flush tries again."""


class MalformedLineError(ValueError):
    """A whole line that is not JSON: the end of a write that a crash cut short, or damage."""


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
        self._encoder = msgspec.json.Encoder()
        self._buffer = bytearray()
        self._end = size
        self._last_seq = last_seq
        self._job: asyncio.Task[None] | None = None
        # Below: touched only under the lock, by whichever thread works on the file.
        self._lock = threading.Lock()
        self._file = file
        self._added_seq = last_seq
        self._written_seq = last_seq
        self._synced_seq = last_seq
        self._synced_at = clock()

    @classmethod
    def open(cls, path: Path, *, durability: Durability, clock: Callable[[], float] = time.time) -> "Journal":
        """Open a journal to add to it, or begin one (mode 0600). A torn last line is cut off; only the end is read.

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

        Raises ValueError for a number that is not finite, and TypeError for what JSON has no word for.
        """
        record.seq = self._last_seq + 1
        record.t = self._clock()
        start = len(self._buffer)
        try:
            self._encoder.encode_into(record, self._buffer, start)
            if self._buffer.find(b"null", start) >= 0:
                _refuse_not_finite(self._buffer[start:])
        except BaseException:
            del self._buffer[start:]
            raise
        self._buffer += b"\n"
        self._last_seq += 1
        offset = self._end
        self._end += len(self._buffer) - start
        return offset

    async def flush(self) -> None:
        """Put every record appended so far into the file, and on disk as the durability asks.

        Callers at the same time share one sync, and the event loop goes on meanwhile. Raises JournalUnwritable; the
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
            # Shielded: a caller that is cancelled must not take the others' sync with it.
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
        # A clock that was set back must not put the next sync off.
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


def read_records(path: Path, *, start_offset: int = 0) -> Iterator[tuple[int, AnyRecord]]:
    """The records of a journal with the byte offset of each one's line, read as they are asked for.

    `start_offset` is the offset of a line. A torn last line ends the reading, as if it were not there. Raises UserError
    if the journal cannot be read, is of a newer format, or is damaged before its end.
    """
    try:
        with path.open("rb", buffering=_CHUNK) as file:
            file.seek(start_offset)
            offset = start_offset
            seq = -1 if start_offset == 0 else None
            malformed: MalformedLineError | None = None
            for line in file:
                if not line.endswith(b"\n"):
                    return
                if malformed is not None:
                    raise damaged(path, offset, str(malformed))
                try:
                    record = decode_line(path, offset, line)
                except MalformedLineError as error:
                    # Damage only if another line follows.
                    malformed = error
                    continue
                if seq is not None and record.seq != seq + 1:
                    raise damaged(path, offset, f"its seq is {record.seq} where {seq + 1} was expected")
                seq = record.seq
                yield offset, record
                offset += len(line)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"The journal {path} cannot be read: {reason}.") from error


def decode_line(path: Path, offset: int, line: bytes) -> AnyRecord:
    """One whole line as a record; `path` and `offset` tell where it stands. Fields that are not known are passed over.

    Raises MalformedLineError if it is not JSON, and UserError if it is no record or of a newer format.
    """
    try:
        record = _decoder.decode(line)
    except msgspec.ValidationError as error:
        _refuse_newer(path, line)
        raise damaged(path, offset, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedLineError(str(error)) from None
    if isinstance(record, StartRecord) and record.format > FORMAT:
        raise _newer(path, record.format)
    return record


def damaged(path: Path, offset: int, why: str) -> UserError:
    """The error for a line that cannot be used; `offset` is where it begins."""
    with path.open("rb") as file:
        number, left = 1, offset
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            number += chunk.count(b"\n")
            left -= len(chunk)
    return UserError(
        f"The journal {path} is damaged at line {number}: {why}. Put back a whole copy of it, or start a new run."
    )


def _refuse_not_finite(line: bytearray) -> None:
    """NaN and the infinities are encoded as null; a journal with such a line could never be read again."""
    try:
        _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise ValueError(f"a record holds a number that is not finite: {error}") from None


def _refuse_newer(path: Path, line: bytes) -> None:
    try:
        start = _start_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if start.format > FORMAT:
        raise _newer(path, start.format)


def _newer(path: Path, version: int) -> UserError:
    return UserError(
        f"The journal {path} was written by a newer version of icm-tui: its format is {version}, and this version "
        f"reads up to {FORMAT}. Update icm-tui to use this run."
    )


def _cut_torn_end(path: Path, descriptor: int) -> tuple[int, int]:
    """Cut off what follows the last whole line, and that line too if it is not JSON; return size and last seq."""
    size = os.fstat(descriptor).st_size
    end = _last_line_break(descriptor, size) + 1
    record: AnyRecord | None = None
    if end:
        start = _last_line_break(descriptor, end - 1) + 1
        try:
            record = decode_line(path, start, os.pread(descriptor, end - start, start))
        except MalformedLineError:
            end = start
            if end:
                start = _last_line_break(descriptor, end - 1) + 1
                try:
                    record = decode_line(path, start, os.pread(descriptor, end - start, start))
                except MalformedLineError as error:
                    raise damaged(path, start, str(error)) from None
    if end < size:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    return end, -1 if record is None else record.seq


def _last_line_break(descriptor: int, end: int) -> int:
    """The offset of the last newline before `end`, -1 if there is none."""
    while end > 0:
        start = max(0, end - _CHUNK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found
        end = start
    return -1
