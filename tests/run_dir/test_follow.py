import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.run_dir.journal import Journal
from icm_tui.run_dir.reading import Follower
from icm_tui.run_dir.records import AnyRecord, ErrorRecord
from tests.runner.journals import sealed


def line(seq: int, what: str) -> bytes:
    return sealed(b'{"kind":"error","seq":%d,"t":0.0,"what":"%s"}' % (seq, what.encode()))


def lines(*whats: str) -> bytes:
    return b"".join(line(seq, what) for seq, what in enumerate(whats))


def whats(records: list[tuple[int, AnyRecord]]) -> list[str]:
    return [record.what for _, record in records if isinstance(record, ErrorRecord)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture(params=[False, True], ids=["kept open", "reopened"])
def follower(request: pytest.FixtureRequest, path: Path) -> Iterator[Follower]:
    follower = Follower(path, reopen_each_poll=request.param)
    yield follower
    follower.close()


def test_follower_gives_no_records_before_the_file_exists(follower: Follower, path: Path) -> None:
    assert follower.poll() == []
    path.write_bytes(lines("a"))
    assert whats(follower.poll()) == ["a"]
    assert follower.poll() == []
    assert not follower.restarted


@given(cuts=st.lists(st.integers(0, 400), max_size=12), most=st.integers(1, 3), reopen=st.booleans())
def test_follower_gives_each_record_once_however_bytes_arrive(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], most: int, reopen: bool
) -> None:
    path = tmp_path_factory.mktemp("follow") / "journal.jsonl"
    names = [f"record {number}" for number in range(6)]
    data = lines(*names)
    follower = Follower(path, reopen_each_poll=reopen)
    got: list[str] = []
    for end in [*sorted(cuts), len(data)]:
        path.write_bytes(data[:end])  # keeps the inode
        while new := follower.poll(max_records=most):
            assert len(new) <= most
            got += whats(new)
        assert not follower.restarted
        assert got == names[: data[:end].count(b"\n")]
        assert follower.unread == len(data[:end]) - (data.rfind(b"\n", 0, end) + 1)
    follower.close()
    assert got == names


def test_follower_reads_on_after_a_torn_end_is_replaced(follower: Follower, path: Path) -> None:
    journal = Journal.open(path, durability="free")
    journal.append(ErrorRecord(what="a"))
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"kind":"error","seq":1,"t":0.0,"what":"never fini')
    assert whats(follower.poll()) == ["a"]
    journal = Journal.open(path, durability="free")
    journal.append(ErrorRecord(what="written in its place, and longer than what was cut off there"))
    journal.close()
    assert whats(follower.poll()) == ["written in its place, and longer than what was cut off there"]
    assert not follower.restarted


def test_follower_stops_in_time_but_gives_at_least_one_record(path: Path) -> None:
    names = [str(number) for number in range(40)]
    path.write_bytes(lines(*names))
    ticks = iter(range(100))
    follower = Follower(path, clock=lambda: float(next(ticks)))
    assert whats(follower.poll(max_seconds=0.0)) == ["0"]
    assert follower.unread == len(lines(*names)) - len(line(0, "0"))
    # The clock is looked at after the first record and then every 16.
    assert whats(follower.poll(max_seconds=2.0)) == names[1:18]
    assert whats(follower.poll(max_seconds=9.0)) == names[18:]
    follower.close()


def test_follower_rereads_a_replaced_file(follower: Follower, path: Path) -> None:
    path.write_bytes(lines("a", "b"))
    assert whats(follower.poll()) == ["a", "b"]
    other = path.with_name("other")
    other.write_bytes(lines("a", "b", "c"))
    os.replace(other, path)
    assert whats(follower.poll()) == ["a", "b", "c"]
    assert follower.restarted
    assert follower.poll() == []
    assert not follower.restarted


def test_follower_reads_on_when_a_file_comes_back(follower: Follower, path: Path) -> None:
    path.write_bytes(lines("a", "b"))
    follower.poll()
    kept = path.with_name("kept")
    path.rename(kept)
    assert follower.poll() == []
    assert not follower.restarted
    kept.rename(path)
    with path.open("ab") as file:
        file.write(line(2, "c"))
    assert whats(follower.poll()) == ["c"]
    assert not follower.restarted


def test_follower_rereads_a_file_cut_below_what_was_read(follower: Follower, path: Path) -> None:
    path.write_bytes(lines("a", "b", "c"))
    follower.poll()
    path.write_bytes(lines("a", "b"))
    assert whats(follower.poll()) == ["a", "b"]
    assert follower.restarted


@pytest.mark.parametrize("other", [("x", "y", "z", "w"), ("a much longer first record", "y", "z")])
def test_follower_rereads_a_file_rewritten_in_place(follower: Follower, path: Path, other: tuple[str, ...]) -> None:
    path.write_bytes(lines("a", "b", "c")[:-20])
    assert whats(follower.poll()) == ["a", "b"]
    path.write_bytes(
        b"".join(line(seq, what) for seq, what in enumerate(other[:1]))
        + b"".join(line(seq + 1, what) for seq, what in enumerate(("second", *other[1:])))
    )
    assert whats(follower.poll()) == [other[0], "second", *other[1:]]
    assert follower.restarted


def test_follower_reports_damage_after_reading_twice(follower: Follower, path: Path) -> None:
    path.write_bytes(lines("a", "b") + b"garbage\n")
    assert whats(follower.poll()) == ["a", "b"]
    assert follower.poll() == []  # the last line: torn, for all that is known
    with path.open("ab") as file:
        file.write(line(3, "d"))
    assert whats(follower.poll()) == ["a", "b"]
    assert follower.restarted
    with pytest.raises(UserError, match="is damaged at line 3: its checksum is missing"):
        follower.poll()


def test_follower_reports_a_bad_beginning_at_once(follower: Follower, path: Path) -> None:
    path.write_bytes(line(1, "not the first"))
    with pytest.raises(UserError, match="line 1: its seq is 1 instead of 0"):
        follower.poll()
    path.write_bytes(b'{"kind":"start","seq":0,"format":99}\n')
    with pytest.raises(UserError, match="newer version of icm-tui"):
        follower.poll()


def test_follower_reports_an_unreadable_file_and_can_go_on(
    follower: Follower, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(lines("a"))

    def refuse(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", refuse)
    with pytest.raises(UserError, match=r"journal\.jsonl cannot be read: input/output error"):
        follower.poll()
    monkeypatch.undo()
    assert whats(follower.poll()) == ["a"]


def test_follower_that_reopens_leaves_no_descriptor_open(path: Path) -> None:
    path.write_bytes(lines("a"))
    before = set(os.listdir("/dev/fd"))
    follower = Follower(path, reopen_each_poll=True)
    follower.poll()
    assert set(os.listdir("/dev/fd")) == before


def test_follower_reads_long_lines_across_chunks(follower: Follower, path: Path) -> None:
    names = ["x" * size for size in (10, 300_000, 5, 700_000, 1)]
    path.write_bytes(lines(*names))
    assert whats(follower.poll(max_seconds=60.0)) == names
