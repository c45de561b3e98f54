"""A view that follows a run directory, whatever becomes of its files."""

import gc
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from icm_tui.errors import UserError
from icm_tui.run_dir import inbox
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.reasoning import ReasoningLog, ReasoningPiece
from icm_tui.run_dir.records import AnswerRecord, ContextRecord, DecisionRecord
from icm_tui.run_dir.status import Status, write_status
from icm_tui.tui.run import feed as feed_module
from icm_tui.tui.run.feed import Feed
from icm_tui.tui.run.view import RunView
from tests.runner.journals import Clock, sealed
from tests.tui.finished import Finished, full_view, records_of


@pytest.fixture
def run(finished: Finished, tmp_path: Path) -> RunDir:
    """A finished run of one's own."""
    return RunDir(Path(shutil.copytree(finished("shots").path, tmp_path / "run")))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def feed(run: RunDir, clock: Clock) -> Iterator[Feed]:
    feed = Feed(run.path, clock)
    yield feed
    feed.close()


def read(feed: Feed) -> int:
    """Poll until nothing new comes; how often that gave something."""
    count = 0
    while feed.poll():
        count += 1
        assert count < 10_000
    return count


def same(view: RunView, other: RunView) -> bool:
    return (view.shown.labels, view.last_seq, view.log.entries, view.pins) == (
        other.shown.labels,
        other.last_seq,
        other.log.entries,
        other.pins,
    )


def status(state: str = "running", host: str = "", t: float = 0.0) -> Status:
    return Status(state=state, host=host or socket.gethostname(), pid=os.getpid(), t=t)


def test_feed_reads_a_run_to_its_end(feed: Feed, run: RunDir) -> None:
    assert feed.view.state == "done"
    assert read(feed) >= 1
    assert feed.loading is None
    assert same(feed.view, full_view(run))
    assert [list(feed.view.shown.labels)] == [[final.label for final in final_labels(run.path)]]
    assert not feed.poll()


def test_feed_reads_reasoning_once_the_journal_is_read(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_MOST_RECORDS", 7)
    padding = {"kind": "error", "t": 0.0, "what": "x" * 200_000}
    first = len(records_of(run))
    with run.journal.open("ab") as file:
        file.writelines(sealed(json.dumps(padding | {"seq": first + number}).encode()) for number in range(4))
    feed = Feed(run.path)
    parts: list[float] = []
    while feed.poll():
        assert feed.view.open_calls == []
        if feed.loading is not None:
            parts.append(feed.loading)
            assert feed.view.explanations == {}
    assert len(parts) > 3
    assert parts == sorted(parts)
    assert 0 < parts[0] < parts[-1] < 1
    view = feed.view
    assert len(view.explanations) > 3
    assert view.log.explanations
    assert all(view.explanations[call].text and view.explanations[call].ended for call in view.log.explanations)
    feed.close()


def test_feed_looks_up_what_an_items_label_rests_on(feed: Feed) -> None:
    read(feed)
    view = feed.view
    for item in range(len(view.items)):
        answer = feed.answer_of(item)
        assert isinstance(answer, AnswerRecord)
        assert answer.item == item
        assert answer.logprobs == pytest.approx(view.shown.logprobs(item))
        context = feed.context(answer.context_id)
        assert isinstance(context, ContextRecord)
        assert context.id == answer.context_id == view.shown.contexts[item]
        assert context.chain == view.chain
    records = [feed.record_at(offset) for offset in view.log.entries if offset >= 0]
    assert sum(isinstance(record, DecisionRecord) for record in records) == view.n
    assert feed.record_at(10**9) is None
    assert feed.record_at(3) is None
    assert feed.context(10**6) is None


def test_feed_finds_a_failed_answer_if_there_is_no_other(feed: Feed, run: RunDir) -> None:
    read(feed)
    view = feed.view
    item = 3
    context = view.shown.contexts[item]
    view.shown.answers[item] = view.shown.contexts[item] = -1
    seq = view.last_seq + 1
    failed = {"kind": "answer", "seq": seq, "t": 0.0, "question": "q", "context_id": context, "item": item}
    with run.journal.open("ab") as file:
        file.write(sealed(json.dumps(failed | {"logprobs": None, "failed": "too long"}).encode()))
    read(feed)
    answer = feed.answer_of(item)
    assert answer is not None
    assert answer.failed == "too long"


# Files that change under the feet


def test_feed_rereads_a_replaced_journal_and_the_reasoning(feed: Feed, run: RunDir, finished: Finished) -> None:
    read(feed)
    before = feed.view.explanations
    assert before
    other = run.path / "other"
    other.write_bytes(run.journal.read_bytes()[: records_of(run)[60][0]])
    os.replace(other, run.journal)
    read(feed)
    assert feed.view.last_seq == 59
    assert same(feed.view, full_view(run))
    assert feed.view.explanations == before
    shutil.copy(finished("shots").journal, other)
    os.replace(other, run.journal)
    read(feed)
    assert same(feed.view, full_view(finished("shots")))


def test_feed_reports_damage_until_the_journal_is_put_back(feed: Feed, run: RunDir, finished: Finished) -> None:
    offset, _ = records_of(run)[100]
    whole = run.journal.read_bytes()
    run.journal.write_bytes(whole[:offset] + b"\xff garbage\n" + whole[offset:])
    read(feed)
    assert "is damaged at line 101" in feed.view.problem
    assert feed.view.last_seq == 99
    assert not feed.poll()
    beside = run.path / "beside"
    beside.write_bytes(whole)
    os.replace(beside, run.journal)
    read(feed)
    assert feed.view.problem == ""
    assert same(feed.view, full_view(finished("shots")))


def test_feed_forgets_all_if_the_first_line_became_garbage(feed: Feed, run: RunDir, finished: Finished) -> None:
    read(feed)
    whole = run.journal.read_bytes()
    beside = run.path / "beside"
    beside.write_bytes(b"garbage\n" + whole)
    os.replace(beside, run.journal)
    read(feed)
    assert "is damaged at line 1" in feed.view.problem
    assert (feed.view.n, feed.view.last_seq) == (0, -1)
    run.journal.write_bytes(whole)
    read(feed)
    assert feed.view.problem == ""
    assert same(feed.view, full_view(finished("shots")))


def test_feed_reports_a_record_that_does_not_fit_and_stops(feed: Feed, run: RunDir) -> None:
    read(feed)
    labels, whole, seq = list(feed.view.shown.labels), run.journal.read_bytes(), feed.view.last_seq + 1
    record = {"kind": "command", "t": 0.0, "id": "x", "what": "pin", "n": 1, "outcome": "done"}
    with run.journal.open("ab") as file:
        for number, item in enumerate((4000, 1)):
            more = record | {"seq": seq + number, "changes": [[0, item, None, 1]]}
            file.write(sealed(json.dumps(more).encode()))
    read(feed)
    assert f"does not fit its run: record {seq} (command) cannot be applied" in feed.view.problem
    assert list(feed.view.shown.labels) == labels
    assert not feed.poll()
    beside = run.path / "beside"
    beside.write_bytes(whole)
    os.replace(beside, run.journal)
    read(feed)
    assert feed.view.problem == ""
    assert list(feed.view.shown.labels) == labels


def test_feed_of_a_run_without_a_journal_is_empty_at_first(feed: Feed, run: RunDir) -> None:
    kept = run.journal.rename(run.path / "kept")
    run.reasoning.unlink()
    empty = Feed(run.path)
    assert read(empty) == 0
    assert empty.view.shown.labelled == 0
    kept.rename(run.journal)
    read(empty)
    assert same(empty.view, full_view(run))
    empty.close()


def test_feed_rereads_replaced_reasoning(feed: Feed, run: RunDir) -> None:
    read(feed)
    log = feed.view.log
    beside = run.path / "beside"
    written = ReasoningLog(beside)
    written.add(ReasoningPiece(call=0, item=2, n=1, t=1.0, speaker="who", text="anew", end=True))
    written.close()
    os.replace(beside, run.reasoning)
    read(feed)
    assert [explanation.text for explanation in feed.view.explanations.values()] == ["anew"]
    assert feed.view.log is not log
    assert feed.view.log.entries == log.entries


def test_feed_reports_unreadable_reasoning(feed: Feed, run: RunDir) -> None:
    read(feed)
    run.reasoning.unlink()
    run.reasoning.mkdir()
    feed.poll()
    assert "The reasoning" in feed.view.problem
    run.reasoning.rmdir()
    feed.poll()
    assert feed.view.problem == ""


@pytest.mark.parametrize("missing", ["profile", "items"])
def test_feed_refuses_a_directory_that_is_no_run(missing: str, run: RunDir) -> None:
    getattr(run, missing).unlink()
    with pytest.raises(UserError, match="cannot be read"):
        Feed(run.path)


# The heartbeat and other hosts


def test_feed_looks_at_the_heartbeat_once_a_second(feed: Feed, run: RunDir, clock: Clock) -> None:
    read(feed)
    write_status(run, status("stopped"))
    clock.now += 0.5
    assert not feed.poll()
    assert feed.view.state == "done"
    clock.now += 0.6
    assert feed.poll()
    assert feed.view.state == "stopped"


def test_feed_reopens_the_files_of_another_host_at_each_poll(feed: Feed, run: RunDir, clock: Clock) -> None:
    read(feed)
    explanations = dict(feed.view.explanations)
    write_status(run, status("running", host="elsewhere", t=1.0))
    clock.now += 2
    read(feed)
    before = set(os.listdir("/dev/fd"))
    feed.poll()
    assert set(os.listdir("/dev/fd")) == before
    names = [os.readlink(f"/dev/fd/{number}") for number in before if os.path.lexists(f"/dev/fd/{number}")]
    assert not any(name.startswith(str(run.path)) for name in names)
    assert feed.view.explanations == explanations
    assert feed.view.state == "running"
    clock.now += 11
    feed.poll()
    assert feed.view.state == "quiet"


def test_feed_sends_commands_to_a_live_runner_only(feed: Feed, run: RunDir) -> None:
    read(feed)
    with pytest.raises(UserError, match=r"step: the run has no runner \(done\)"):
        feed.send("step", {})
    assert feed.view.latest is None
    with RunLock(run):
        write_status(run, status("running"))
        feed.send("to", {"n": 12})
    (command,) = inbox.take(run)
    assert (command.what, command.args, command.seen_seq) == ("to", {"n": 12}, feed.view.last_seq)
    assert feed.view.latest == command.id
    assert feed.view.sent[command.id].what == "to"


def test_feed_poll_leaves_the_garbage_collector_as_it_was(feed: Feed) -> None:
    assert gc.isenabled()
    feed.poll()
    assert gc.isenabled()
    gc.disable()
    try:
        feed.poll()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_feed_close_lets_go_of_the_files(run: RunDir) -> None:
    before = set(os.listdir("/dev/fd"))
    feed = Feed(run.path)
    feed.poll()
    feed.close()
    assert set(os.listdir("/dev/fd")) == before
