"""Reading a journal while its runner writes it."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from icm_tui.errors import UserError
from icm_tui.runs.journal import MalformedLineError, damaged, decode_line
from icm_tui.runs.records import AnyRecord

_CHUNK = 1 << 18


class Follower:
    """An incremental reader of a journal, for viewers.

    Between polls it remembers whole lines only and reads a torn one anew, so that a runner may cut it off and write
    another in its place. Where the file was replaced, cut below what was read, or does not go on with the next `seq`,
    reading starts again at its beginning and `restarted` says so.
    """

    def __init__(
        self, path: Path, *, reopen_each_poll: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`reopen_each_poll` is for network file systems, which show what another host wrote to a file opened after
        that. `clock` (seconds) times a poll."""
        self._path = path
        self.reopen_each_poll = reopen_each_poll
        self._clock = clock
        self._descriptor: int | None = None
        self._file: tuple[int, int] | None = None
        self._offset = 0
        self._seq = 0
        self._doubted: int | None = None
        self._restarted = False
        self._unread = 0

    @property
    def restarted(self) -> bool:
        """Whether the last poll began again: what earlier polls gave no longer counts."""
        return self._restarted

    @property
    def unread(self) -> int:
        """How many bytes the last poll left unread, a torn line included."""
        return self._unread

    def poll(self, *, max_records: int = 2000, max_seconds: float = 0.05) -> list[tuple[int, AnyRecord]]:
        """The records that came since the last poll, each with its byte offset in the journal: as many as the limits
        allow, but at least one if there is one.

        A file that is not there (yet) has none. Raises UserError where the journal cannot be read, is of a newer
        format or is damaged.
        """
        self._restarted = False
        self._unread = 0
        try:
            descriptor = self._open()
            if descriptor is None:
                return []
            size = os.fstat(descriptor).st_size
            if size < self._offset:
                self._start_again()
            until = self._clock() + max_seconds
            try:
                records = self._read(descriptor, max_records, until)
            except UserError:
                if self._offset in (0, self._doubted):
                    raise
                # The file may have been changed under us; it is damaged if a second reading stops here too.
                self._doubted = self._offset
                self._start_again()
                records = self._read(descriptor, max_records, until)
            self._unread = max(0, size - self._offset)
            return records
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(f"The journal {self._path} cannot be read: {reason}.") from error
        finally:
            if self.reopen_each_poll:
                self.close()

    def close(self) -> None:
        """Let go of the file; another poll opens it again and goes on."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int | None:
        try:
            found = os.stat(self._path)
            if self._descriptor is not None and (found.st_dev, found.st_ino) != self._file:
                self.close()
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        status = os.fstat(self._descriptor)
        file = (status.st_dev, status.st_ino)
        if self._file is not None and file != self._file:
            self._start_again()
        self._file = file
        return self._descriptor

    def _start_again(self) -> None:
        self._restarted = self._offset > 0
        self._offset = self._seq = 0

    def _read(self, descriptor: int, max_records: int, until: float) -> list[tuple[int, AnyRecord]]:
        """Read on from the offset. Raises UserError where the very first line is not what should come."""
        records: list[tuple[int, AnyRecord]] = []
        malformed: MalformedLineError | None = None
        for line in _whole_lines(descriptor, self._offset):
            try:
                if malformed is not None:
                    # Only at the end of the journal is such a line a torn one.
                    raise damaged(self._path, self._offset, str(malformed))
                record = decode_line(self._path, self._offset, line)
                if record.seq != self._seq:
                    why = f"its seq is {record.seq} where {self._seq} was expected"
                    raise damaged(self._path, self._offset, why)
            except MalformedLineError as error:
                malformed = error
                continue
            except UserError:
                if records:
                    break  # the next poll begins with this line
                raise
            records.append((self._offset, record))
            self._offset += len(line)
            self._seq += 1
            if len(records) >= max_records or self._clock() >= until:
                break
        return records


def _whole_lines(descriptor: int, offset: int) -> Iterator[bytes]:
    rest = b""
    while chunk := os.pread(descriptor, _CHUNK, offset):
        offset += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
