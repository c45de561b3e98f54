"""reasoning.jsonl: the explanations of a run in pieces as they come, one JSON object a line, only ever added to.

It is for reading along and takes no part in a run: it is not synced, and a line that is no piece is passed over.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from icm_tui.errors import RunFailed, UserError
from icm_tui.runs.layout import FILE_MODE, unwritable, write_all

_CHUNK = 1 << 18


class ReasoningPiece(msgspec.Struct, frozen=True):
    """A piece of explanation number `call` of the run: why `item` has its label after decision `n`, as `speaker` says.

    `thought` is set for a reasoning model's own thinking, and not for its answer. The last piece of a call has `end`
    set and no text; a call that was cut short may have none. `t` is the unix time in seconds.
    """

    call: int
    item: int
    n: int
    t: float
    speaker: str
    text: str
    thought: bool = False
    end: bool = False


class _Call(msgspec.Struct):
    """As much of a piece as numbering the next call needs."""

    call: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ReasoningPiece)
_call_decoder = msgspec.json.Decoder(_Call)


class ReasoningLog:
    """The writing end of reasoning.jsonl; a run has one at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file to add to it, or begin one (mode 0600). A torn last line is cut off. Raises RunFailed where the
        system refuses."""
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
            try:
                self._size, self._next_call = _whole(self._descriptor)
                os.ftruncate(self._descriptor, self._size)
            except BaseException:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise RunFailed(unwritable("The reasoning", path, error)) from error

    def new_call(self) -> int:
        """A number that no explanation of the run has yet."""
        self._next_call += 1
        return self._next_call - 1

    def add(self, piece: ReasoningPiece) -> None:
        """Write a piece, whole or not at all. Raises RunFailed where the disk refuses."""
        data = _encoder.encode(piece) + b"\n"
        try:
            if os.fstat(self._descriptor).st_size != self._size:
                os.ftruncate(self._descriptor, self._size)  # what a write that failed left, and could not be cut then
            write_all(self._descriptor, data)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise RunFailed(unwritable("The reasoning", self._path, error)) from error
        self._size += len(data)

    def close(self) -> None:
        os.close(self._descriptor)


def _whole(descriptor: int) -> tuple[int, int]:
    """How many bytes whole lines take, and one more than the highest call in them."""
    offset = next_call = 0
    for line in _lines(descriptor, 0):
        offset += len(line)
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            next_call = max(next_call, _call_decoder.decode(line).call + 1)
    return offset, next_call


class ReasoningFollower:
    """An incremental reader of reasoning.jsonl, for viewers.

    Between polls it remembers whole lines only and reads a torn one anew. Where the file was replaced or cut below what
    was read, reading starts again at its beginning and `restarted` says so.
    """

    def __init__(
        self, path: Path, *, reopen_each_poll: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`reopen_each_poll` is for network file systems, which show what another host wrote to a file opened after
        that. `clock` (seconds) times a poll."""
        self._path = path
        self._reopen = reopen_each_poll
        self._clock = clock
        self._descriptor: int | None = None
        self._file: tuple[int, int] | None = None
        self._offset = 0
        self._restarted = False

    @property
    def restarted(self) -> bool:
        """Whether the last poll began again: what earlier polls gave no longer counts."""
        return self._restarted

    def poll(self, max_seconds: float = 0.05) -> list[ReasoningPiece]:
        """The pieces that came since the last poll, as many as the time allows but at least one if there is one.

        A file that is not there (yet) has none. Raises UserError where it cannot be read.
        """
        self._restarted = False
        pieces: list[ReasoningPiece] = []
        try:
            descriptor = self._open()
            if descriptor is None:
                return []
            if os.fstat(descriptor).st_size < self._offset:
                self._start_again()
            until = self._clock() + max_seconds
            for line in _lines(descriptor, self._offset):
                self._offset += len(line)
                try:
                    pieces.append(_decoder.decode(line))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if self._clock() >= until:
                    break
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(f"The reasoning {self._path} cannot be read: {reason}.") from error
        finally:
            if self._reopen:
                self.close()
        return pieces

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
        self._offset = 0


def _lines(descriptor: int, offset: int) -> Iterator[bytes]:
    """The whole lines from `offset` on, each with its newline."""
    rest = b""
    while chunk := os.pread(descriptor, _CHUNK, offset):
        offset += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
