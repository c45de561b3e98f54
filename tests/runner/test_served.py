"""Runs against a model behind a server: opened and closed, without answers, with a concurrency limit, and paid."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec
import pytest

from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.errors import UserError
from icm_tui.models.client import ModelClient, Piece, Query, Unavailable
from icm_tui.profile.schema import Model, Reasoning
from icm_tui.run_dir import inbox
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import CommandRecord, EndpointRecord, ExplanationRecord, ReaskRecord, StopRecord
from icm_tui.runner.session import Outcome, ask_here
from tests.runner.made import (
    Answered,
    Counting,
    Refusing,
    Script,
    Shuffled,
    Wrapped,
    driven,
    lines,
    make,
    records,
    run_briskly,
    trajectory,
    until,
    wrapped,
)

_Kind = TypeVar("_Kind")

SETS = ["search.shots=8"]
HERE = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", kind="chat", provider="one")
THERE = msgspec.structs.replace(HERE, provider="two")


class Served(Wrapped):
    """Behaves as if behind a server, and keeps what it was called for in `calls`."""

    concurrency_limit = 1024
    warms = False
    shutdown_grace = 0.0

    def __init__(self, inner: ModelClient, calls: list[object], endpoint: Endpoint = HERE) -> None:
        super().__init__(inner)
        self._calls = calls
        self._endpoint = endpoint

    async def open(self, held: Endpoint | None) -> Endpoint | None:
        self._calls.append(("open", held))
        return self._endpoint

    async def close(self) -> None:
        self._calls.append("close")

    def apply_settings(self, model: Model, reasoning: Reasoning) -> None:
        self._calls.append((model.timeout_s, reasoning.max_tokens))


def served(run: RunDir, endpoint: Endpoint = HERE, sets: list[str] | None = None) -> tuple[Outcome, list[object]]:
    calls: list[object] = []
    model_client_of = wrapped(lambda inner: Served(inner, calls, endpoint))
    return run_briskly(run.path, model_client_of=model_client_of, sets=sets), calls


def found(run: RunDir, kind: type[_Kind]) -> list[_Kind]:
    return [record for record in records(run) if isinstance(record, kind)]


class Failing(Served):
    """Gives no answer to the questions that `fails` picks by their count, when they are asked for the first time."""

    def __init__(self, inner: ModelClient, fails: Callable[[int], bool]) -> None:
        super().__init__(inner, [])
        self._fails = fails
        self._count = 0

    async def replies(self, seconds: float) -> list[Answered]:
        given = []
        for asked, reply in await self.inner.replies(seconds):
            self._count += 1
            failed = self._fails(self._count)
            given.append((asked, Unavailable(f"no. {self._count}: the key is not\taccepted.") if failed else reply))
        return given


# Made ready and let go of


def test_model_is_opened_first_and_closed_at_the_end(run: RunDir) -> None:
    outcome, calls = served(run)
    assert calls == [(60.0, 256), ("open", None), "close"]
    assert [record.endpoint for record in found(run, EndpointRecord)] == [HERE]
    assert [line["kind"] for line in lines(run, "start", "endpoint", "context", "answer")][:3] == [
        "start",
        "endpoint",
        "context",
    ]
    assert outcome.summary.endpoint == HERE
    again, calls = served(run)
    assert calls == [(60.0, 256)]
    assert again.summary == outcome.summary


def test_endpoint_is_held_until_providers_are_changed(tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS, "run.max_calls=10")
    for limit, endpoint, sets, opened in (
        (10, HERE, [], None),
        (20, HERE, ["model.timeout_s=5.0"], HERE),
        (30, THERE, ['model.providers=["two"]'], None),
        (40, THERE, [], THERE),
    ):
        outcome, calls = served(run, endpoint, [f"run.max_calls={limit}", *sets])
        assert outcome.state == "stopped"
        assert calls == [(60.0 if limit == 10 else 5.0, 256), ("open", opened), "close"]
        assert outcome.summary.endpoint == endpoint
    assert [record.endpoint for record in found(run, EndpointRecord)] == [HERE, THERE]


def test_settings_change_in_a_running_run_except_providers(run: RunDir) -> None:
    calls: list[object] = []

    def script() -> Script:
        yield
        inbox.send(run, "resume", {"set": ["model.timeout_s=7.0"]})
        inbox.send(run, "resume", {"set": ['model.providers=["two"]']})
        yield

    run_briskly(
        run.path, observe=driven(script()), model_client_of=wrapped(lambda inner: Served(inner, calls)), stays=True
    )
    assert calls == [(60.0, 256), ("open", None), (7.0, 256), "close"]
    assert [(command.outcome, command.why) for command in found(run, CommandRecord)] == [
        ("done", ""),
        ("refused", "providers are changed when a runner starts: stop the run, then resume it with this setting"),
    ]


def test_settings_that_the_model_refuses_leave_the_run_paused(run: RunDir) -> None:
    calls: list[object] = []

    class Keyless(Served):
        def apply_settings(self, model: Model, reasoning: Reasoning) -> None:
            super().apply_settings(model, reasoning)
            if model.timeout_s == 7.0:
                raise UserError("MY_KEY is set nowhere.")

    def script() -> Script:
        yield
        inbox.send(run, "pause", {})
        yield from until("paused")
        inbox.send(run, "resume", {"set": ["model.timeout_s=7.0", "run.max_calls=1"]})
        yield
        status = yield from until("paused")
        assert status.why == "paused by command"
        inbox.send(run, "resume", {})

    model_client_of = wrapped(lambda inner: Keyless(inner, calls))
    assert run_briskly(run.path, observe=driven(script()), model_client_of=model_client_of, stays=True).state == "done"
    assert [call[0] for call in calls if isinstance(call, tuple)] == [60.0, "open", 7.0, 60.0, 60.0]
    assert [(command.what, command.outcome, command.why) for command in found(run, CommandRecord)] == [
        ("pause", "done", ""),
        ("resume", "refused", "MY_KEY is set nowhere"),
        ("resume", "done", ""),
    ]
    assert "set" not in found(run, CommandRecord)[2].args


def test_model_that_cannot_be_opened_leaves_the_run_as_it_was(run: RunDir, undisturbed: RunDir) -> None:
    calls: list[object] = []

    class Refused(Served):
        async def open(self, held: Endpoint | None) -> Endpoint | None:
            raise UserError("The server refuses the key.")

    with pytest.raises(UserError, match=r"^The server refuses the key\.$"):
        run_briskly(run.path, model_client_of=wrapped(lambda inner: Refused(inner, calls)))
    assert calls == [(60.0, 256), "close"]
    assert run.journal.read_bytes() == b""
    assert not run.status.exists()
    assert run_briskly(run.path).state == "done"
    assert trajectory(run) == trajectory(undisturbed)


def test_model_is_closed_when_a_run_fails(run: RunDir) -> None:
    calls: list[object] = []

    class Lost(Served):
        async def replies(self, seconds: float) -> list[Answered]:
            raise InterruptedError("lost")

    with pytest.raises(InterruptedError):
        run_briskly(run.path, model_client_of=wrapped(lambda inner: Lost(inner, calls)))
    assert calls[-1] == "close"
    assert found(run, StopRecord)[-1].state == "failed"


def test_model_opening_is_ended_by_a_signal(run: RunDir) -> None:
    calls: list[object] = []

    class Slow(Served):
        async def open(self, held: Endpoint | None) -> Endpoint | None:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
            return None

    outcome = run_briskly(run.path, model_client_of=wrapped(lambda inner: Slow(inner, calls)))
    assert (outcome.state, outcome.why, outcome.interrupted) == ("stopped", "interrupted", True)
    assert calls[-1] == "close"
    assert run.journal.read_bytes() == b""


def test_ask_here_asks_at_the_endpoint_of_the_run(run: RunDir) -> None:
    served(run)
    calls: list[object] = []
    ask_here(run.path, 3, model_client_of=wrapped(lambda inner: Served(inner, calls)))
    assert calls == [(60.0, 256), ("open", HERE), "close"]
    seconds = run_briskly(run.path).summary.seconds
    ask_here(run.path, 3, model_client_of=wrapped(lambda inner: Served(inner, calls, THERE)))
    assert [record.endpoint for record in found(run, EndpointRecord)] == [HERE, THERE]
    assert run_briskly(run.path).summary.seconds == seconds


# Without answers


def test_run_without_answers_stops_if_nobody_watches(run: RunDir, undisturbed: RunDir) -> None:
    failing = wrapped(lambda inner: Failing(inner, lambda count: 40 <= count <= 45))
    first = run_briskly(run.path, model_client_of=failing)
    assert (first.state, first.why) == ("stopped", "no. 40: the key is not accepted")
    answered = {answer["question"] for answer in lines(run, "answer")}
    assert len(answered) >= 39
    assert [stop.state for stop in found(run, StopRecord)] == ["stopped"]
    asked: list[str] = []
    assert run_briskly(run.path, model_client_of=wrapped(lambda inner: Counting(inner, asked))).state == "done"
    assert not answered & set(asked)
    assert trajectory(run) == trajectory(undisturbed)


def test_run_without_answers_pauses_once_if_somebody_watches(run: RunDir, undisturbed: RunDir) -> None:
    def script() -> Script:
        status = yield from until("paused")
        assert status.in_flight == 0
        assert status.why == "no. 40: the key is not accepted"
        inbox.send(run, "resume", {})

    outcome = run_briskly(
        run.path,
        observe=driven(script()),
        model_client_of=wrapped(lambda inner: Shuffled(Failing(inner, lambda count: 40 <= count < 43), Random(1))),
        stays=True,
    )
    assert outcome.state == "done"
    assert [stop.state for stop in found(run, StopRecord)] == ["paused", "done"]
    assert trajectory(run) == trajectory(undisturbed)


def test_reask_that_is_unavailable_pauses_nothing(run: RunDir, undisturbed: RunDir) -> None:
    class Selective(Served):
        async def replies(self, seconds: float) -> list[Answered]:
            came = await self.inner.replies(seconds)
            return [(asked, Unavailable("no money is left") if asked.fresh else reply) for asked, reply in came]

    def script() -> Script:
        yield
        inbox.send(run, "to", {"n": 50})
        yield from until("paused")
        inbox.send(run, "ask", {"item": lines(run, "answer")[-1]["item"]})
        yield
        inbox.send(run, "resume", {})

    model_client_of = wrapped(lambda inner: Selective(inner, []))
    outcome = run_briskly(run.path, observe=driven(script()), model_client_of=model_client_of, stays=True)
    assert outcome.state == "done"
    (reask,) = found(run, ReaskRecord)
    assert (reask.logprobs, reask.failed) == (None, "no money is left")
    assert len(found(run, StopRecord)) == 2
    assert trajectory(run) == trajectory(undisturbed)
    told, explanation = ask_here(run.path, 3, model_client_of=model_client_of)
    assert (told.failed, explanation) == ("no money is left", None)


def test_run_pauses_when_items_are_refused_alike(run: RunDir) -> None:
    outcome = run_briskly(run.path, model_client_of=wrapped(lambda inner: Refusing(inner, list(range(40)), [])))
    assert (outcome.state, outcome.why) == (
        "stopped",
        "8 items in a row were refused alike: the server refused the item: too long",
    )
    assert outcome.summary.calls_failed >= 8
    assert run_briskly(run.path).state == "done"


# Room and order


class Looking(Served):
    """Checks that the runner keeps to the concurrency limit, and sends the first question of a context alone."""

    def __init__(self, inner: ModelClient, concurrency_limit: int, warms: bool) -> None:
        super().__init__(inner, [])
        self.concurrency_limit, self.warms = concurrency_limit, warms
        self._in_flight: dict[str, int] = {}
        self._read: set[int] = set()

    def ask(self, asked: Query) -> None:
        if self.warms and asked.demonstrations and asked.demonstrations != "all" and asked.context_id not in self._read:
            assert asked.context_id not in self._in_flight.values()
        self._in_flight[asked.question] = asked.context_id
        assert len(self._in_flight) <= self.concurrency_limit
        super().ask(asked)

    async def replies(self, seconds: float) -> list[Answered]:
        given = await super().replies(seconds)
        for asked, _ in given:
            self._read.add(self._in_flight.pop(asked.question))
        return given


METHODS = {
    "standard": SETS,
    "lean": ["search.shots=6", "search.effort=lean"],
    "all": ["task.limit=16"],
    "calibrated": ["search.shots=4", "consistency.rule=none", "task.limit=24"],
    "paper": ["search.method=paper", "search.max_iters=25", "task.limit=16"],
    "fork": ["search.method=fork", "search.max_iters=25"],
}


@pytest.mark.parametrize("concurrency_limit", [1, 3, 1024])
@pytest.mark.parametrize("method", METHODS)
def test_concurrency_limit_and_warming_change_only_the_order(
    method: str, concurrency_limit: int, whole: Callable[[str], RunDir], tmp_path: Path
) -> None:
    run = make(tmp_path / "run", *METHODS[method])
    model_client_of = wrapped(
        lambda inner: Shuffled(Looking(inner, concurrency_limit, warms=True), Random(concurrency_limit))
    )
    assert run_briskly(run.path, model_client_of=model_client_of).state == "done"
    assert trajectory(run) == trajectory(whole(method))


# Money


class Paid(Served):
    """Answers cost up to `most`, explanations up to ten times that; both are known before if `priced`."""

    def __init__(self, inner: ModelClient, most: float, *, priced: bool = True, told: bool = True) -> None:
        super().__init__(inner, [])
        self._most = most
        self._priced = priced
        self._told = told
        self._random = Random(2)
        self.together = 0
        self._in_flight = 0

    def expected_cost(self, asked: Query) -> float | None:
        return self._most if self._priced else None

    def expected_explanation_cost(self, asked: Query) -> float | None:
        return 10 * self._most if self._priced else None

    def ask(self, asked: Query) -> None:
        self._in_flight += 1
        self.together = max(self.together, self._in_flight)
        super().ask(asked)

    async def replies(self, seconds: float) -> list[Answered]:
        given: list[Answered] = []
        for asked, reply in await super().replies(seconds):
            assert isinstance(reply, Reply)
            self._in_flight -= 1
            cost = self._most * self._random.random() if self._told else None
            given.append((asked, msgspec.structs.replace(reply, cost=cost)))
        return given

    async def explain(self, asked: Query, label: int | None) -> AsyncIterator[Piece]:
        yield Piece("so", cost=10 * self._most * self._random.random())


@pytest.mark.parametrize("budget", [0.0, 0.05, 0.5, 2.0])
def test_budget_holds_with_calls_in_flight_and_explanations(budget: float, tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS, f"run.budget_usd={budget}", "reasoning.every=3")
    outcome = run_briskly(run.path, model_client_of=wrapped(lambda inner: Paid(inner, 0.01)))
    assert outcome.state == "stopped"
    assert outcome.why == (
        f"run.budget_usd = {budget:g} would be passed by the next call; raise it with --set run.budget_usd=USD"
    )
    assert max(0.0, budget - 0.01) <= outcome.summary.cost_usd <= budget
    assert bool(found(run, ExplanationRecord)) == (budget > 1)


def test_budget_without_a_price_sends_the_first_call_alone(tmp_path: Path, undisturbed: RunDir) -> None:
    run = make(tmp_path / "run", *SETS, "run.budget_usd=1000")
    made: list[Paid] = []

    def wrap(inner: ModelClient) -> Paid:
        made.append(Paid(inner, 0.01, priced=False))
        return made[0]

    assert run_briskly(run.path, model_client_of=wrapped(wrap)).state == "done"
    assert made[0].together > 1
    assert [decision["changes"] for decision in lines(run, "decision")] == [
        decision["changes"] for decision in lines(undisturbed, "decision")
    ]


def test_budget_stops_a_run_of_unknown_cost_after_one_call(tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS, "run.budget_usd=1000")
    outcome = run_briskly(run.path, model_client_of=wrapped(lambda inner: Paid(inner, 0.01, priced=False, told=False)))
    assert outcome.why == (
        "the cost of a call is not known, so run.budget_usd cannot be kept: set model.price_in and model.price_out"
    )
    assert outcome.summary.calls == 1
    assert run_briskly(
        run.path, model_client_of=wrapped(lambda inner: Paid(inner, 0.01)), sets=["model.price_in=1"]
    ).state == ("done")


# The end of explanations


class Explaining(Served):
    """Explains by `say`, and waits for that at the end."""

    shutdown_grace = 600.0

    def __init__(self, inner: ModelClient, say: Callable[[], AsyncIterator[Piece]]) -> None:
        super().__init__(inner, [])
        self._say = say

    def explain(self, asked: Query, label: int | None) -> AsyncIterator[Piece]:
        return self._say()


async def slowly() -> AsyncIterator[Piece]:
    loop = asyncio.get_running_loop()
    for _ in range(3):
        passed = loop.create_future()
        loop.call_later(0.01, passed.set_result, None)
        await passed
        yield Piece("so")


def test_explanations_under_way_end_before_the_run_does(tmp_path: Path, undisturbed: RunDir) -> None:
    run = make(tmp_path / "run", *SETS, "reasoning.every=4")
    assert run_briskly(run.path, model_client_of=wrapped(lambda inner: Explaining(inner, slowly))).state == "done"
    assert {explanation.failed for explanation in found(run, ExplanationRecord)} == {None}
    assert trajectory(run) == trajectory(undisturbed)


def test_explanations_are_not_waited_for_after_signals(tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS, "reasoning.every=40")
    begun: list[int] = []

    async def hang() -> AsyncIterator[Piece]:
        yield Piece("well")
        if not begun:
            begun.append(1)
            for _ in range(2):
                asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    outcome = run_briskly(run.path, model_client_of=wrapped(lambda inner: Explaining(inner, hang)))
    assert (outcome.state, outcome.interrupted) == ("stopped", True)
    assert {explanation.failed for explanation in found(run, ExplanationRecord)} == {
        "the run ended before it was finished"
    }
