"""Reading whole lines of a file that others write: nothing twice, nothing torn, and a new file from its beginning."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from icm_tui.errors import UserError
from icm_tui.run_dir.reading import GrowingFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lines"


@pytest.fixture(params=[False, True], ids=["kept open", "reopened"])
def file(request: pytest.FixtureRequest, path: Path) -> Iterator[GrowingFile]:
    file = GrowingFile(path, "The list", reopen_each_poll=request.param)
    yield file
    file.close()


def read(file: GrowingFile, most: int = 1000) -> list[bytes] | None:
    """The next lines; None if there is no file."""
    with file.poll() as is_there:
        if not is_there:
            return None
        found = []
        for line in file.lines():
            found.append(line)
            file.offset += len(line)
            if len(found) == most:
                break
        return found


def test_growing_file_finds_a_missing_file_once_it_exists(file: GrowingFile, path: Path) -> None:
    assert read(file) is None
    path.write_bytes(b"a\n")
    assert read(file) == [b"a\n"]
    path.rename(path.with_name("away"))
    assert read(file) is None
    assert (file.size, file.restarted) == (0, False)
    path.with_name("away").rename(path)
    assert read(file) == []
    assert not file.restarted


def test_growing_file_reads_a_torn_line_once_it_is_whole(file: GrowingFile, path: Path) -> None:
    path.write_bytes(b"a\n\nto")
    assert read(file) == [b"a\n", b"\n"]
    assert (file.offset, file.size) == (3, 5)
    assert read(file) == []
    path.write_bytes(b"a\n\nother\nt")
    assert read(file) == [b"other\n"]
    assert not file.restarted


def test_growing_file_gives_an_unused_line_again(file: GrowingFile, path: Path) -> None:
    path.write_bytes(b"a\nb\nc\n")
    assert read(file, 1) == [b"a\n"]
    with file.poll() as is_there:
        assert is_there
        assert list(file.lines()) == [b"b\n", b"c\n"]
    assert read(file, 2) == [b"b\n", b"c\n"]


def test_growing_file_rereads_a_replaced_or_shrunken_file(file: GrowingFile, path: Path) -> None:
    path.write_bytes(b"a\nb\n")
    assert read(file) == [b"a\n", b"b\n"]
    path.with_name("other").write_bytes(b"x\ny\nz\n")
    os.replace(path.with_name("other"), path)
    assert read(file) == [b"x\n", b"y\n", b"z\n"]
    assert file.restarted
    path.write_bytes(b"x\n")
    assert read(file) == [b"x\n"]
    assert file.restarted
    assert read(file) == []
    assert not file.restarted


def test_growing_file_restarts_only_if_something_was_read(file: GrowingFile, path: Path) -> None:
    path.write_bytes(b"torn")
    assert read(file) == []
    path.with_name("other").write_bytes(b"x\n")
    os.replace(path.with_name("other"), path)
    assert read(file) == [b"x\n"]
    assert not file.restarted


def test_growing_file_that_reopens_leaves_no_descriptor_open(file: GrowingFile, path: Path) -> None:
    path.write_bytes(b"a\n")
    before = set(os.listdir("/dev/fd"))
    read(file)
    assert len(set(os.listdir("/dev/fd")) - before) == (0 if file.reopen_each_poll else 1)
    file.close()
    file.close()
    assert set(os.listdir("/dev/fd")) == before


def test_growing_file_reports_an_error_and_can_try_again(
    file: GrowingFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"a\n")

    def refuse(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", refuse)
    with pytest.raises(UserError) as caught:
        read(file)
    assert str(caught.value) == f"The list {path} cannot be read: input/output error."
    monkeypatch.undo()
    assert read(file) == [b"a\n"]
