"""Limits, which are kept before they are passed, and refusals, which pause a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.profile.schema import Run
from icm_tui.run_dir.records import AnswerRecord, AnyRecord, ErrorRecord, ExplanationRecord, StopRecord
from icm_tui.run_dir.tally import Tally
from icm_tui.runner.limits import Kind, Limits, Refusals

BUDGET = "run.budget_usd = 1 would be passed by the next call; raise it with --set run.budget_usd=USD"
UNKNOWN = "the cost of a call is not known, so run.budget_usd cannot be kept: set model.price_in and model.price_out"


def answer(cost: float | None, *, seconds: float = 0.0, cached: bool = False, failed: str | None = None) -> AnyRecord:
    logprobs = [-1.0, -1.0] if failed is None else None
    return AnswerRecord(
        question="", context_id=0, item=0, logprobs=logprobs, cost=cost, seconds=seconds, cached=cached, failed=failed
    )


def explanation(cost: float | None) -> AnyRecord:
    return ExplanationRecord(item=0, n=0, call=0, cost=cost)


def counted(*records: AnyRecord) -> Tally:
    tally = Tally()
    for record in records:
        tally.add(record)
    return tally


amounts = st.integers(0, 40).map(lambda cents: cents / 100)


@given(
    budget=st.integers(0, 300).map(lambda cents: cents / 100),
    steps=st.lists(st.tuples(st.sampled_from(["call", "explanation", "end"]), amounts, st.floats(0, 1))),
)
def test_limits_keep_the_budget_if_costs_are_as_expected(budget: float, steps: list[tuple[str, float, float]]) -> None:
    tally = Tally()
    limits = Limits(Run(budget_usd=budget), tally)
    under_way: dict[str, tuple[str, float]] = {}
    for number, (what, expected, share) in enumerate(steps):
        if what == "end":
            if under_way:
                name, (kind, most) = under_way.popitem()
                tally.add(answer(most * share) if kind == "call" else explanation(most * share))
                limits.end(name)
        else:
            kind: Kind = "call" if what == "call" else "explanation"
            why = limits.why_no_call(expected, 0.0) if what == "call" else limits.why_no_money("explanation", expected)
            if not why:
                limits.begin(str(number), kind, expected)
                under_way[str(number)] = (what, expected)
            elif not under_way:
                dearest = (tally.dearest_call if what == "call" else tally.dearest_explanation) or 0.0
                assert tally.cost_usd + max(expected, dearest) > budget
        assert tally.cost_usd <= budget + 1e-6
    assert limits.busy == bool(under_way)


@given(costs=st.lists(st.floats(0.001, 0.2), min_size=1), budget=st.floats(0.5, 3.0))
def test_limits_without_a_price_let_one_call_through_alone(costs: list[float], budget: float) -> None:
    tally = Tally()
    limits = Limits(Run(budget_usd=budget), tally)
    for number, cost in enumerate(costs):
        if limits.why_no_call(None, 0.0):
            assert tally.cost_usd + (tally.dearest_call or 0.0) > budget
            return
        limits.begin("one", "call", None)
        assert bool(limits.why_no_call(None, 0.0)) == (number == 0 or tally.cost_usd + 2 * max(costs[:number]) > budget)
        tally.add(answer(cost))
        limits.end("one")


def test_limits_ask_for_a_price_if_costs_stay_unknown() -> None:
    refused = counted(answer(None, failed="too long"), answer(None, cached=True))
    assert Limits(Run(budget_usd=1.0), refused).why_no_call(None, 0.0) == ""
    unpriced = counted(answer(None))
    assert Limits(Run(budget_usd=1.0), unpriced).why_no_call(None, 0.0) == UNKNOWN
    assert Limits(Run(budget_usd=1.0), unpriced).why_no_call(0.1, 0.0) == ""
    assert Limits(Run(budget_usd=1.0), unpriced).why_no_money("explanation", None) == UNKNOWN
    assert Limits(Run(), unpriced).why_no_call(None, 0.0) == ""


def test_limits_let_no_unknown_cost_through_a_spent_budget() -> None:
    assert Limits(Run(budget_usd=1.0), counted(explanation(1.0))).why_no_call(None, 0.0) == BUDGET
    assert Limits(Run(budget_usd=1.0), counted(explanation(1.0))).why_no_call(0.0, 0.0) == ""
    assert Limits(Run(budget_usd=1.0), counted(explanation(1.1))).why_no_call(0.0, 0.0) == BUDGET
    assert Limits(Run(budget_usd=0.0), Tally()).why_no_call(None, 0.0) != ""


def test_limits_assume_the_dearest_cost_of_a_kind() -> None:
    tally = counted(answer(0.3), explanation(0.05))
    limits = Limits(Run(budget_usd=1.0), tally)
    limits.begin("one", "call", 0.1)
    assert limits.why_no_call(0.1, 0.0) == ""
    limits.begin("two", "call", 0.1)
    assert limits.why_no_call(0.1, 0.0) == BUDGET
    assert limits.why_no_money("explanation", 0.01) == ""
    assert limits.why_no_money("explanation", 0.06) == BUDGET


def test_limits_count_only_calls_in_flight_as_made() -> None:
    limits = Limits(Run(max_calls=2), counted(answer(None)))
    for kind in ("reask", "explanation"):
        limits.begin(kind, kind, None)  # type: ignore[arg-type]
    assert limits.why_no_call(None, 0.0) == ""
    limits.begin("one", "call", None)
    assert limits.why_no_call(None, 0.0) == "run.max_calls = 2 is reached; raise it with --set run.max_calls=CALLS"
    limits.end("one")
    limits.end("never begun")
    assert limits.why_no_call(None, 0.0) == ""


@pytest.mark.parametrize(("now", "refused"), [(106.9, False), (107.1, True)])
def test_limits_need_time_for_a_typical_call(now: float, refused: bool) -> None:
    tally = Tally()
    for number, seconds in enumerate((2.0, 3.0, 90.0)):
        record = answer(None, seconds=seconds)
        record.t = 100.0 + number
        tally.add(record)
    why = Limits(Run(max_seconds=10.0), tally).why_no_call(None, now)
    assert bool(why) == refused
    if refused:
        assert (
            why == "run.max_seconds = 10 would be passed by the next call; raise it with --set run.max_seconds=SECONDS"
        )


def test_tally_counts_no_time_at_rest() -> None:
    tally = counted(ErrorRecord(what="", t=100.0), StopRecord(state="paused", t=103.0))
    assert (tally.seconds, tally.seconds_at(500.0)) == (3.0, 3.0)


def test_refusals_alike_in_a_row_are_a_reason_to_pause() -> None:
    refusals = Refusals()
    said = [refusals.note(f"400: prompt {number} is too long.") for number in range(17)]
    assert [number for number, why in enumerate(said) if why] == [7, 15]
    assert said[7] == "8 items in a row were refused alike: 400: prompt 7 is too long"


def test_refusals_that_differ_are_no_reason_to_pause() -> None:
    refusals = Refusals()
    assert not any(refusals.note(words) for words in ["too long", "too rude"] * 20)
    assert not any(refusals.note(words) for words in [*["too long"] * 7, None] * 3)
