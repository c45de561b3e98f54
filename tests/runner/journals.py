"""A clock and a disk that a test controls, and short ways to write and read a journal."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import pytest

from icm_tui.run_dir.journal import Journal
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import FORMAT, AnyRecord, ErrorRecord, StartRecord


class Clock:
    """Unix seconds that pass only as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """Takes the place of os.write, os.fsync and os.ftruncate: fails as a test says, and counts writes and syncs."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.sync_fails = False
        self.cut_fails = False
        self.writes = 0
        self.syncs = 0
        self._write, self._fsync, self._ftruncate = os.write, os.fsync, os.ftruncate

    def write(self, descriptor: int, data: memoryview) -> int:
        self.writes += 1
        if self.room is None:
            return self._write(descriptor, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written

    def fsync(self, descriptor: int) -> None:
        self.syncs += 1
        if self.sync_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fsync(descriptor)

    def ftruncate(self, descriptor: int, length: int) -> None:
        if self.cut_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._ftruncate(descriptor, length)

    def heal(self) -> None:
        self.room = None
        self.sync_fails = self.cut_fails = False


@contextmanager
def faulty_disk() -> Iterator[Disk]:
    disk = Disk()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", disk.write)
        patch.setattr(os, "fsync", disk.fsync)
        patch.setattr(os, "ftruncate", disk.ftruncate)
        yield disk


@contextmanager
def fresh_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "journal.jsonl"


def sealed(json: bytes) -> bytes:
    """An object as a line of a journal: with the checksum of its bytes as its last field."""
    return json[:-1] + b',"crc":%d}\n' % crc32(json[:-1])


def resealed(data: bytes) -> bytes:
    """The lines of a journal with the checksums that fit them."""
    lines = data.splitlines()
    return b"".join(sealed(line[: line.rindex(b',"crc":')] + b"}") for line in lines)


def note(text: str) -> ErrorRecord:
    return ErrorRecord(what=text)


def start(version: int = FORMAT) -> StartRecord:
    return StartRecord(
        format=version,
        engine="1",
        window=1,
        labels=["A", "B"],
        items_digest="",
        profile_digest="",
        host="here",
        pid=1,
    )


def texts(path: Path) -> list[str]:
    return [record.what for _, record in read_records(path) if isinstance(record, ErrorRecord)]


def whole_journal(path: Path, records: list[AnyRecord]) -> bytes:
    journal = Journal.open(path, durability="paid")
    for record in records:
        journal.append(record)
    journal.close()
    return path.read_bytes()
