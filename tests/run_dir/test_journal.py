"""The journal: what is written, torn ends, and reading."""

import asyncio
import itertools
import json
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.run_dir.journal import Durability, Journal
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import FORMAT, AnswerRecord, AnyRecord, CommandRecord, ErrorRecord
from tests.runner.journals import Clock, faulty_disk, fresh_path, note, sealed, start, texts, whole_journal
from tests.runner.strategies import any_record

# What is written


@settings(deadline=None)
@given(records=st.lists(any_record, max_size=8), durability=st.sampled_from(["paid", "free"]))
def test_journal_records_survive_the_disk(records: list[AnyRecord], durability: Durability) -> None:
    with fresh_path() as path:
        clock = Clock()
        journal = Journal.open(path, durability=durability, clock=clock)
        assert journal.last_seq == -1
        for record in records:
            clock.now += 0.25
            journal.append(record)
        asyncio.run(journal.flush())
        read = list(read_records(path))
        assert [record for _, record in read] == records
        assert [record.seq for _, record in read] == list(range(len(records)))
        assert [record.t for _, record in read] == [1000.25 + 0.25 * n for n in range(len(records))]
        lines = path.read_bytes().splitlines(keepends=True)
        assert [offset for offset, _ in read] == [0, *itertools.accumulate(map(len, lines))][: len(lines)]
        for place, (offset, _) in enumerate(read):
            assert list(read_records(path, start_offset=offset)) == read[place:]
        journal.close()


def test_journal_line_is_json_that_other_tools_can_read(tmp_path: Path) -> None:
    answer = AnswerRecord(question="q", context_id=0, item=3, logprobs=[-0.5])
    data = whole_journal(tmp_path / "journal.jsonl", [start(), answer])
    first, second = map(json.loads, data.splitlines())
    assert (first["kind"], first["seq"], first["format"]) == ("start", 0, FORMAT)
    assert (second["kind"], second["seq"], second["item"], second["logprobs"]) == ("answer", 1, 3, [-0.5])


def test_journal_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        whole_journal(tmp_path / "journal.jsonl", [])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "journal.jsonl").stat().st_mode) == 0o600


def test_journal_flush_takes_one_write_and_one_sync(tmp_path: Path) -> None:
    with faulty_disk() as disk:
        journal = Journal.open(tmp_path / "journal.jsonl", durability="paid")
        disk.writes = disk.syncs = 0
        for number in range(50):
            journal.append(note(str(number)))
        assert (disk.writes, disk.syncs, journal.unwritten) == (0, 0, 50)
        asyncio.run(journal.flush())
        assert (disk.writes, disk.syncs, journal.unwritten) == (1, 1, 0)
        asyncio.run(journal.flush())
        assert (disk.writes, disk.syncs) == (1, 1)
        journal.close()


def test_journal_syncs_free_records_once_a_second(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "journal.jsonl"
    with faulty_disk() as disk:
        journal = Journal.open(path, durability="free", clock=clock)
        disk.syncs = 0

        def put(text: str) -> None:
            journal.append(note(text))
            asyncio.run(journal.flush())

        put("a")
        clock.now += 0.9
        put("b")
        assert (texts(path), disk.syncs) == (["a", "b"], 0)
        clock.now += 0.1
        put("c")
        assert (texts(path), disk.syncs) == (["a", "b", "c"], 1)
        put("d")
        assert disk.syncs == 1
        clock.now += 1
        asyncio.run(journal.flush())
        assert disk.syncs == 2
        put("e")
        clock.now -= 3600  # a clock set back
        asyncio.run(journal.flush())
        assert disk.syncs == 3
        put("f")
        journal.close()
        assert (texts(path), disk.syncs) == (["a", "b", "c", "d", "e", "f"], 4)


def test_journal_flushes_share_a_sync_while_the_loop_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, durability="paid")
    entered, may_go = threading.Event(), threading.Event()
    syncs: list[int] = []
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        syncs.append(len(texts(path)))
        entered.set()
        assert may_go.wait(30)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)

    async def put(text: str) -> None:
        journal.append(note(text))
        await journal.flush()

    async def main() -> None:
        first = asyncio.create_task(put("first"))
        assert await asyncio.to_thread(entered.wait, 30)
        # The first sync is under way; what is appended now needs another one, and shares it.
        later = [asyncio.create_task(put(str(number))) for number in range(5)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert not first.done()
        assert not any(task.done() for task in later)
        may_go.set()
        await asyncio.gather(first, *later)

    asyncio.run(main())
    assert syncs == [1, 6]
    assert texts(path) == ["first", "0", "1", "2", "3", "4"]
    journal.close()


def test_journal_sync_survives_a_cancelled_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, durability="paid")
    entered, may_go = threading.Event(), threading.Event()
    synced: list[int] = []

    def slow(descriptor: int) -> None:
        entered.set()
        assert may_go.wait(30)
        synced.append(descriptor)

    monkeypatch.setattr(os, "fsync", slow)

    async def main() -> None:
        journal.append(note("kept"))
        impatient = asyncio.create_task(journal.flush())
        patient = asyncio.create_task(journal.flush())
        assert await asyncio.to_thread(entered.wait, 30)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert not patient.done()
        may_go.set()
        await patient

    asyncio.run(main())
    assert len(synced) == 1
    assert texts(path) == ["kept"]
    journal.close()


def test_journal_flush_now_waits_for_a_running_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, durability="paid")
    entered, may_go = threading.Event(), threading.Event()

    def slow(descriptor: int) -> None:
        entered.set()
        assert may_go.wait(30)

    monkeypatch.setattr(os, "fsync", slow)

    async def main() -> None:
        journal.append(note("first"))
        waiting = asyncio.create_task(journal.flush())
        assert await asyncio.to_thread(entered.wait, 30)
        journal.append(note("second"))
        release = threading.Thread(target=may_go.set)
        release.start()
        journal.flush_now()
        release.join()
        assert texts(path) == ["first", "second"]
        await waiting

    asyncio.run(main())
    journal.close()
    assert texts(path) == ["first", "second"]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (AnswerRecord(question="q", context_id=0, item=0, logprobs=[float("-inf"), 0.0]), ValueError),
        (AnswerRecord(question="q", context_id=0, item=0, logprobs=[0.0], top=[("A", float("nan"))]), ValueError),
        (CommandRecord(id="1", what="x", args={"bad": object()}, n=0, outcome="done"), TypeError),
        (ErrorRecord(what="\ud800"), ValueError),
    ],
)
def test_journal_refuses_a_record_that_could_not_be_read(
    tmp_path: Path, record: AnyRecord, error: type[Exception]
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, durability="free")
    journal.append(note("before"))
    with pytest.raises(error):
        journal.append(record)
    journal.append(note("after"))
    journal.close()
    assert texts(path) == ["before", "after"]


# Torn ends


@settings(max_examples=15, deadline=None)
@given(
    records=st.lists(any_record, min_size=1, max_size=2),
    garbage=st.sampled_from([b"", b"\0\0\0", b'{"seq":', b"\xff"]),
)
def test_journal_cut_anywhere_keeps_its_whole_records(records: list[AnyRecord], garbage: bytes) -> None:
    with fresh_path() as path, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)  # some hundred syncs an example cost minutes
        data = whole_journal(path, records)
        ends = [0, *itertools.accumulate(len(line) for line in data.splitlines(keepends=True))]
        for length in range(len(data) + 1):
            path.write_bytes(data[:length] + garbage)
            whole = sum(end <= length for end in ends[1:])
            assert [record for _, record in read_records(path)] == records[:whole]
            journal = Journal.open(path, durability="free")
            assert path.read_bytes() == data[: ends[whole]]
            assert journal.last_seq == whole - 1
            journal.append(note("on"))
            journal.close()
            read = [record for _, record in read_records(path)]
            assert read[:-1] == records[:whole]
            assert isinstance(read[-1], ErrorRecord)
            assert (read[-1].seq, read[-1].what) == (whole, "on")


def test_journal_cuts_off_a_bad_last_line_with_its_newline(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    data = whole_journal(path, [note("a"), note("b")])
    unsealed = b'{"kind":"error","seq":2,"what":"c"}\n'
    for garbage in (
        b'{"seq":2,"ki\n',
        b"\0\0\0\n",
        b"\n",
        unsealed,
        sealed(b'{"kind":"error","what":"\xff"}'),
        b'{"seq\n{"half',
    ):
        path.write_bytes(data + garbage)
        assert texts(path) == ["a", "b"]
        journal = Journal.open(path, durability="paid")
        assert (journal.last_seq, path.read_bytes()) == (1, data)
        journal.close()
    path.write_bytes(b"garbage\n")
    journal = Journal.open(path, durability="paid")
    assert (journal.last_seq, path.read_bytes()) == (-1, b"")
    journal.close()


def test_journal_open_reads_the_end_and_allows_one_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    data = whole_journal(path, [note("a"), note("b" * 600_000), note("c")])
    path.write_bytes(b"x" * 10 + data)  # damage at the beginning is the reader's business
    journal = Journal.open(path, durability="paid")
    assert journal.last_seq == 2
    journal.close()
    path.write_bytes(data + b"bad\nbad\n")
    with pytest.raises(UserError, match="is damaged at line 4"):
        Journal.open(path, durability="paid")
    path.write_bytes(data + sealed(b'{"not": "a record"}'))
    with pytest.raises(UserError, match=r"is damaged at line 4: .*kind"):
        Journal.open(path, durability="paid")
    assert path.read_bytes().startswith(data)
