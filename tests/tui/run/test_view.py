"""What a view holds after a journal is what the journal's own fold says, at every point and however it came."""

import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.items import Item
from icm_tui.run_dir.labels import NEVER, UNLABELLED, Change, final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import AnyRecord, CommandRecord, DecisionRecord, DoneRecord, ExplanationRecord, StopRecord
from icm_tui.tui.run.view import RunView, SweepFlips
from tests.run_dir.reference_labels import reference_labels
from tests.tui.finished import KINDS, Finished, cut, full_view, records_of, view_of
from tests.tui.small import answer, context, decision, numbered, piece, small_view, started


def assert_agrees(view: RunView, run: RunDir) -> None:
    """The view's labels are those that the journal of `run` leaves, by the book and by the fold."""
    finals = final_labels(run.path)
    assert finals == reference_labels(run)
    chain = view.shown
    assert list(chain.labels) == [UNLABELLED if final.label is None else final.label for final in finals]
    assert list(chain.decided) == [NEVER if final.decided_at is None else final.decided_at for final in finals]
    assert [item in view.pins for item in range(len(finals))] == [final.pinned for final in finals]
    for item, final in enumerate(finals):
        p = chain.p(item, view.label_bias)
        assert final.p == (None if p is None else round(p, 6))
        assert chain.logprobs(item) == final.logprobs
    assert chain.counts == [sum(final.label == label for final in finals) for label in range(len(view.label_names))]
    assert chain.labelled == sum(final.label is not None for final in finals)


@pytest.mark.parametrize("kind", KINDS)
def test_view_has_the_labels_of_the_fold_after_every_record(kind: str, finished: Finished, tmp_path: Path) -> None:
    run = finished(kind)
    data, found = run.journal.read_bytes(), records_of(run)
    ends = [offset for offset, _ in found[1:]] + [len(data)]
    copy = cut(run, tmp_path / "run", 0)
    view = view_of(run)
    for number, ((offset, record), end) in enumerate(zip(found, ends, strict=True)):
        view.apply([(offset, record)])
        # Answers and contexts show when the next decision is compared.
        due = isinstance(record, DecisionRecord) and (len(found) < 1000 or record.n % 10 == 0)
        if due or isinstance(record, CommandRecord) or number + 1 == len(found):
            copy.journal.write_bytes(data[:end])
            assert_agrees(view, copy)
    assert view.last_seq == len(found) - 1
    assert view.started == 2


@given(kind=st.sampled_from(sorted(KINDS)), share=st.floats(0, 1), cuts=st.lists(st.floats(0, 1), max_size=6))
@settings(max_examples=40)
def test_view_is_the_same_however_the_journal_is_cut(
    kind: str, share: float, cuts: list[float], finished: Finished
) -> None:
    run = finished(kind)
    found = records_of(run)
    count = 1 + round(share * (len(found) - 1))
    edges = [0, *sorted(round(cut * count) for cut in cuts), count]
    view = view_of(run)
    for start, stop in pairwise(edges):
        view.apply(iter(found[start:stop]))
    end = found[count][0] if count < len(found) else run.journal.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        assert_agrees(view, cut(run, Path(folder) / "run", end))


@pytest.mark.parametrize("kind", KINDS)
def test_view_has_the_flips_and_history_of_the_journal(kind: str, finished: Finished) -> None:
    run = finished(kind)
    view, chain = full_view(run), full_view(run).shown
    changes: dict[int, list[Change]] = {}
    for _, record in records_of(run):
        if isinstance(record, DecisionRecord) and record.chain == view.chain:
            for item, before, after in record.changes:
                changes.setdefault(item, []).append(Change(record.n, before, after))
        elif isinstance(record, CommandRecord):
            for number, item, before, after in record.changes:
                if number == view.chain:
                    changes.setdefault(item, []).append(Change(record.n, before, after, by_person=True))
    assert kind == "part" or any(change.by_person for of_item in changes.values() for change in of_item)
    for item in range(len(view.items)):
        of_item = changes.get(item, [])
        assert chain.history.of(item) == of_item
        assert chain.history.last(item) == (of_item[-1] if of_item else None)
        assert chain.history.last_n(item) == (of_item[-1].n if of_item else NEVER)
        assert chain.flips[item] == sum(None not in change[1:3] for change in of_item)


@pytest.mark.parametrize("kind", ["shots", "all", "part", "calibrated"])
def test_view_sweep_is_one_look_at_every_group_of_a_phase(kind: str, finished: Finished) -> None:
    run = finished(kind)
    view = full_view(run)
    decided: dict[str, list[DecisionRecord]] = {}
    for _, record in records_of(run):
        if isinstance(record, DecisionRecord) and record.chain == view.chain and record.items:
            decided.setdefault(record.phase, []).append(record)
    expected: list[int] = []
    for phase in ("tournament", "sweeps", "second_look"):
        of_phase = decided.get(phase, [])
        units = len({record.items[0] for record in of_phase})
        for start in range(0, len(of_phase), max(1, units)):
            sweep = of_phase[start : start + units]
            assert len({record.items[0] for record in sweep}) == units
            expected.append(sum(None not in change for record in sweep for change in record.changes))
    assert view.curves[view.chain].sweeps.counts() == expected
    assert len(expected) > 1


@pytest.mark.parametrize("kind", ["paper", "fork"])
def test_view_sweep_of_random_draws_is_as_long_as_the_items(kind: str, finished: Finished) -> None:
    run = finished(kind)
    view = full_view(run)
    assert len(view.curves[view.chain].sweeps.counts()) == 1 + (view.n - 1) // len(view.items)
    assert view.curves[view.chain].energy.last is not None
    assert view.coherence == {}


def test_view_shows_the_leading_chain_until_one_is_kept(finished: Finished) -> None:
    view = view_of(finished("all"))
    leaders: set[int] = set()
    bits: dict[int, float] = {}
    for entry in records_of(finished("all")):
        view.apply([entry])
        record = entry[1]
        if isinstance(record, DecisionRecord) and view.kept is None and record.phase != "seeds":
            assert view.in_tournament
            if "coherence_bits" in record.score:
                bits[record.chain] = record.score["coherence_bits"]
                assert bits[view.chain] == max(bits.values())
                leaders.add(view.chain)
    assert len(bits) == 3
    assert leaders
    assert not view.in_tournament
    assert view.chain == view.kept


def test_view_leader_survives_a_tie_but_not_a_fall() -> None:
    view = small_view(chains=3)
    leads: list[int] = []
    for chain, bits in [(0, 0.1), (1, 0.1), (2, 0.3), (2, -0.2), (0, -0.5), (1, 0.0), (2, 0.2)]:
        view.apply([(0, decision(view.n, chain=chain, items=[0], score={"coherence_bits": bits}))])
        leads.append(view.chain)
    assert leads == [0, 0, 2, 0, 1, 1, 2]


def test_view_has_no_labels_before_the_first_decision(finished: Finished) -> None:
    view = view_of(finished("shots"))
    assert view.shown.labelled == 0
    assert view.n == 0
    assert not view.in_tournament
    assert view.facts(0).p is None
    assert view.label_name(None) == view.label_name(UNLABELLED) == "·"


def test_view_cleared_and_fed_again_is_the_same(finished: Finished) -> None:
    run = finished("shots")
    view, once = view_of(run), full_view(run)
    view.apply(records_of(run))
    view.clear()
    assert (view.n, view.last_seq, view.shown.labelled, len(view.log.entries)) == (0, -1, 0, 0)
    view.apply(records_of(run))
    assert view.shown.labels == once.shown.labels
    assert view.log.entries == once.log.entries
    assert view.pins == once.pins


def test_sweep_flips_begin_again_with_an_item_or_phase() -> None:
    sweeps = SweepFlips()
    assert sweeps.counts() == []
    for phase, item, flips in [("a", 1, 2), ("a", 2, 1), ("a", 1, 1), ("b", 3, 5), ("b", 3, 0)]:
        sweeps.add(phase, item, flips)
    assert sweeps.counts() == [3, 1, 5, 0]


# Small records


def test_view_counts_the_answer_to_the_later_context() -> None:
    view = small_view()
    view.apply(numbered(context(0), context(1), context(2, phase="label_bias")))
    view.apply(
        [(500, answer(2, 1, [-0.1, -2.5])), (600, answer(2, 0, [-9.0, -0.1])), (700, answer(2, 2, [-1.0, -1.0]))]
    )
    assert view.shown.answers[2] == 500
    assert view.shown.log_odds(2) == pytest.approx(2.4)


def test_view_keeps_a_failed_answer_while_it_is_the_only_one() -> None:
    view = small_view()
    view.apply(numbered(context(0), context(1)))
    view.apply([(300, answer(1, 0, None, "too long"))])
    assert view.shown.failed == {1: 300}
    assert view.shown.logprobs(1) is None
    view.apply([(400, answer(1, 1, [-0.1, -2.0])), (500, answer(1, 0, None, "late"))])
    assert view.shown.failed == {}


def test_view_log_odds_of_three_labels_are_over_the_best_other() -> None:
    view = small_view(labels="ABC")
    view.apply([(0, context(0)), (100, answer(0, 0, [-1.0, -0.5, -3.0]))])
    assert view.shown.log_odds(0) is None
    view.apply([(200, decision(0, items=[0], changes=[(0, None, 2)]))])
    assert view.shown.log_odds(0) == pytest.approx(-2.5)
    assert view.shown.p(0, [0.0, 0.0, 0.0]) == pytest.approx(view.shown.p(0, None))


@pytest.mark.parametrize(
    "record",
    [
        decision(0, items=[9], changes=[(9, None, 0)]),
        decision(0, items=[-1], changes=[(-1, None, 0)]),
        decision(0, items=[0], changes=[(0, None, 2)]),
        decision(0, items=[0], changes=[(0, None, -2)]),
        decision(0, chain=7, items=[0]),
        decision(0, chain=-1, items=[0]),
        answer(-1, 0, [0.0, 0.0]),
        answer(4, 0, [0.0, 0.0]),
        answer(0, 0, [0.0, 0.0, 0.0]),
        answer(0, 7, [0.0, 0.0]),
        CommandRecord(id="x", what="pin", args={"item": 99, "label": "A"}, n=0, outcome="done"),
        CommandRecord(id="x", what="pin", args={"item": 0, "label": "Z"}, n=0, outcome="done"),
    ],
)
def test_view_refuses_a_record_that_does_not_fit_the_run(record: AnyRecord) -> None:
    view = small_view(chains=2)
    view.apply([(0, context(0))])
    with pytest.raises((KeyError, IndexError, OverflowError, ValueError)):
        view.apply([(100, record)])
    assert view.shown.labelled == 0


# Commands


def test_view_keeps_a_command_and_its_outcome() -> None:
    view = small_view()
    view.ask("id-1", "step")
    assert view.sent["id-1"].outcome == ""
    view.apply([(0, CommandRecord(id="id-1", what="step", n=3, outcome="refused", why="because"))])
    assert view.latest == "id-1"
    assert view.sent["id-1"] == ("step", "refused", "because", 3)


def test_view_skip_holds_until_a_decision_with_items() -> None:
    view = small_view()
    view.apply([(0, CommandRecord(id="s", what="skip", n=0, outcome="done"))])
    assert view.skips_next
    view.apply([(1, decision(0, phase="label_bias", score={"label_bias_0": 0.1, "label_bias_1": -0.1}))])
    assert view.skips_next
    assert view.label_bias == [0.1, -0.1]
    view.apply([(2, decision(1, items=[0]))])
    assert not view.skips_next


def test_view_pin_has_its_note_and_can_be_taken_off() -> None:
    view = small_view()
    pin = {"item": 1, "label": "B", "note": "seen"}
    view.apply([(0, CommandRecord(id="p", what="pin", args=pin, n=0, outcome="done", changes=[(0, 1, None, 1)]))])
    assert view.pins == {1: (1, "seen")}
    assert view.shown.labels[1] == 1
    assert view.shown.history.of(1) == [Change(0, None, 1, by_person=True)]
    refused = CommandRecord(id="q", what="pin", args={"item": 2, "label": "A"}, n=0, outcome="refused")
    view.apply([(1, refused)])
    assert list(view.pins) == [1]
    view.apply([(2, CommandRecord(id="r", what="pin", args={"item": 1, "label": None}, n=0, outcome="done"))])
    assert view.pins == {}


# Reasoning


@pytest.mark.parametrize("journal_first", [True, False])
def test_view_stream_is_open_until_the_journal_ends_it(journal_first: bool) -> None:
    view = small_view()
    view.apply([(0, started(5.0))])
    view.apply_reasoning([piece(0, "one ")])
    assert view.open_calls == [0]
    late = [piece(0, "two"), piece(0, "", end=True)]
    ended = [(9, ExplanationRecord(item=1, n=3, call=0))]
    if journal_first:
        view.apply(ended)
        view.apply_reasoning(late)
    else:
        view.apply_reasoning(late)
        assert view.open_calls == [0]
        view.apply(ended)
    assert view.open_calls == []
    assert view.log.explanations == [0]
    assert [(explanation.text, explanation.ended) for explanation in view.explanations_on(1)] == [("one two", True)]
    assert view.explanations_on(2) == []


@pytest.mark.parametrize(
    "turn", [started(20.0), StopRecord(t=20.0, state="stopped"), DoneRecord(t=20.0, decisions=1, calls=1)]
)
def test_view_stream_cut_off_is_closed_when_a_runner_turns(turn: AnyRecord) -> None:
    view = small_view()
    view.apply([(0, started(5.0))])
    view.apply_reasoning([piece(0, "never fini")])
    view.apply([(1, StopRecord(t=15.0, state="paused"))])
    assert view.open_calls == [0]
    view.apply([(2, turn)])
    assert view.open_calls == []
    view.apply_reasoning([piece(1, "asked for later", t=30.0)])
    assert view.open_calls == [1]


def test_view_log_has_the_end_of_a_run_once() -> None:
    view = small_view()
    view.apply([(0, started(5.0)), (10, StopRecord(t=6.0, state="stopped")), (20, started(7.0))])
    view.apply([(30, DoneRecord(t=8.0, decisions=1, calls=1)), (40, StopRecord(t=8.0, state="done"))])
    assert list(view.log.entries) == [0, 10, 20, 30]


def test_view_forgets_reasoning_and_makes_another_log() -> None:
    view = small_view()
    view.apply_reasoning([piece(0, "one"), piece(1, "two", item=2)])
    before = view.log
    view.forget_reasoning()
    assert view.explanations == {}
    assert view.open_calls == []
    assert view.explanations_on(1) == []
    assert view.log is not before
    assert view.log.entries == before.entries


# Reading out


def test_view_companions_are_the_rest_of_the_group() -> None:
    view = small_view()
    assert view.companions(2) == [3]
    view = RunView(view.profile, [Item("a", "alone")])
    assert view.companions(0) == []


def test_view_facts_are_what_the_panes_show(finished: Finished) -> None:
    view = full_view(finished("shots"))
    for item, about in enumerate(view.items):
        facts = view.facts(item)
        assert facts[:3] == (item, about.text, about.group)
        assert facts.label == view.shown.labels[item]
        assert facts.p == view.shown.p(item, view.label_bias)
        assert facts.pinned == (item in view.pins)
