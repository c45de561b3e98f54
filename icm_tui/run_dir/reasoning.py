"""reasoning.jsonl: the explanations of a run in pieces as they arrive, one JSON object per line, append-only.

It only lets people read along, and no part of a run depends on it: it is not synced, and a line that is not a piece is
skipped.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from icm_tui.errors import RunFailed
from icm_tui.files import write_all
from icm_tui.run_dir.layout import FILE_MODE, unwritable
from icm_tui.run_dir.reading import GrowingFile, whole_lines


class ReasoningPiece(msgspec.Struct, frozen=True):
    """A piece of explanation number `call` of the run: why `item` has its label after decision `n`, as `speaker` says.

    `reasoning` is set for a reasoning model's own chain of thought, not for its answer. The last piece of a call has
    `end` set and no text; a call that was cut short may have none. `t` is the unix time in seconds.
    """

    call: int
    item: int
    n: int
    t: float
    speaker: str
    text: str
    reasoning: bool = False
    end: bool = False


class _Call(msgspec.Struct):
    """The part of a piece that numbering the next call needs."""

    call: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ReasoningPiece)
_call_decoder = msgspec.json.Decoder(_Call)


class ReasoningLog:
    """The writing end of reasoning.jsonl; a run has one at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file for appending, or create it (mode 0600). A torn last line is cut off. Raises RunFailed if the
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
        """Return a number that no explanation of the run has yet."""
        self._next_call += 1
        return self._next_call - 1

    def add(self, piece: ReasoningPiece) -> None:
        """Write a piece, whole or not at all. Raises RunFailed if the disk refuses."""
        data = _encoder.encode(piece) + b"\n"
        try:
            if os.fstat(self._descriptor).st_size != self._size:
                os.ftruncate(self._descriptor, self._size)  # what a failed write left and could not cut
            write_all(self._descriptor, data)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise RunFailed(unwritable("The reasoning", self._path, error)) from error
        self._size += len(data)

    def close(self) -> None:
        os.close(self._descriptor)


def _whole(descriptor: int) -> tuple[int, int]:
    """Return how many bytes the whole lines take, and the highest call number in them plus one."""
    offset = next_call = 0
    for line in whole_lines(descriptor, 0):
        offset += len(line)
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            next_call = max(next_call, _call_decoder.decode(line).call + 1)
    return offset, next_call


class ReasoningFollower:
    """An incremental reader of reasoning.jsonl, for viewers.

    Between polls it counts whole lines only and reads a torn line again. If the file was replaced or cut below what was
    read, reading starts again at its beginning and `restarted` is set.
    """

    def __init__(
        self, path: Path, *, reopen_each_poll: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`reopen_each_poll` is for network file systems, which show what another host wrote to a file opened after
        that. `clock` (seconds) times a poll."""
        self._file = GrowingFile(path, "The reasoning", reopen_each_poll=reopen_each_poll)
        self._clock = clock

    @property
    def restarted(self) -> bool:
        """Whether the last poll began again: what earlier polls returned no longer counts."""
        return self._file.restarted

    def poll(self, max_seconds: float = 0.05) -> list[ReasoningPiece]:
        """Return the pieces that came since the last poll, as many as the time allows but at least one if there is one.

        A file that does not exist (yet) has none. Raises UserError if it cannot be read.
        """
        pieces: list[ReasoningPiece] = []
        file = self._file
        with file.poll() as is_there:
            if not is_there:
                return []
            until = self._clock() + max_seconds
            for line in file.lines():
                file.offset += len(line)
                try:
                    pieces.append(_decoder.decode(line))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if self._clock() >= until:
                    break
        return pieces

    def close(self) -> None:
        """Close the file; the next poll opens it again and continues."""
        self._file.close()
