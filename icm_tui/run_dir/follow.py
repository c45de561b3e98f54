"""Reading a journal while its runner writes it."""

import time
from collections.abc import Callable
from pathlib import Path

from icm_tui.errors import UserError
from icm_tui.run_dir.growing_file import GrowingFile
from icm_tui.run_dir.journal import MalformedLineError, damaged, decode_line
from icm_tui.run_dir.records import AnyRecord


class Follower:
    """An incremental reader of a journal, for viewers.

    Between polls it remembers whole lines only and reads a torn one anew, so that a runner may cut it off and write
    another in its place. If the file was replaced, cut below what was read, or does not go on with the next `seq`,
    reading starts again at its beginning and `restarted` says so.
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
        """Whether the file is opened anew for every poll."""
        return self._file.reopen_each_poll

    @reopen_each_poll.setter
    def reopen_each_poll(self, reopen: bool) -> None:
        self._file.reopen_each_poll = reopen

    @property
    def restarted(self) -> bool:
        """Whether the last poll began again: what earlier polls gave no longer counts."""
        return self._file.restarted

    @property
    def unread(self) -> int:
        """How many bytes the last poll left unread, a torn line included."""
        return self._unread

    def poll(self, *, max_records: int = 2000, max_seconds: float = 0.05) -> list[tuple[int, AnyRecord]]:
        """The records that came since the last poll, each with its byte offset in the journal: as many as the limits
        allow, but at least one if there is one.

        A file that is not there (yet) has none. Raises UserError if the journal cannot be read, is of a newer
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
        """Let go of the file; another poll opens it again and goes on."""
        self._file.close()

    def _read(self, max_records: int, until: float) -> list[tuple[int, AnyRecord]]:
        """Read on from the offset. Raises UserError if the very first line is not what should come."""
        records: list[tuple[int, AnyRecord]] = []
        malformed: MalformedLineError | None = None
        file = self._file
        if not file.offset:
            self._seq = 0
        for line in file.lines():
            try:
                if malformed is not None:
                    # Only at the end of the journal is such a line a torn one.
                    raise damaged(self._path, file.offset, str(malformed))
                record = decode_line(self._path, file.offset, line)
                if record.seq != self._seq:
                    why = f"its seq is {record.seq} where {self._seq} was expected"
                    raise damaged(self._path, file.offset, why)
            except MalformedLineError as error:
                malformed = error
                continue
            except UserError:
                if records:
                    break  # the next poll begins with this line
                raise
            records.append((file.offset, record))
            file.offset += len(line)
            self._seq += 1
            if len(records) >= max_records or self._clock() >= until:
                break
        return records
