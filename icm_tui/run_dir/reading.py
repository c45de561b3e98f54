"""Reading a journal: all of it, one record of it, or what is new while its runner writes it."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from icm_tui.errors import UserError
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import FORMAT, AnyRecord, BadLineError, Digests, StartRecord, read_line

_CHUNK = 1 << 18
_A_LOOK = 16


class _Start(msgspec.Struct, tag_field="kind", tag="start"):
    """As much of a start record as every format has."""

    format: int


_start_decoder = msgspec.json.Decoder(_Start)


class JournalReader:
    """Turns the lines of one journal into records, in order. It opens the file only to count lines for an error.

    `offset` is where the next line begins, `next_seq` the number that its record must have (None for any).
    """

    def __init__(self, path: Path, offset: int = 0, next_seq: int | None = 0) -> None:
        self.offset = offset
        self.next_seq = next_seq
        self._path = path
        self._bad: BadLineError | None = None

    def records(self, lines: Iterable[bytes]) -> Iterator[tuple[int, AnyRecord]]:
        """Yield the records of the next whole lines, each with the byte offset of its line. A bad line counts as a torn
        end until another line follows it.

        Raises UserError if the journal is damaged or of a newer format.
        """
        for line in lines:
            offset = self.offset
            if self._bad is not None:
                raise damaged(self._path, offset, str(self._bad))
            try:
                record = read_line(line)
            except (BadLineError, msgspec.ValidationError):
                try:
                    record = record_of(self._path, offset, line)  # says what is wrong with it
                except BadLineError as error:
                    self._bad = error
                    continue
            if record.seq != self.next_seq and self.next_seq is not None:
                raise damaged(self._path, offset, f"its seq is {record.seq} instead of {self.next_seq}")
            if type(record) is StartRecord and record.format > FORMAT:
                raise _newer(self._path, record.format)
            self.next_seq = record.seq + 1
            self.offset = offset + len(line)
            yield offset, record


def read_records(path: Path, *, start_offset: int = 0) -> Iterator[tuple[int, AnyRecord]]:
    """Yield the records of a journal, each with the byte offset of its line; lines are read as they are needed.

    `start_offset` is the offset of a line. A torn last line ends the reading, as if it were not there. Raises UserError
    if the journal cannot be read, is of a newer format, or is damaged before its end.
    """
    reader = JournalReader(path, start_offset, None if start_offset else 0)
    try:
        with path.open("rb", buffering=_CHUNK) as file:
            file.seek(start_offset)
            yield from reader.records(line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise _unreadable("The journal", path, error) from error


def read_record(path: Path, offset: int) -> AnyRecord:
    """Return the record whose line begins at a byte offset of the journal. Raises UserError if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return record_of(path, offset, file.readline())
    except OSError as error:
        raise _unreadable("The journal", path, error) from error
    except BadLineError as error:
        raise damaged(path, offset, str(error)) from None


def record_of(path: Path, offset: int, line: bytes) -> AnyRecord:
    """Return the record of one whole line; errors name the line by `path` and `offset`.

    Raises BadLineError if the line is not what was written, and UserError if it is not a record or of a newer format.
    """
    try:
        record = read_line(line)
    except msgspec.ValidationError as error:
        _refuse_newer(path, line)
        raise damaged(path, offset, str(error)) from None
    except BadLineError:
        if b',"crc":' not in line:
            _refuse_newer(path, line)  # which may end its lines in another way
        raise
    if isinstance(record, StartRecord) and record.format > FORMAT:
        raise _newer(path, record.format)
    return record


def damaged(path: Path, offset: int, why: str) -> UserError:
    """Make the error for a line that cannot be used and begins at byte `offset`."""
    with path.open("rb") as file:
        number, left = 1, offset
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            number += chunk.count(b"\n")
            left -= len(chunk)
    return UserError(
        f"The journal {path} is damaged at line {number}: {why}. Put back an intact copy of it, or start a new run."
    )


def refuse_other_run(start: AnyRecord, digests: Digests, run: RunDir) -> None:
    """Raise UserError if a journal does not begin with the start of a run, or if the items or settings beside it are
    not those it began with. `start` is the journal's first record."""
    if not isinstance(start, StartRecord):
        raise UserError(
            f"The journal {run.journal} does not begin with the start of a run. Put it back as it was written."
        )
    if start.items_digest != digests.items:
        raise UserError(f"{run.items} is not what the run began with. Put it back as it was, or start a new run.")
    if start.profile_digest != digests.profile:
        raise UserError(f"{run.profile} is not what the run began with. Put it back as it was, or start a new run.")


def end_of_whole_lines(path: Path) -> int:
    """Return the offset after the last newline of a file; 0 if it has none or does not exist yet."""
    try:
        with path.open("rb") as file:
            return last_line_break(file.fileno(), file.seek(0, os.SEEK_END)) + 1
    except FileNotFoundError:
        return 0


def last_line_break(descriptor: int, end: int) -> int:
    """Return the offset of the last newline before `end` in an open file, -1 if there is none. Raises OSError."""
    while end > 0:
        start = max(0, end - _CHUNK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found
        end = start
    return -1


class GrowingFile:
    """The reading end of a file of lines that grows: how far it was read, and whether it is still the same file.

    Between polls only whole lines count as read, so a writer may cut off a torn line and write another in its place. If
    the file was replaced, or cut below what was read, reading starts again at its beginning.

    `offset` is how many bytes were read, `size` how many the file had when the poll began (0 if it does not exist).
    `restarted` is set if the poll began again: what earlier polls returned no longer counts.
    """

    def __init__(self, path: Path, what: str, *, reopen_each_poll: bool = False) -> None:
        """`what` names the file in an error, such as "The journal". `reopen_each_poll` is for network file systems,
        which show what another host wrote to a file opened after that."""
        self.reopen_each_poll = reopen_each_poll
        self.offset = self.size = 0
        self.restarted = False
        self._path = path
        self._what = what
        self._descriptor: int | None = None
        self._file: tuple[int, int] | None = None

    @contextlib.contextmanager
    def poll(self) -> Iterator[bool]:
        """Open the file for a block of reading; gives whether it exists. Raises UserError for any OSError, also if it
        comes from the block."""
        self.restarted = False
        self.size = 0
        try:
            yield self._open()
        except OSError as error:
            raise _unreadable(self._what, self._path, error) from error
        finally:
            if self.reopen_each_poll:
                self.close()

    def lines(self) -> Iterator[bytes]:
        """Yield the whole lines that were not read yet, each with its newline. Needs a poll that found the file.

        The caller adds the length of each line that it uses to `offset`. Raises OSError.
        """
        assert self._descriptor is not None
        return whole_lines(self._descriptor, self.offset)

    def start_again(self) -> None:
        """Go back to the beginning of the file."""
        self.restarted = self.offset > 0
        self.offset = 0

    def close(self) -> None:
        """Close the file; the next poll opens it again and continues."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> bool:
        try:
            found = os.stat(self._path)
            if self._descriptor is not None and (found.st_dev, found.st_ino) != self._file:
                self.close()
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        status = os.fstat(self._descriptor)
        file = (status.st_dev, status.st_ino)
        self.size = status.st_size
        if self.size < self.offset or (self._file is not None and file != self._file):
            self.start_again()
        self._file = file
        return True


def whole_lines(descriptor: int, offset: int) -> Iterator[bytes]:
    """Yield the whole lines of an open file from `offset` on, each with its newline. Raises OSError."""
    rest = b""
    while chunk := os.pread(descriptor, _CHUNK, offset):
        offset += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"


class Follower:
    """An incremental reader of a journal, for viewers.

    Between polls it counts whole lines only and reads a torn line again, so a runner may cut it off and write another
    in its place. If the file was replaced, was cut below what was read, or does not continue with the next `seq`,
    reading starts again at its beginning and `restarted` is set.
    """

    def __init__(
        self, path: Path, *, reopen_each_poll: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`reopen_each_poll` is for network file systems, which show what another host wrote to a file opened after
        that. `clock` (seconds) times a poll."""
        self._path = path
        self._file = GrowingFile(path, "The journal", reopen_each_poll=reopen_each_poll)
        self._clock = clock
        self._seq = 0
        self._doubted: int | None = None
        self._unread = 0

    @property
    def reopen_each_poll(self) -> bool:
        """Whether the file is opened again for every poll."""
        return self._file.reopen_each_poll

    @reopen_each_poll.setter
    def reopen_each_poll(self, reopen: bool) -> None:
        self._file.reopen_each_poll = reopen

    @property
    def restarted(self) -> bool:
        """Whether the last poll began again: what earlier polls returned no longer counts."""
        return self._file.restarted

    @property
    def unread(self) -> int:
        """How many bytes the last poll left unread, a torn line included."""
        return self._unread

    def poll(self, *, max_records: int = 2000, max_seconds: float = 0.05) -> list[tuple[int, AnyRecord]]:
        """Return the records that came since the last poll, each with its byte offset in the journal: as many as the
        limits allow, but at least one if there is one.

        A file that does not exist (yet) has none. Raises UserError if the journal cannot be read, is of a newer
        format or is damaged.
        """
        self._unread = 0
        file = self._file
        with file.poll() as is_there:
            if not is_there:
                return []
            until = self._clock() + max_seconds
            try:
                records = self._read(max_records, until)
            except UserError:
                if file.offset in (0, self._doubted):
                    raise
                # The file may have been changed under us; it is damaged if a second reading stops here too.
                self._doubted = file.offset
                file.start_again()
                records = self._read(max_records, until)
            self._unread = max(0, file.size - file.offset)
            return records

    def close(self) -> None:
        """Close the file; the next poll opens it again and continues."""
        self._file.close()

    def _read(self, max_records: int, until: float) -> list[tuple[int, AnyRecord]]:
        """Read on from the offset. Raises UserError if the very first line is not what should come."""
        records: list[tuple[int, AnyRecord]] = []
        file = self._file
        reader = JournalReader(self._path, file.offset, self._seq if file.offset else 0)
        try:
            for entry in reader.records(file.lines()):
                records.append(entry)
                count = len(records)
                # The clock is looked at after the first record, and then now and then.
                if count >= max_records or (count % _A_LOOK == 1 and self._clock() >= until):
                    break
        except UserError:
            if not records:
                raise  # otherwise the next poll begins with the line that is damaged
        file.offset = reader.offset
        self._seq = reader.next_seq or 0
        return records


def _unreadable(what: str, path: Path, error: OSError) -> UserError:
    return UserError(f"{what} {path} cannot be read: {(error.strerror or str(error)).lower()}.")


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
