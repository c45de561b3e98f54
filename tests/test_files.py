"""Files whole or not at all: the old bytes or the new ones, and nothing left beside them."""

import errno
import os
import stat
from pathlib import Path

import pytest

from icm_tui import files
from icm_tui.errors import UserError


def test_write_replaces_a_file_with_the_mode_given(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)  # the longest name there is
    for data, mode in [(b"old", 0o600), (b"newer", 0o640), (b"", 0o600)]:
        files.write(path, data, mode)
        assert path.read_bytes() == data
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert os.listdir(tmp_path) == [path.name]


def test_until_the_block_ends_the_old_bytes_stand(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with files.replacing(path, 0o600) as descriptor:
        files.write_all(descriptor, b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_replacing_keeps_the_old_bytes_if_its_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = set(os.listdir("/dev/fd"))

    def interrupted() -> None:
        with files.replacing(path, 0o600) as descriptor:
            files.write_all(descriptor, b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
    assert set(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("name", ["open", "write", "fsync", "replace"])
def test_write_keeps_the_old_bytes_if_the_system_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, name, refuse)
    with pytest.raises(OSError, match="Input/output error"):
        files.write(path, b"new", 0o600)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_disk_that_takes_little_at_a_time_gets_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    files.write(tmp_path / "file", b"seven b", 0o600)
    monkeypatch.setattr(os, "write", lambda descriptor, data: 0)
    with pytest.raises(OSError, match="Input/output error"):
        files.write(tmp_path / "other", b"x", 0o600)
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"seven b"
    assert os.listdir(tmp_path) == ["file"]


def test_sync_directory_fails_for_a_broken_disk_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", lambda descriptor: refuse(errno.EINVAL))
    files.sync_directory(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        files.sync_directory(tmp_path)


def test_read_text_takes_byte_order_mark_off(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbf\xc3\xa9\n")
    assert files.read_text(tmp_path / "text") == "é\n"


def test_read_text_names_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        files.read_text(tmp_path / "gone")
    assert str(caught.value) == f"{tmp_path}/gone cannot be read: no such file or directory."


def test_read_text_names_byte_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(UserError) as caught:
        files.read_text(tmp_path / "latin")
    assert str(caught.value) == f"{tmp_path}/latin: byte 3 is not UTF-8; save the file as UTF-8 text."
