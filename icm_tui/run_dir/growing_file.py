"""Reading a file of lines while another process adds to it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from icm_tui.errors import UserError

_CHUNK = 1 << 18


class GrowingFile:
    """The reading end of a file of lines: where it is open, how far it was read, and whether it is still the same file.

    Between polls only whole lines count as read, so that a writer may cut a torn one off and write another in its
    place. If the file was replaced, or cut below what was read, reading starts again at its beginning.

    `offset` is how many bytes were read; `size` how many the file had when the poll began, 0 if there is none.
    `restarted` says that the poll began again: what earlier polls gave no longer counts.
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
        """A look at the file; whether it is there. Raises UserError if the system refuses, in the block too."""
        self.restarted = False
        self.size = 0
        try:
            yield self._open()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(f"{self._what} {self._path} cannot be read: {reason}.") from error
        finally:
            if self.reopen_each_poll:
                self.close()

    def lines(self) -> Iterator[bytes]:
        """The whole lines that were not read yet, each with its newline; within a poll of a file that is there.

        Whoever has used one adds its length to `offset`. Raises OSError.
        """
        assert self._descriptor is not None
        return whole_lines(self._descriptor, self.offset)

    def start_again(self) -> None:
        """Go back to the beginning of the file."""
        self.restarted = self.offset > 0
        self.offset = 0

    def close(self) -> None:
        """Let go of the file; another poll opens it again and goes on."""
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
    """The whole lines of an open file from `offset` on, each with its newline. Raises OSError."""
    rest = b""
    while chunk := os.pread(descriptor, _CHUNK, offset):
        offset += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
