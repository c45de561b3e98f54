"""A file that is only added to, whose end is known even when the disk is full or broken."""

import contextlib
import os

from icm_tui.files import write_all


class AppendFile:
    """The writing end of a file. What is added is kept in memory until it is synced.

    A write that stops part way is cut back to the last good length. After a sync that failed nobody knows which bytes
    are on disk (the system may count them as clean), so all bytes since the last good sync are cut off and written
    anew. Whatever goes wrong, each byte ends up in the file once. Not safe for threads by itself.
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
        """Write all that was added. Raises OSError; nothing is lost then, and a later write tries again."""
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
        """Write all that was added and put it on disk. Raises OSError, like write()."""
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
