"""Whole runs in this process: what is asked, what is written and in which order, and what comes of it."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.reply import Reply
from icm_tui.models.client import ModelClient, Query
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import AnswerRecord, ContextRecord, DecisionRecord, DoneRecord, StartRecord, StopRecord
from icm_tui.run_dir.status import Status, read_status
from icm_tui.runner.runner import Tuning
from icm_tui.runner.session import run_here
from icm_tui.search.icm.method import Icm
from tests.runner.made import (
    Answered,
    Counting,
    Refusing,
    Shuffled,
    Wrapped,
    counted,
    lines,
    make,
    records,
    trajectory,
    wrapped,
)

METHODS = {
    "standard": ["search.shots=8"],
    "lean": ["search.shots=6", "search.effort=lean"],
    "all": ["task.limit=16"],
    "calibrated": ["search.shots=4", "consistency.rule=none", "task.limit=24"],
    "paper": ["search.method=paper", "search.max_iters=25", "task.limit=16"],
    "fork": ["search.method=fork", "search.max_iters=25"],
}
SUMMARY = {
    "run": str,
    "state": str,
    "items": int,
    "labelled": int,
    "label_counts": dict,
    "decisions": int,
    "calls": int,
    "calls_cached": int,
    "calls_per_label": float,
    "tokens_in": int,
    "tokens_out": int,
    "tokens_cached": int,
    "cost_usd": float,
    "seconds": float,
    "coherence_bits": float,
    "violations": int,
    "seed": int,
    "method": str,
    "effort": str,
}


def test_summary_has_every_field(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "search.shots=8", "run.seed=7")
    summary = msgspec.to_builtins(run_here(run.path).summary)
    assert {key: type(summary[key]) for key in SUMMARY} == SUMMARY
    labels = [final.label for final in final_labels(run.path)]
    expected = {
        "run": "run",
        "state": "done",
        "items": 40,
        "labelled": 40,
        "label_counts": {"A": labels.count(0), "B": labels.count(1)},
        "decisions": len(lines(run, "decision")),
        "calls": len(lines(run, "answer")),
        "calls_cached": 0,
        "calls_failed": 0,
        "calls_per_label": len(lines(run, "answer")) / 40,
        "cost_usd": 0.0,
        "coherence_bits": lines(run, "decision")[-1]["score"]["coherence_bits"],
        "violations": 0,
        "seed": 7,
        "method": "icm",
        "effort": "standard",
    }
    assert summary | expected == summary
    found = records(run)
    assert summary["seconds"] == pytest.approx(found[-1].t - found[0].t, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_journal_has_everything_before_it_is_used(method: str, whole: Callable[[str], RunDir]) -> None:
    found = records(whole(method))
    assert [record.seq for record in found] == list(range(len(found)))
    assert isinstance(found[0], StartRecord)
    assert isinstance(found[-2], DoneRecord)
    assert isinstance(found[-1], StopRecord)
    assert found[-1].state == "done"
    contexts: set[int] = set()
    taken = 0
    for record in found:
        if isinstance(record, ContextRecord):
            assert record.id == len(contexts)
            contexts.add(record.id)
        elif isinstance(record, AnswerRecord):
            assert record.context_id in contexts
            # A question's name tells for which decision it is, except the paper's, whose answers serve many.
            assert method == "paper" or taken <= int(record.question.split("/")[2])
        elif isinstance(record, DecisionRecord):
            assert record.n == taken
            taken += 1
    assert found[-2] == DoneRecord(
        seq=found[-2].seq, t=found[-2].t, decisions=taken, calls=len(lines(whole(method), "answer"))
    )


@pytest.mark.parametrize("method", METHODS)
def test_run_that_is_done_is_left_as_it_is(method: str, whole: Callable[[str], RunDir]) -> None:
    run, asked = whole(method), []
    journal = run.journal.read_bytes()
    outcome = run_here(run.path, model_client_of=counted(asked))
    assert (outcome.state, asked) == ("done", [])
    assert run.journal.read_bytes() == journal


@pytest.mark.parametrize("state", ["running", None])
def test_run_killed_before_its_last_status_comes_to_be_done(state: str | None, tmp_path: Path) -> None:
    run = make(tmp_path / "run", "task.limit=8", "search.shots=2")
    run_here(run.path)
    done = read_status(run)
    if state is None:
        run.status.unlink()
    else:
        run.status.write_bytes(run.status.read_bytes().replace(b'"done"', b'"running"', 1))
    run_here(run.path)
    status = read_status(run)
    assert status is not None
    assert done is not None
    assert (status.state, status.decision, status.labelled) == ("done", done.decision, 8)


class OnDisk:
    """How many bytes of a run's journal are written, and how many are synced."""

    def __init__(self, run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = run
        self._fsync = os.fsync
        self._synced = 0
        monkeypatch.setattr(os, "fsync", self._seen)

    def _seen(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        self._fsync(descriptor)
        if os.path.samestat(os.fstat(descriptor), self._run.journal.stat()):
            self._synced = size

    def holds(self, what: str, *, synced: bool) -> bool:
        data = self._run.journal.read_bytes()
        return what.encode() in (data[: self._synced] if synced else data)


@pytest.mark.parametrize("paid", [False, True], ids=["free", "paid"])
def test_journal_is_on_disk_before_it_is_used(paid: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path / "run", "search.shots=4", "task.limit=16")
    on_disk = OnDisk(run, monkeypatch)
    used: list[str] = []
    tell = Icm.tell

    def told(search: Icm, question: str, logprobs: list[float] | None) -> None:
        assert on_disk.holds(f'"question":"{question}"', synced=paid)
        used.append(question)
        tell(search, question, logprobs)

    class Looking(Wrapped):
        def ask(self, asked: Query) -> None:
            assert on_disk.holds(f'{{"kind":"context","id":{asked.context_id},', synced=paid)
            super().ask(asked)

    monkeypatch.setattr(Icm, "tell", told)
    tuning = Tuning(durability="paid" if paid else "free")
    assert run_here(run.path, model_client_of=wrapped(Looking), tuning=tuning).state == "done"
    assert len(used) == len(lines(run, "answer")) > 0


@pytest.mark.parametrize("method", METHODS)
def test_contexts_are_dropped_only_if_they_are_done_with(
    method: str, whole: Callable[[str], RunDir], tmp_path: Path
) -> None:
    run = make(tmp_path / "run", *METHODS[method])
    assert run_here(run.path, tuning=Tuning(contexts_kept=1)).state == "done"
    assert trajectory(run) == trajectory(whole(method))


# Answers in any order


def test_window_is_the_profile_s_whatever_the_concurrency(tmp_path: Path) -> None:
    sets = ["search.shots=4", "task.limit=120", "search.chains=2", "model.concurrency=1"]
    wide, narrow, resumed = (
        make(tmp_path / name, *sets[: 3 if name == "wide" else 4]) for name in ("wide", "narrow", "resumed")
    )
    limits = {wide: ["model.concurrency=1"], narrow: ["model.concurrency=32"], resumed: []}
    for run, changed in limits.items():
        if run is resumed:
            with pytest.raises(InterruptedError):
                run_here(run.path, model_client_of=wrapped(lambda inner: _Lost(inner, 300)))
            changed = ["model.concurrency=32"]
        assert run_here(run.path, sets=changed).state == "done"
    windows = [lines(run, "start")[0]["window"] for run in (wide, narrow, resumed)]
    assert windows[0] != windows[1] == windows[2] == lines(resumed, "start")[1]["window"]
    assert trajectory(resumed) == trajectory(narrow)
    assert trajectory(wide)[0] != trajectory(narrow)[0]


class _Lost(Wrapped):
    """Raises InterruptedError after `count` replies."""

    def __init__(self, inner: ModelClient, count: int) -> None:
        super().__init__(inner)
        self._left = count

    async def replies(self, seconds: float) -> list[Answered]:
        given = await super().replies(seconds)
        self._left -= len(given)
        if self._left < 0:
            raise InterruptedError
        return given


@pytest.mark.parametrize("concurrency", [1, 2, 5, 32])
@pytest.mark.parametrize("method", METHODS)
def test_run_is_the_same_whatever_the_concurrency(
    method: str, concurrency: int, whole: Callable[[str], RunDir], tmp_path: Path
) -> None:
    run = make(tmp_path / "run", *METHODS[method])
    most: list[int] = []

    class Watching(Counting):
        in_flight = 0

        def ask(self, asked: Query) -> None:
            super().ask(asked)
            self.in_flight += 1
            most.append(self.in_flight)

        async def replies(self, seconds: float) -> list[Answered]:
            given = await super().replies(seconds)
            self.in_flight -= len(given)
            return given

    outcome = run_here(
        run.path,
        sets=[f"model.concurrency={concurrency}"],
        model_client_of=wrapped(lambda inner: Watching(inner, [])),
    )
    assert outcome.state == "done"
    assert 1 <= max(most) <= concurrency
    assert trajectory(run) == trajectory(whole(method))


@given(method=st.sampled_from(sorted(METHODS)), concurrency=st.integers(1, 32), seed=st.integers(0))
@settings(max_examples=15)
def test_run_is_the_same_in_any_order_of_answers(
    method: str, concurrency: int, seed: int, whole: Callable[[str], RunDir]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = make(Path(folder) / "run", *METHODS[method])
        outcome = run_here(
            run.path,
            sets=[f"model.concurrency={concurrency}"],
            model_client_of=wrapped(lambda inner: Shuffled(inner, Random(seed))),
        )
        assert outcome.state == "done"
        assert trajectory(run) == trajectory(whole(method))


# Answers that fail


def refusing(always: list[int], once: list[int]) -> Callable[[ModelClient], ModelClient]:
    return lambda inner: Refusing(inner, always, once)


@pytest.mark.parametrize("method", METHODS)
def test_items_always_refused_stay_unlabelled(method: str, tmp_path: Path) -> None:
    run = make(tmp_path / "run", *METHODS[method])
    statuses: list[Status] = []
    always, once = [0, 7, 11], [1, 2, 3, 8]
    outcome = run_here(run.path, observe=statuses.append, model_client_of=wrapped(refusing(always, once)))
    assert outcome.state == "done"
    failed = [answer for answer in lines(run, "answer") if "failed" in answer]
    assert outcome.summary.calls_failed == len(failed)
    assert {answer["failed"] for answer in failed} == {"the server refused the item: too long"}
    assert all(answer["logprobs"] is None for answer in failed)
    by_item = [answer["item"] for answer in failed]
    assert [by_item.count(item) for item in once] == [min(1, by_item.count(item)) for item in once]
    labels = [final.label for final in final_labels(run.path)]
    if method in ("standard", "lean", "all", "calibrated"):
        assert [item for item, label in enumerate(labels) if label is None] == always
        assert {item for item in by_item if item in once} == set(once)
    assert outcome.summary.labelled == len(labels) - labels.count(None)
    assert statuses[-1].labelled == outcome.summary.labelled


def test_run_whose_every_answer_fails_is_done(tmp_path: Path) -> None:
    class RefusingAll(Wrapped):
        async def replies(self, seconds: float) -> list[Answered]:
            # In words of each item's own: refused alike, the run would pause.
            came = await super().replies(seconds)
            return [(asked, Reply(None, failed=f"no good: {asked.item * 'o'}")) for asked, _ in came]

    run = make(tmp_path / "run", "search.shots=8", "search.seeds=2")
    outcome = run_here(run.path, model_client_of=wrapped(RefusingAll))
    assert outcome.state == "done"
    assert outcome.summary.calls_failed == outcome.summary.calls > 0
    assert outcome.summary.labelled == 0
    assert outcome.summary.calls_per_label is None
    assert outcome.summary.coherence_bits is None


# Two ways to run the same


def test_run_depends_on_the_seed_alone(tmp_path: Path) -> None:
    one, same, other = (
        make(tmp_path / name, "search.shots=8", f"run.seed={seed}")
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    for run in (one, same, other):
        run_here(run.path)
    assert trajectory(one) == trajectory(same)
    assert trajectory(one)[0] != trajectory(other)[0]
