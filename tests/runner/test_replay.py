"""Reading a journal back: at whatever byte it ends, it says how far the run had come, and the run goes on there."""

import shutil
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import AnswerRecord, CommandRecord, ContextRecord, DecisionRecord, StartRecord
from icm_tui.run_dir.status import read_status
from icm_tui.runner.assembly import make_model_client, make_search, problem_of
from icm_tui.runner.restore import Restored, fold
from icm_tui.runner.session import run_here
from icm_tui.search.method import Search
from tests.runner.made import counted, lines, make, records, trajectory

METHODS = {
    "standard": ["search.shots=4", "task.limit=16"],
    "lean": ["search.shots=4", "search.effort=lean", "task.limit=16"],
    "all": ["task.limit=10"],
    "part": ["search.subset=8", "task.limit=16"],
    "calibrated": ["search.shots=3", "consistency.rule=none", "search.chains=3", "task.limit=12"],
    "paper": ["search.method=paper", "search.max_iters=20", "task.limit=12"],
    "fork": ["search.method=fork", "search.max_iters=20", "task.limit=16"],
}


def cut(run: RunDir, path: Path, length: int) -> RunDir:
    """A copy of a run as a kill left it when its journal had `length` bytes."""
    shutil.copytree(run.path, path)
    copy = RunDir(path)
    copy.journal.write_bytes(run.journal.read_bytes()[:length])
    return copy


def restored(run: RunDir) -> tuple[Search, Restored]:
    """The search as the run's journal leaves it, and what else the journal says."""
    profile = load(run.profile)
    items, _ = read_items(run)
    problem = problem_of(profile, items)
    first = next(record for _, record in read_records(run.journal))
    assert isinstance(first, StartRecord)
    search = make_search(profile, problem, first.window)
    model_client = make_model_client(profile, problem, items)
    return search, fold(read_records(run.journal), search, run.journal, model_client.relabel)


@given(method=st.sampled_from(sorted(METHODS)), share=st.floats(0, 1))
@example(method="standard", share=1.0)
@settings(max_examples=25)
def test_replay_of_a_journal_cut_anywhere_ends_the_same(
    method: str, share: float, whole: Callable[[str], RunDir]
) -> None:
    done = whole(method)
    with tempfile.TemporaryDirectory() as folder:
        run = cut(done, Path(folder) / "run", round(share * done.journal.stat().st_size))
        kept = {answer["question"] for answer in whole_lines(run)}
        asked: list[str] = []
        assert run_here(run.path, model_client_of=counted(asked)).state == "done"
        assert trajectory(run) == trajectory(done)
        assert not kept & set(asked)
        assert len(kept) + len(asked) == len(lines(done, "answer"))
        assert final_labels(run.path) == final_labels(done.path)


def whole_lines(run: RunDir) -> list[dict[str, str]]:
    """The answers whose lines are whole."""
    found = [record for _, record in read_records(run.journal)] if run.journal.stat().st_size else []
    return [{"question": record.question} for record in found if isinstance(record, AnswerRecord)]


@pytest.mark.parametrize("method", ["standard", "lean", "part", "calibrated"])
def test_replay_draws_a_lost_context_before_labels_change(
    method: str, whole: Callable[[str], RunDir], tmp_path: Path
) -> None:
    done = whole(method)
    found = list(read_records(done.journal))
    cuts = [
        offset
        for (_, before), (offset, record) in pairwise(found)
        if isinstance(before, DecisionRecord) and isinstance(record, ContextRecord)
    ]
    for offset in cuts[:: max(1, len(cuts) // 6)]:
        run = cut(done, tmp_path / f"{offset}", offset)
        assert run_here(run.path).state == "done"
        assert trajectory(run) == trajectory(done)


@pytest.mark.parametrize("method", METHODS)
def test_replay_of_a_journal_cut_at_its_end_comes_to_be_done(
    method: str, whole: Callable[[str], RunDir], tmp_path: Path
) -> None:
    done = whole(method)
    data = done.journal.read_bytes()
    end = len(data)
    for number in range(4):
        start = data.rindex(b"\n", 0, end - 1) + 1
        for place, length in enumerate((start, start + 1, end - 1)):
            run = cut(done, tmp_path / f"{number}-{place}", length)
            assert run_here(run.path).state == "done"
            assert trajectory(run) == trajectory(done)
            assert len(lines(run, "done")) == 1
            status = read_status(run)
            assert status is not None
            assert status.state == "done"
        end = start


@given(method=st.sampled_from(sorted(METHODS)), share=st.floats(0, 1))
@settings(max_examples=25)
def test_replay_agrees_with_the_labels_read_from_a_journal(
    method: str, share: float, whole: Callable[[str], RunDir]
) -> None:
    done = whole(method)
    found = [offset for offset, _ in read_records(done.journal)]
    with tempfile.TemporaryDirectory() as folder:
        run = cut(done, Path(folder) / "run", found[1 + round(share * (len(found) - 2))])
        search, _ = restored(run)
        finals = final_labels(run.path)
        assert [final.label for final in finals] == search.labels
        changed = {item: decision.n for decision in decisions(run) for item, _, _ in decision.changes}
        for item, final in enumerate(finals):
            assert (final.decided_at is None) == (final.label is None)
            assert final.label is None or changed[item] >= final.decided_at
            assert final.p is None or 0 <= final.p <= 1


def decisions(run: RunDir) -> list[DecisionRecord]:
    return [record for record in records(run) if isinstance(record, DecisionRecord)]


@pytest.mark.parametrize("method", METHODS)
def test_replay_agrees_with_the_last_status(method: str, whole: Callable[[str], RunDir]) -> None:
    run = whole(method)
    search, found = restored(run)
    status = read_status(run)
    assert status is not None
    assert (search.n, search.phase, search.coherence_bits) == (status.decision, "done", status.coherence_bits)
    assert search.done
    assert found.done
    assert found.tally.calls == status.calls == len(lines(run, "answer"))
    assert found.tally.decisions == search.n
    assert found.tally.last_decision_seq == decisions(run)[-1].seq
    assert [final.p is None for final in final_labels(run.path)] == [
        label is None or not any(answer["item"] == item for answer in lines(run, "answer"))
        for item, label in enumerate(search.labels)
    ]


def test_replay_knows_the_settings_of_earlier_runners(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "task.limit=8", "search.shots=2")
    run_here(run.path, sets=["run.max_calls=5000", "model.concurrency=2"])
    _, found = restored(run)
    assert found.orders.sets == ["run.max_calls=5000", "model.concurrency=2"]
    given_at_start = next(record for record in records(run) if isinstance(record, CommandRecord))
    assert (given_at_start.what, given_at_start.outcome, given_at_start.n) == ("resume", "done", 0)
