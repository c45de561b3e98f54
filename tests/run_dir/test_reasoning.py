"""The file of explanations: whole lines whatever the disk does, read along while it grows."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import RunFailed, UserError
from icm_tui.run_dir.reasoning import ReasoningFollower, ReasoningLog, ReasoningPiece
from tests.runner.journals import faulty_disk


def piece(text: str, call: int = 0, *, end: bool = False) -> ReasoningPiece:
    return ReasoningPiece(call=call, item=3, n=7, t=1.5, speaker="a model", text=text, end=end)


def texts(pieces: list[ReasoningPiece]) -> list[str]:
    return [piece.text for piece in pieces]


def written(path: Path) -> list[ReasoningPiece]:
    return [msgspec.json.decode(line, type=ReasoningPiece) for line in path.read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reasoning.jsonl"


@pytest.fixture(params=[False, True], ids=["kept open", "reopened"])
def follower(request: pytest.FixtureRequest, path: Path) -> Iterator[ReasoningFollower]:
    follower = ReasoningFollower(path, reopen_each_poll=request.param)
    yield follower
    follower.close()


def log_of(path: Path, *pieces: ReasoningPiece) -> None:
    log = ReasoningLog(path)
    for added in pieces:
        log.add(added)
    log.close()


def test_reasoning_log_writes_at_once_to_a_private_file(path: Path) -> None:
    log = ReasoningLog(path)
    pieces = [piece("one "), piece('tw"o\n', end=True)]
    for number, added in enumerate(pieces, start=1):
        log.add(added)
        assert written(path) == pieces[:number]
    log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(msgspec.json.decode(path.read_bytes().splitlines()[0])) == {
        "call", "item", "n", "t", "speaker", "text", "reasoning", "end",
    }  # fmt: skip


def test_reasoning_log_numbers_calls_after_an_earlier_log(path: Path) -> None:
    log = ReasoningLog(path)
    assert [log.new_call(), log.new_call()] == [0, 1]
    log.add(piece("later", call=1))
    log.add(piece("earlier", call=0))
    log.close()
    log = ReasoningLog(path)
    assert log.new_call() == 2
    log.close()


@given(cut=st.integers(1, 60), garbage=st.sampled_from([b"", b"\xff\x00\n", b"[]\n", b'{"call": "x"}\n']))
def test_reasoning_log_cuts_a_torn_end_and_skips_garbage(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("torn") / "reasoning.jsonl"
    log_of(path, piece("kept", call=4))
    whole = path.read_bytes() + garbage
    path.write_bytes(whole + whole[:cut].split(b"\n")[0])
    log = ReasoningLog(path)
    assert path.read_bytes() == whole
    assert log.new_call() == 5
    log.add(piece("next"))
    log.close()
    follower = ReasoningFollower(path)
    assert texts(follower.poll(60.0)) == ["kept", "next"]
    follower.close()


@pytest.mark.parametrize("cut_fails", [False, True])
def test_reasoning_log_leaves_nothing_of_a_refused_piece(path: Path, cut_fails: bool) -> None:
    with faulty_disk() as disk:
        log = ReasoningLog(path)
        log.add(piece("before"))
        disk.room, disk.cut_fails = 5, cut_fails
        with pytest.raises(RunFailed, match=r"reasoning\.jsonl cannot be written: no space left"):
            log.add(piece("lost"))
        disk.heal()
        log.add(piece("after"))
        log.close()
    assert texts(written(path)) == ["before", "after"]


def test_reasoning_log_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"The reasoning .* cannot be written"):
        ReasoningLog(tmp_path / "missing" / "reasoning.jsonl")


def test_reasoning_follower_has_no_pieces_before_the_file(follower: ReasoningFollower, path: Path) -> None:
    assert follower.poll() == []
    log_of(path, piece("a"))
    assert texts(follower.poll()) == ["a"]
    assert follower.poll() == []
    assert not follower.restarted


@given(cuts=st.lists(st.integers(0, 700), max_size=12), reopen=st.booleans())
def test_reasoning_follower_gives_each_piece_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], reopen: bool
) -> None:
    path = tmp_path_factory.mktemp("follow") / "reasoning.jsonl"
    names = [f"piece {number}" for number in range(6)]
    log_of(path, *map(piece, names))
    data = path.read_bytes()
    follower = ReasoningFollower(path, reopen_each_poll=reopen)
    got: list[str] = []
    for end in [*sorted(cuts), len(data)]:
        path.write_bytes(data[:end])  # keeps the inode
        got += texts(follower.poll(60.0))
        assert not follower.restarted
        assert got == names[: data[:end].count(b"\n")]
    follower.close()
    assert got == names


def test_reasoning_follower_stops_in_time_but_gives_a_piece(path: Path) -> None:
    log_of(path, *map(piece, "abcd"))
    ticks = iter(range(100))
    follower = ReasoningFollower(path, clock=lambda: float(next(ticks)))
    assert texts(follower.poll(0.0)) == ["a"]
    assert texts(follower.poll(2.0)) == ["b", "c"]
    follower.close()


def test_reasoning_follower_rereads_a_replaced_or_cut_file(follower: ReasoningFollower, path: Path) -> None:
    log_of(path, piece("a"), piece("b"))
    assert texts(follower.poll(60.0)) == ["a", "b"]
    other = path.with_name("other")
    log_of(other, piece("x"), piece("y"), piece("z"))
    os.replace(other, path)
    assert texts(follower.poll(60.0)) == ["x", "y", "z"]
    assert follower.restarted
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\n") + 1])
    assert texts(follower.poll(60.0)) == ["x"]
    assert follower.restarted
    assert follower.poll() == []
    assert not follower.restarted


def test_reasoning_follower_reads_long_pieces_across_chunks(follower: ReasoningFollower, path: Path) -> None:
    names = ["x" * size for size in (10, 300_000, 5, 700_000)]
    log_of(path, *map(piece, names))
    assert texts(follower.poll(60.0)) == names


def test_reasoning_follower_reports_an_unreadable_file(
    follower: ReasoningFollower, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_of(path, piece("a"))

    def refuse(*_: object) -> bytes:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(os, "pread", refuse)
    with pytest.raises(UserError, match=r"reasoning\.jsonl cannot be read: input/output error"):
        follower.poll()
    monkeypatch.undo()
    assert texts(follower.poll()) == ["a"]
