"""Pins in a run: what they set, what they refuse, and that a run with pins is the same wherever it was torn."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.rules import RULES
from icm_tui.models.client import ModelClient
from icm_tui.profile.toml import load
from icm_tui.run_dir import inbox
from icm_tui.run_dir.inbox import read_pin
from icm_tui.run_dir.labels import FinalLabel, final_labels
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import CommandRecord, ContextRecord, DecisionRecord
from icm_tui.run_dir.status import Status, read_status
from icm_tui.runner.assembly import problem_of
from icm_tui.search.problem import Problem
from tests.runner.made import (
    Script,
    Wrapped,
    counted,
    driven,
    lines,
    make,
    records,
    run_briskly,
    trajectory,
    until,
    wrapped,
)

SETS = ("search.shots=8",)
METHODS = {
    "shots": ["search.shots=4", "task.limit=16"],
    "lean": ["search.shots=4", "search.effort=lean", "task.limit=16"],
    "all": ["task.limit=12"],
    "part": ["search.subset=8", "task.limit=16"],
    "calibrated": ["search.shots=3", "consistency.rule=none", "search.chains=3", "task.limit=12"],
    "paper": ["search.method=paper", "search.max_iters=25", "task.limit=12"],
    "fork": ["search.method=fork", "search.max_iters=25", "task.limit=16"],
}
# At which decision which item is pinned to which label; null takes the pin off.
PLAN = [(3, 5, "A"), (9, 5, "B"), (14, 2, "B"), (20, 2, None), (22, 7, "A")]


def pinning(run: RunDir, plan: list[tuple[int, int, str | None]]) -> Script:
    """Pin as planned, each when its decision is the next one, then go on to the end."""
    status = yield
    for n, item, label in plan:
        inbox.send(run, "to", {"n": n - 1})
        while status.state != "paused" or status.decision != n:
            status = yield
        inbox.send(run, "pin", {"item": item, "label": label, "note": "because"})
        seen = len(lines(run, "command"))
        while len(lines(run, "command")) == seen:
            status = yield
    inbox.send(run, "resume", {})


def play(run: RunDir, plan: list[tuple[int, int, str | None]]) -> None:
    assert run_briskly(run.path, observe=driven(pinning(run, plan)), stays=True).state == "done"


def pins_of(run: RunDir) -> list[CommandRecord]:
    return [record for record in records(run) if isinstance(record, CommandRecord) and record.what == "pin"]


def problem(run: RunDir) -> Problem:
    return problem_of(load(run.profile), read_items(run)[0])


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunDir]:
    """A finished run of one of the METHODS that was pinned as the first `count` entries of PLAN say, made once; only to
    be read."""
    folder = tmp_path_factory.mktemp("pinned")
    made: dict[tuple[str, int], RunDir] = {}

    def of(method: str, count: int = len(PLAN)) -> RunDir:
        if (method, count) not in made:
            made[method, count] = make(folder / f"{method}-{count}", *METHODS[method])
            play(made[method, count], PLAN[:count])
        return made[method, count]

    return of


@pytest.mark.parametrize("method", METHODS)
def test_pin_holds_from_the_next_decision_on(method: str, pinned: Callable[..., RunDir]) -> None:
    run = pinned(method)
    found = pins_of(run)
    assert [(record.outcome, record.n) for record in found] == [("done", n) for n, _, _ in PLAN]
    names = load(run.profile).prompt.labels
    held: dict[int, int] = {}
    labels: dict[tuple[int, int], int | None] = {}
    for record in records(run):
        if isinstance(record, CommandRecord):
            for chain, item, before, after in record.changes:
                assert labels.get((chain, item)) == before
                labels[chain, item] = after
            if record.what == "pin":
                item, label = read_pin(record.args, names, len(final_labels(run.path)))
                held.pop(item, None)
                held |= {} if label is None else {item: label}
        elif isinstance(record, DecisionRecord):
            for item, before, after in record.changes:
                assert labels.get((record.chain, item)) == before
                labels[record.chain, item] = after
            for item in set(record.items) & set(held):
                assert labels[record.chain, item] == held[item]
    finals = final_labels(run.path)
    assert [item for item, final in enumerate(finals) if final.pinned] == [5, 7]
    assert (finals[5].label, finals[7].label) == (1, 0)
    task = problem(run)
    for item in (5, 7):
        group = task.groups[task.group_of[item]]
        assert not RULES[task.rule].broken(
            [finals[i].label for i in group], [task.keys[i] for i in group], task.n_labels
        )


@pytest.mark.parametrize("method", METHODS)
def test_status_counts_violations_as_the_summary_does(method: str, pinned: Callable[..., RunDir]) -> None:
    run = pinned(method)
    status = read_status(run)
    assert status is not None
    assert status.violations == run_briskly(run.path).summary.violations


def cut(run: RunDir, path: Path, length: int) -> RunDir:
    """A copy of a run as a kill left it when its journal had `length` bytes."""
    shutil.copytree(run.path, path)
    copy = RunDir(path)
    copy.journal.write_bytes(run.journal.read_bytes()[:length])
    return copy


@given(method=st.sampled_from(sorted(METHODS)), count=st.integers(1, len(PLAN)), share=st.floats(0, 1))
@settings(max_examples=50)
def test_pins_survive_a_journal_torn_anywhere(
    method: str, count: int, share: float, pinned: Callable[..., RunDir]
) -> None:
    done = pinned(method, count)
    data = done.journal.read_bytes()
    obeyed = data.index(b"\n", data.rindex(b'"what":"pin"')) + 1
    with tempfile.TemporaryDirectory() as folder:
        run = cut(done, Path(folder) / "run", round(obeyed + share * (len(data) - obeyed)))
        asked: list[str] = []
        assert run_briskly(run.path, model_client_of=counted(asked)).state == "done"
        assert trajectory(run) == trajectory(done)
        assert final_labels(run.path) == final_labels(done.path)
        answered = [line["question"] for line in lines(run, "answer")]
        assert sorted(answered[len(answered) - len(asked) :]) == sorted(asked)


@given(method=st.sampled_from(sorted(METHODS)), share=st.floats(0, 1))
@settings(max_examples=25)
def test_pins_are_in_the_labels_read_from_a_journal(method: str, share: float, pinned: Callable[..., RunDir]) -> None:
    done = pinned(method)
    found = [offset for offset, _ in read_records(done.journal)]
    with tempfile.TemporaryDirectory() as folder:
        run = cut(done, Path(folder) / "run", found[1 + round(share * (len(found) - 2))])
        finals = final_labels(run.path)
        seen: list[Status] = []
        run_briskly(run.path, observe=seen.append)
        assert seen[0].labelled == sum(final.label is not None for final in finals)
        task = problem(run)
        assert seen[0].violations == sum(
            RULES[task.rule].broken(
                [finals[item].label for item in group], [task.keys[item] for item in group], task.n_labels
            )
            for group in task.groups
        )


def test_pin_sets_its_group_and_is_in_the_next_context(run: RunDir, undisturbed: RunDir) -> None:
    """The group is set in every chain of the tournament at once."""
    n = 60
    item = 11
    partner = next(other for other in problem(run).groups[problem(run).group_of[item]] if other != item)
    play(run, [(n, item, "A")])
    (record,) = pins_of(run)
    assert record.args == {"item": item, "label": "A", "note": "because"}
    chains = load(run.profile).search.chains
    assert chains is not None
    for chain, changed, before, after in record.changes:
        assert chain in range(chains)
        assert after == {item: 0, partner: 1}[changed] != before
    mine, others = lines(run, "decision", "context"), lines(undisturbed, "decision", "context")
    assert mine[:n] == others[:n]
    later = [found for found in records(run) if isinstance(found, ContextRecord) and found.seq > record.seq]
    shown = [pair for context in later if context.demonstrations != "all" for pair in context.demonstrations]
    assert (item, 0) in shown or (partner, 1) in shown
    sweeps = [context for context in later if context.phase == "sweeps"]
    assert sweeps
    for context in sweeps:
        assert not {(item, 1), (partner, 0)} & {
            pair for pair in context.demonstrations if context.demonstrations != "all"
        }
    # It is asked about as often as without.
    asked = [[answer["item"] for answer in lines(which, "answer")] for which in (run, undisturbed)]
    assert asked[0].count(item) == asked[1].count(item)


class Relabelled(Wrapped):
    """Keeps the labels that were passed on to the model."""

    def __init__(self, inner: ModelClient, labels: dict[int, dict[int, int | None]]) -> None:
        super().__init__(inner)
        self._labels = labels

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        changes = list(changes)
        self._labels.setdefault(chain, {}).update({item: after for item, _, after in changes})
        super().relabel(chain, changes)


@pytest.mark.parametrize("method", METHODS)
def test_pins_are_passed_on_to_the_model(method: str, tmp_path: Path) -> None:
    told: dict[int, dict[int, int | None]] = {}
    again: dict[int, dict[int, int | None]] = {}
    run = make(tmp_path / "run", *METHODS[method])
    model_client_of = wrapped(lambda inner: Relabelled(inner, told))
    run_briskly(run.path, observe=driven(pinning(run, PLAN)), model_client_of=model_client_of, stays=True)
    finals = [final.label for final in final_labels(run.path)]
    assert finals in [[labels.get(item) for item in range(len(finals))] for labels in told.values()]
    run_briskly(run.path, model_client_of=wrapped(lambda inner: Relabelled(inner, again)))
    assert again == told


def outcomes(run: RunDir) -> list[tuple[str, str]]:
    return [(record.outcome, record.why) for record in pins_of(run)]


def test_pin_is_refused_with_the_reason(run: RunDir, undisturbed: RunDir) -> None:
    item = 11
    partner = next(other for other in problem(run).groups[problem(run).group_of[item]] if other != item)

    def script(run: RunDir) -> Script:
        yield
        inbox.send(run, "to", {"n": 29})
        yield from until("paused")
        for args in (
            {},
            {"item": "3", "label": "A"},
            {"item": True, "label": "A"},
            {"item": 40, "label": "A"},
            {"item": -1, "label": "A"},
            {"item": 3, "label": "C"},
            {"item": 3, "label": ["A"]},
            {"item": 3, "label": "A", "note": 5},
            {"item": 3, "label": None},
            {"item": item, "label": "A"},
            {"item": item, "label": "A"},
            {"item": partner, "label": "A"},
            {"item": partner, "label": "B"},
            {"item": item, "label": None},
            {"item": partner, "label": None},
        ):
            inbox.send(run, "pin", args)
            yield
        inbox.send(run, "resume", {})

    run_briskly(run.path, observe=driven(script(run)), stays=True)
    nowhere = "they are numbered from 0 to 39"
    assert outcomes(run) == [
        ("refused", "it names no item; give the number of one as item"),
        ("refused", "it names no item; give the number of one as item"),
        ("refused", "it names no item; give the number of one as item"),
        ("refused", f"there is no item 40; {nowhere}"),
        ("refused", f"there is no item -1; {nowhere}"),
        ("refused", "there is no label 'C'; the labels are A, B"),
        ("refused", "there is no label ['A']; the labels are A, B"),
        ("refused", "its note is not a text"),
        ("no change", "item 3 is not pinned"),
        ("done", ""),
        ("no change", f"item {item} is pinned to A already"),
        ("refused", f"under rule opposite item {partner} cannot be A while item {item} is pinned to A"),
        ("done", ""),
        ("done", ""),
        ("done", ""),
    ]
    assert not any(final.pinned for final in final_labels(run.path))
    assert lines(run, "decision")[:30] == lines(undisturbed, "decision")[:30]


def test_pins_win_over_a_skip(tmp_path: Path) -> None:
    """An item that the tournament did not cover is skipped while it has no label yet."""
    run, copy = (make(tmp_path / name, *METHODS["part"]) for name in ("run", "copy"))
    n = next_of_sweeps(run)

    def script() -> Script:
        yield
        inbox.send(copy, "pin", {"item": uncovered[0], "label": "B"})
        inbox.send(copy, "to", {"n": n - 1})
        yield from until("paused")
        inbox.send(copy, "skip", {})
        yield from until("running")
        yield from until("paused")
        inbox.send(copy, "resume", {})

    uncovered = [item for item in decision(run, n).items if final_at(run, n)[item].label is None]
    assert uncovered
    assert run_briskly(copy.path, observe=driven(script()), stays=True).state == "done"
    assert [record.changes for record in pins_of(copy)] == [[]]
    taken = decision(copy, n)
    assert taken.overridden
    assert taken.changes == [(uncovered[0], None, 1)]
    assert [item for item, final in enumerate(final_labels(copy.path)) if final.pinned] == uncovered[:1]


def next_of_sweeps(run: RunDir) -> int:
    """Run to the end, and say which decision of the sweeps is the first about items without a label."""
    run_briskly(run.path)
    labelled: set[int] = set()
    for record in records(run):
        if isinstance(record, DecisionRecord):
            if record.phase == "sweeps" and not labelled & set(record.items):
                return record.n
            labelled |= {item for item, _, _ in record.changes}
    raise AssertionError("the tournament covered everything")


def decision(run: RunDir, n: int) -> DecisionRecord:
    return next(record for record in records(run) if isinstance(record, DecisionRecord) and record.n == n)


def final_at(run: RunDir, n: int) -> list[FinalLabel]:
    """The labels before decision n."""
    offset = next(
        offset for offset, record in read_records(run.journal) if isinstance(record, DecisionRecord) and record.n == n
    )
    with tempfile.TemporaryDirectory() as folder:
        return final_labels(cut(run, Path(folder) / "run", offset).path)


# After nine answers this run works out what to ask next, from the labels as they are.
@pytest.mark.parametrize("answers", range(6, 10))
def test_pin_waits_while_answers_are_not_on_disk(answers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that the search does not know yet is in the journal before the pin, so the pin waits for it."""
    run = make(tmp_path / "run", *METHODS["paper"])
    write, refused = os.write, 0

    def refuse(descriptor: int, data: memoryview) -> int:
        nonlocal refused
        in_journal = run.journal.exists() and os.path.samestat(os.fstat(descriptor), run.journal.stat())
        if in_journal and b'"kind":"answer"' in bytes(data) and refused < 5 and len(lines(run, "answer")) == answers:
            if not refused:
                inbox.send(run, "pin", {"item": 5, "label": "B"})
            refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", refuse)
    assert run_briskly(run.path).state == "done"
    assert refused == 5
    assert outcomes(run) == [("done", "")]
    assert final_labels(run.path)[5].label == 1
    monkeypatch.setattr(os, "write", write)
    data = run.journal.read_bytes()
    torn = cut(run, tmp_path / "torn", data.index(b"\n", data.index(b'"what":"pin"')) + 1)
    run_briskly(torn.path)
    assert trajectory(torn) == trajectory(run)
