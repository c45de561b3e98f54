"""Explanations beside a run: they follow what was asked, change nothing, and hold nothing up."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from icm_tui.errors import RunFailed
from icm_tui.models.client import ModelClient, Piece, Query
from icm_tui.run_dir import inbox
from icm_tui.run_dir.labels import LastAsked, final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.reasoning import ReasoningPiece
from icm_tui.run_dir.records import (
    AnswerRecord,
    CommandRecord,
    ContextRecord,
    DecisionRecord,
    ErrorRecord,
    ExplanationRecord,
    ReaskRecord,
    StartRecord,
    StopRecord,
)
from icm_tui.run_dir.tally import Tally
from icm_tui.runner.runner import Tuning
from icm_tui.runner.session import Outcome, ask_here, run_here
from tests.runner.made import (
    Answered,
    Priced,
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

METHODS = {
    "standard": ["search.shots=8"],
    "all": ["task.limit=16"],
    "calibrated": ["search.shots=4", "consistency.rule=none", "task.limit=24"],
    "paper": ["search.method=paper", "search.max_iters=25", "task.limit=16"],
    "fork": ["search.method=fork", "search.max_iters=25"],
}
SETS = METHODS["standard"]


class Saying(Wrapped):
    """Explains as `say` does, keeps what it was to explain, and gives explanations `grace` seconds at the end."""

    def __init__(
        self, inner: ModelClient, say: Callable[[Query, int | None], AsyncIterator[Piece]], grace: float = 600.0
    ) -> None:
        super().__init__(inner)
        self._say = say
        self._grace = grace
        self.explained: list[Query] = []

    @property
    def shutdown_grace(self) -> float:
        return self._grace

    def explain(self, asked: Query, label: int | None) -> AsyncIterator[Piece]:
        self.explained.append(asked)
        return self._say(asked, label)


async def hang(asked: Query, label: int | None) -> AsyncIterator[Piece]:
    yield Piece("well")
    await asyncio.Event().wait()


async def fail(asked: Query, label: int | None) -> AsyncIterator[Piece]:
    yield Piece("well", reasoning=True)
    raise OSError("the line \ud800 dropped")


async def costly(asked: Query, label: int | None) -> AsyncIterator[Piece]:
    yield Piece("let me see", reasoning=True)
    await asyncio.sleep(0)
    yield Piece("so it is", tokens=7, cost=0.25)


async def nonsense(asked: Query, label: int | None) -> AsyncIterator[Piece]:
    yield Piece("so", cost=float("nan"))


class Mute(Wrapped):
    """Never answers a re-ask, and does not wait for one at the end."""

    shutdown_grace = 0.0

    def ask(self, asked: Query) -> None:
        if not asked.question.startswith("reask/"):
            super().ask(asked)


def pieces(run: RunDir) -> list[ReasoningPiece]:
    if not run.reasoning.exists():
        return []
    return [msgspec.json.decode(line, type=ReasoningPiece) for line in run.reasoning.read_bytes().splitlines()]


def explanations(run: RunDir) -> list[ExplanationRecord]:
    return [record for record in records(run) if isinstance(record, ExplanationRecord)]


def reasks(run: RunDir) -> list[ReaskRecord]:
    return [record for record in records(run) if isinstance(record, ReaskRecord)]


def asks(run: RunDir) -> list[CommandRecord]:
    return [record for record in records(run) if isinstance(record, CommandRecord) and record.what == "ask"]


def text_of(run: RunDir, call: int) -> str:
    return "".join(piece.text for piece in pieces(run) if piece.call == call)


def vote_in(text: str) -> tuple[str, float]:
    found = re.search(r"Vote for (\w+): ([+-]\d+\.\d\d) nats", text)
    assert found is not None
    return found[1], float(found[2])


def saying(
    run: RunDir, say: Callable[[Query, int | None], AsyncIterator[Piece]], grace: float = 600.0
) -> tuple[Outcome, Saying]:
    """Run to the end, with labels explained by `say`."""
    made: list[Saying] = []

    def wrap(inner: ModelClient) -> Saying:
        made.append(Saying(inner, say, grace))
        return made[0]

    return run_briskly(run.path, model_client_of=wrapped(wrap)), made[0]


@pytest.mark.parametrize("method", METHODS)
def test_explanations_change_no_decision(method: str, whole: Callable[[str], RunDir], tmp_path: Path) -> None:
    run = make(tmp_path / "run", *METHODS[method], "reasoning.every=2")
    outcome = run_briskly(run.path)
    assert outcome.state == "done"
    assert trajectory(run) == trajectory(whole(method))
    assert final_labels(run.path) == final_labels(whole(method).path)
    assert outcome.summary.calls == len(lines(whole(method), "answer"))
    assert len(explanations(run)) == outcome.summary.explanations > 0
    assert not whole(method).reasoning.exists()


def test_explanations_follow_the_last_answer_about_the_item(tmp_path: Path) -> None:
    """The vote in it is the log-odds of that answer, with a context of its own and with all shown."""
    for number, sets in enumerate((["search.shots=8"], ["task.limit=16"], ["search.shots=3", "search.effort=lean"])):
        run = make(tmp_path / str(number), *sets, "reasoning.every=3")
        run_briskly(run.path)
        chain_of, newest = dict[int, int](), dict[tuple[int, int], AnswerRecord]()
        decided: dict[int, tuple[int, AnswerRecord | None]] = {}
        with_items = []
        for record in records(run):
            if isinstance(record, ContextRecord) and record.phase != "label_bias":
                chain_of[record.id] = record.chain
            elif isinstance(record, AnswerRecord) and record.context_id in chain_of:
                key = chain_of[record.context_id], record.item
                if key not in newest or newest[key].context_id <= record.context_id:
                    newest[key] = record
            elif isinstance(record, DecisionRecord) and record.items:
                with_items.append(record.n)
                decided[record.n] = (record.items[0], newest.get((record.chain, record.items[0])))
        told = explanations(run)
        assert {explanation.n for explanation in told} <= set(with_items[2::3])
        assert len(told) > len(with_items) // 6
        for explanation in told:
            item, answer = decided[explanation.n]
            assert answer is not None
            assert (explanation.item, explanation.failed) == (item, None)
            name, vote = vote_in(text_of(run, explanation.call))
            assert name == "AB"[explanation.label or 0]
            assert answer.logprobs is not None
            odds = answer.logprobs[0] - answer.logprobs[1]
            assert vote == pytest.approx(-odds if explanation.label else odds, abs=0.0051)


def test_explanations_are_whole_in_their_file(tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS, "reasoning.every=1")
    run_briskly(run.path)
    told = explanations(run)
    assert [explanation.call for explanation in sorted(told, key=lambda explanation: explanation.call)] == list(
        range(len(told))
    )
    for explanation in told:
        of_call = [piece for piece in pieces(run) if piece.call == explanation.call]
        assert {(piece.item, piece.n) for piece in of_call} == {(explanation.item, explanation.n)}
        assert [piece.end for piece in of_call] == [False] * (len(of_call) - 1) + [True]
        assert {piece.speaker for piece in of_call} == {"embedded model (word patterns, no language model)"}


def test_explanations_of_a_throttled_run_hurry_at_its_end(tmp_path: Path, undisturbed: RunDir) -> None:
    # A piece an hour: the explanations of a throttled run would not end by themselves.
    tuning = Tuning(inbox_every=0.0, piece_every=3600.0)
    run = make(tmp_path / "run", *SETS, "reasoning.every=20")
    inbox.send(run, "throttle", {"seconds": 0.5})
    run_here(run.path, tuning=tuning)
    assert trajectory(run)[0] == trajectory(undisturbed)[0]
    ended = explanations(run)
    assert 1 <= len(ended) <= 2  # two at most are under way
    for explanation in ended:
        assert explanation.failed is None
        assert text_of(run, explanation.call).endswith("labelled items.")


def test_explanations_that_fail_are_only_journalled(undisturbed: RunDir, tmp_path: Path) -> None:
    for number, (say, why) in enumerate(((fail, r"the line \? dropped"), (nonsense, "its cost is said to be nan"))):
        run = make(tmp_path / str(number), *SETS, "reasoning.every=4")
        outcome, _ = saying(run, say)
        assert outcome.state == "done"
        assert trajectory(run) == trajectory(undisturbed)
        assert len(explanations(run)) > 10
        assert all(explanation.failed and re.fullmatch(why, explanation.failed) for explanation in explanations(run))
        assert outcome.summary.cost_usd == 0.0
        assert sum(piece.end for piece in pieces(run)) == len(explanations(run))


def test_explanations_that_hang_hold_nothing_up(run: RunDir, undisturbed: RunDir) -> None:
    profile = run.profile.read_text().replace("every = 0", "every = 4")
    assert "every = 4" in profile
    run.profile.write_text(profile)
    outcome, model_client = saying(run, hang, grace=0.0)
    assert outcome.state == "done"
    assert trajectory(run) == trajectory(undisturbed)
    assert len(model_client.explained) == 2
    assert [explanation.failed for explanation in explanations(run)] == ["the run ended before it was finished"] * 2
    assert [piece.text for piece in pieces(run)] == ["well", "well", "", ""]


def test_explanations_cost_budget_but_no_calls(undisturbed: RunDir, tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS, "reasoning.every=10", "run.budget_usd=1.0")
    outcome, model_client = saying(run, costly)
    assert outcome.state == "done"  # what explains is dropped, what decides costs nothing here
    told = explanations(run)
    assert {(explanation.tokens, explanation.cost) for explanation in told} == {(7, 0.25)}
    assert outcome.summary.cost_usd == 0.25 * len(told) == 1.0
    assert len(model_client.explained) == len(told)
    assert outcome.summary.tokens_out == 7 * len(told)
    assert outcome.summary.calls == len(lines(run, "answer"))
    said = [(piece.text, piece.reasoning) for piece in pieces(run) if piece.call == 0]
    assert said == [("let me see", True), ("so it is", False), ("", False)]
    assert trajectory(run) == trajectory(undisturbed)


def test_explanations_that_cannot_be_written_stop_nothing(run: RunDir, undisturbed: RunDir) -> None:
    run.reasoning.mkdir()
    assert run_briskly(run.path, sets=["reasoning.every=4"]).state == "done"
    assert trajectory(run) == trajectory(undisturbed)
    told = [record.what for record in records(run) if isinstance(record, ErrorRecord)]
    assert len(told) == 1
    assert "reasoning.jsonl cannot be written: is a directory" in told[0]


# Re-asking


def played(run: RunDir, script: Script, wrap: Callable[[ModelClient], ModelClient] = Wrapped) -> Outcome:
    return run_briskly(run.path, observe=driven(script), model_client_of=wrapped(wrap), stays=True)


def paused_at(run: RunDir, n: int) -> Script:
    yield
    inbox.send(run, "to", {"n": n - 1})
    status = yield from until("paused")
    assert status.decision == n


def until_said(run: RunDir, count: int) -> Script:
    """Let turns go by until so many explanations are journalled."""
    for _ in range(200):
        if len(explanations(run)) == count:
            return
        inbox.send(run, "knock", {})
        yield
    raise AssertionError(f"{len(explanations(run))} explanations came where {count} were asked for")


@pytest.mark.parametrize("method", METHODS)
def test_reask_is_answered_while_the_run_is_paused(method: str, whole: Callable[[str], RunDir], tmp_path: Path) -> None:
    run = make(tmp_path / "run", *METHODS[method])
    ids: list[str] = []

    def script() -> Script:
        yield from paused_at(run, 20)
        item = lines(run, "answer")[-1]["item"]
        for count in (1, 2):
            ids.append(inbox.send(run, "ask", {"item": item}))
            yield from until_said(run, count)
        inbox.send(run, "resume", {})

    outcome = played(run, script())
    assert outcome.state == "done"
    assert trajectory(run) == trajectory(whole(method))
    assert [command.outcome for command in asks(run)] == ["done", "done"]
    assert [(reask.command, reask.n, reask.call) for reask in reasks(run)] == [(ids[0], 20, 0), (ids[1], 20, 1)]
    first, second = reasks(run)
    assert first.logprobs == second.logprobs is not None
    assert [(explanation.item, explanation.n, explanation.label) for explanation in explanations(run)] == [
        (reask.item, 20, max((0, 1), key=lambda label: (reask.logprobs or [])[label])) for reask in reasks(run)
    ]
    name, vote = vote_in(text_of(run, 0))
    odds = first.logprobs[0] - first.logprobs[1]
    assert (name, vote) == ("AB"[odds < 0], pytest.approx(abs(odds), abs=0.0051))
    assert (outcome.summary.calls_reasked, outcome.summary.explanations) == (2, 2)
    assert outcome.summary.calls == len(lines(whole(method), "answer"))
    assert final_labels(run.path) == final_labels(whole(method).path)


def test_reask_with_the_same_context_answers_the_same(run: RunDir) -> None:
    def script() -> Script:
        yield from paused_at(run, 60)
        for count, item in enumerate((3, 4, 11), start=1):
            inbox.send(run, "ask", {"item": item})
            yield from until_said(run, count)
        inbox.send(run, "stop", {})

    played(run, script())
    answers = {(answer["context_id"], answer["item"]): answer["logprobs"] for answer in lines(run, "answer")}
    for reask in reasks(run):
        assert reask.logprobs == answers[reask.context_id, reask.item]


def test_reask_is_refused_with_the_reason(run: RunDir) -> None:
    def script() -> Script:
        yield from paused_at(run, 1)
        for args in ({}, {"item": True}, {"item": "3"}, {"item": 40}, {"item": -1}, {"item": 7}):
            inbox.send(run, "ask", args)
        yield
        inbox.send(run, "stop", {})

    played(run, script())
    assert [(command.outcome, command.why) for command in asks(run)] == [
        *[("refused", "it names no item; give the number of one as item")] * 3,
        ("refused", "there is no item 40; they are numbered from 0 to 39"),
        ("refused", "there is no item -1; they are numbered from 0 to 39"),
        ("refused", "item 7 has not been asked about yet, so there is no question to repeat"),
    ]
    assert reasks(run) == []
    assert not run.reasoning.exists()


def test_reasks_are_two_at_most_and_one_for_a_command(run: RunDir, undisturbed: RunDir) -> None:
    def script() -> Script:
        yield from paused_at(run, 60)
        for item in (3, 4, 11):
            inbox.send(run, "ask", {"item": item})
        yield from until_asked(3)
        inbox.send(run, "resume", {})

    def until_asked(count: int) -> Script:
        while len(asks(run)) < count:
            yield

    assert played(run, script(), lambda inner: Saying(inner, hang, grace=0.0)).state == "done"
    assert [command.outcome for command in asks(run)] == ["done", "done", "refused"]
    assert asks(run)[2].why == "2 items are being asked about already; wait for their answers"
    assert [explanation.failed for explanation in explanations(run)] == ["the run ended before it was finished"] * 2
    assert trajectory(run) == trajectory(undisturbed)


def test_reask_without_an_answer_is_journalled_at_the_end(run: RunDir, undisturbed: RunDir) -> None:
    def script() -> Script:
        yield from paused_at(run, 60)
        inbox.send(run, "ask", {"item": 3})
        yield
        inbox.send(run, "resume", {})

    assert played(run, script(), Mute).state == "done"
    (reask,) = reasks(run)
    assert (reask.item, reask.logprobs, reask.failed) == (3, None, "the run ended before it was finished")
    assert explanations(run) == []
    assert trajectory(run) == trajectory(undisturbed)


def test_reasks_change_nothing_in_any_order_of_answers(run: RunDir, undisturbed: RunDir) -> None:
    def script() -> Script:
        yield from paused_at(run, 50)
        inbox.send(run, "resume", {})
        for item in (1, 2, 5, 8):
            inbox.send(run, "ask", {"item": item})
            yield

    assert played(run, script(), lambda inner: Shuffled(inner, Random(5))).state == "done"
    assert trajectory(run) == trajectory(undisturbed)
    assert len(reasks(run)) == sum(command.outcome == "done" for command in asks(run)) > 0


def test_reask_is_refused_when_the_budget_is_used_up(tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS, "run.budget_usd=1")

    def script() -> Script:
        yield
        status = yield from until("paused")
        assert status.why.startswith("run.budget_usd = 1 would be passed")
        item = lines(run, "answer")[-1]["item"]
        inbox.send(run, "ask", {"item": item})
        yield from until("paused")
        inbox.send(run, "stop", {})

    played(run, script(), lambda inner: Priced(inner, 0.01))
    (command,) = asks(run)
    assert (command.outcome, command.why.split(" by ")[0]) == ("refused", "run.budget_usd = 1 would be passed")
    with pytest.raises(RunFailed, match=r"^ask: refused \(run\.budget_usd = 1 would be passed"):
        ask_here(run.path, command.args["item"])


# Re-asking without a runner


def stopped_at(run: RunDir, n: int) -> None:
    def script() -> Script:
        yield from paused_at(run, n)
        inbox.send(run, "stop", {})

    assert played(run, script()).state == "stopped"


@pytest.mark.parametrize("method", METHODS)
def test_ask_here_changes_nothing_of_a_stopped_run(method: str, whole: Callable[[str], RunDir], tmp_path: Path) -> None:
    run = make(tmp_path / "run", *METHODS[method])
    stopped_at(run, 20)
    before, status = run.journal.read_bytes(), run.status.read_bytes()
    found: list[ReasoningPiece] = []
    item = lines(run, "answer")[-1]["item"]
    reask, explanation = ask_here(run.path, item, observe=found.append)
    assert explanation is not None
    assert run.status.read_bytes() == status
    assert run.journal.read_bytes().startswith(before)
    assert records(run)[-2:] == [reask, explanation]
    assert found == pieces(run)
    assert vote_in("".join(piece.text for piece in found))[0] == "AB"[explanation.label or 0]
    assert (reask.n, reask.command) == (20, "")
    assert run_briskly(run.path).state == "done"
    assert trajectory(run) == trajectory(whole(method))
    assert final_labels(run.path) == final_labels(whole(method).path)


def test_ask_here_leaves_a_done_run_done(run: RunDir) -> None:
    outcome = run_briskly(run.path)
    status, labels = run.status.read_bytes(), final_labels(run.path)
    calls = [ask_here(run.path, item)[0].call for item in (0, 7, 7)]
    assert calls == [0, 1, 2]
    assert run.status.read_bytes() == status
    assert final_labels(run.path) == labels
    again = run_briskly(run.path)
    assert again.state == "done"
    assert again.summary == msgspec.structs.replace(outcome.summary, calls_reasked=3, explanations=3)
    assert [piece.end for piece in pieces(run)].count(True) == 3


def test_ask_here_refuses_an_item_never_asked(tmp_path: Path) -> None:
    run = make(tmp_path / "run", *SETS)
    for why, item in ((r"item 3 has not been asked about yet", 3), ("there is no item 99", 99)):
        with pytest.raises(RunFailed, match=rf"^ask: refused \({why}"):
            ask_here(run.path, item)
    assert not run.journal.exists()
    assert not run.reasoning.exists()


def test_ask_here_keeps_the_answer_if_its_explanation_breaks(run: RunDir) -> None:
    run_briskly(run.path)

    async def broken_off(asked: Query, label: int | None) -> AsyncIterator[Piece]:
        yield Piece("well")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_here(run.path, 3, model_client_of=wrapped(lambda inner: Saying(inner, broken_off)))
    assert len(reasks(run)) == 1
    assert [explanation.failed for explanation in explanations(run)] == ["interrupted"]
    assert run_briskly(run.path).state == "done"


def test_ask_here_explains_no_refused_item(run: RunDir) -> None:
    run_briskly(run.path)

    class RefusingAll(Wrapped):
        async def replies(self, seconds: float) -> list[Answered]:
            found = await super().replies(seconds)
            return [(asked, msgspec.structs.replace(reply, logprobs=None, failed="too long")) for asked, reply in found]

    reask, explanation = ask_here(run.path, 3, model_client_of=wrapped(RefusingAll))
    assert (reask.call, reask.failed, reask.logprobs, explanation) == (0, "too long", None, None)
    assert ask_here(run.path, 3)[0].call == 1


# What is counted


def at(t: float, record: StartRecord | StopRecord | ReaskRecord | ExplanationRecord) -> object:
    record.t = t
    return record


def test_tally_counts_no_time_for_asks_without_a_runner() -> None:
    tally = Tally()
    start = StartRecord(
        format=1, engine="", window=1, labels=[], items_digest="", profile_digest="", host="", pid=1, t=100.0
    )
    error = ErrorRecord(what="died after this", t=103.0)
    reask = ReaskRecord(
        logprobs=[-1.0, -0.5], item=1, context_id=0, n=0, call=0, tokens_in=20, tokens_out=1, cost=0.5, t=9000.0
    )
    explanation = ExplanationRecord(item=1, n=0, call=0, tokens=30, cost=1.5, t=9001.0)
    again = msgspec.structs.replace(start, t=10_000.0)
    stop = StopRecord(state="stopped", t=10_004.0)
    for record in (start, error, reask, explanation, again, stop):
        tally.add(record)
    assert tally.seconds == 7.0
    assert (tally.calls, tally.calls_reasked, tally.explanations) == (0, 1, 1)
    assert (tally.tokens_in, tally.tokens_out, tally.cost_usd) == (20, 31, 2.0)


def test_last_asked_is_the_newest_context() -> None:
    last = LastAsked()
    for number, phase, chain in ((0, "label_bias", 0), (1, "tournament", 0), (2, "tournament", 1), (3, "sweeps", 0)):
        last.add(ContextRecord(id=number, phase=phase, chain=chain, demonstrations=[]))
    assert last.context(0, 5) is None
    for context in (0, 3, 1, 2):
        last.add(AnswerRecord(question="", context_id=context, item=5, logprobs=None, failed="too long"))
    assert (last.context(0, 5), last.context(1, 5), last.context(0, 6), last.context(2, 5)) == (3, 2, None, None)
    last.add(AnswerRecord(question="", context_id=0, item=6, logprobs=None))
    assert last.context(0, 6) is None
    assert (last.context_anywhere(5), last.context_anywhere(6)) == (3, None)
