"""A journal on disks that refuse: nothing lost, nothing doubled, one clear sentence."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.errors import RunFailed
from icm_tui.run_dir.journal import Durability, Journal, JournalUnwritable
from tests.runner.journals import Clock, faulty_disk, fresh_path, note, texts


def test_journal_keeps_records_on_a_full_disk_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with faulty_disk() as disk:
        journal = Journal.open(path, durability="paid")
        journal.append(note("first"))
        journal.flush_now()
        good = path.read_bytes()
        for text in ("second", "third"):
            journal.append(note(text))
        disk.room = len(good) + 5
        with pytest.raises(JournalUnwritable) as caught:
            asyncio.run(journal.flush())
        assert str(caught.value) == (
            f"The journal {path} cannot be written: no space left on device. To mend it, free some space on that disk."
        )
        assert isinstance(caught.value, RunFailed)
        assert caught.value.exit_status == 1
        assert path.read_bytes() == good
        assert journal.unwritten == 2
        with pytest.raises(JournalUnwritable):
            journal.close()
        journal.append(note("fourth"))
        disk.heal()
        asyncio.run(journal.flush())
        assert journal.unwritten == 0
        journal.close()
    assert texts(path) == ["first", "second", "third", "fourth"]


def test_journal_sync_failure_reaches_every_caller(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with faulty_disk() as disk:
        journal = Journal.open(path, durability="paid")
        disk.sync_fails = True

        async def put(text: str) -> None:
            journal.append(note(text))
            await journal.flush()

        async def main() -> list[BaseException | None]:
            return await asyncio.gather(*map(put, "abc"), return_exceptions=True)

        assert [type(outcome) for outcome in asyncio.run(main())] == [JournalUnwritable] * 3
        assert (path.read_bytes(), journal.unwritten) == (b"", 3)
        disk.heal()
        journal.close()
    assert texts(path) == ["a", "b", "c"]


def test_journal_rewrites_what_a_failed_sync_left_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    clock = Clock()
    with faulty_disk() as disk:
        journal = Journal.open(path, durability="free", clock=clock)
        journal.append(note("a"))
        asyncio.run(journal.flush())
        disk.sync_fails = disk.cut_fails = True
        clock.now += 2
        with pytest.raises(JournalUnwritable, match="input/output error"):
            asyncio.run(journal.flush())
        with pytest.raises(JournalUnwritable):
            journal.flush_now()
        disk.heal()
        asyncio.run(journal.flush())
        assert texts(path) == ["a"]
        journal.close()
    assert texts(path) == ["a"]


step = st.one_of(
    st.tuples(st.just("append"), st.text(max_size=30)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("flush_now"), st.none()),
    st.tuples(st.just("later"), st.none()),
    st.tuples(st.just("room"), st.integers(0, 120)),
    st.tuples(st.just("sync_fails"), st.none()),
    st.tuples(st.just("cut_fails"), st.none()),
    st.tuples(st.just("heal"), st.none()),
)


@settings(deadline=None)
@given(steps=st.lists(step, max_size=25), durability=st.sampled_from(["paid", "free"]))
def test_journal_has_every_record_once_whatever_fails(
    steps: list[tuple[str, str | int | None]], durability: Durability
) -> None:
    with fresh_path() as path, faulty_disk() as disk:
        clock = Clock()
        journal = Journal.open(path, durability=durability, clock=clock)
        appended: list[str] = []
        for what, value in steps:
            if isinstance(value, str):
                appended.append(value)
                journal.append(note(value))
            elif what.startswith("flush"):
                before = len(appended)
                try:
                    if what == "flush":
                        asyncio.run(journal.flush())
                    else:
                        journal.flush_now()
                except JournalUnwritable:
                    assert texts(path) == appended[: len(texts(path))]
                else:
                    assert texts(path) == appended[:before]
                    assert journal.unwritten == 0
            elif what == "later":
                clock.now += 5
            elif what == "room":
                assert isinstance(value, int)
                disk.room = value
            elif what == "heal":
                disk.heal()
            else:
                setattr(disk, what, True)
        disk.heal()
        journal.close()
        assert texts(path) == appended
        assert path.read_bytes().endswith(b"\n") == bool(appended)


def test_journal_is_not_torn_by_an_interrupted_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, durability="paid")
    journal.append(note("kept"))
    write = os.write

    def interrupted(descriptor: int, data: memoryview) -> int:
        write(descriptor, data[:7])
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.flush_now()
    monkeypatch.undo()
    journal.close()
    assert texts(path) == ["kept"]


def test_journal_write_of_no_bytes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.open(tmp_path / "journal.jsonl", durability="paid")
    journal.append(note("kept"))
    monkeypatch.setattr(os, "write", lambda descriptor, data: 0)
    with pytest.raises(JournalUnwritable, match="input/output error"):
        journal.flush_now()
    monkeypatch.undo()
    journal.close()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EROFS, "read-only file system. To mend it, make that disk writable"),
        (errno.ENOSPC, "no space left on device. To mend it, free some space"),
        (errno.EACCES, "permission denied. To mend it, get the permission"),
        (errno.EMFILE, "too many open files. To mend it, choose another directory"),
    ],
)
def test_journal_that_cannot_be_opened_says_why_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(JournalUnwritable) as caught:
        Journal.open(tmp_path / "journal.jsonl", durability="paid")
    assert sentence in str(caught.value)
    assert str(tmp_path / "journal.jsonl") in str(caught.value)
