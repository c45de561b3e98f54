"""Commands through the inbox, sent to a runner at work from its own statuses: no clock, no waiting."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.run_dir import inbox
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import CommandRecord, DecisionRecord, StopRecord
from icm_tui.run_dir.status import Status, read_status
from icm_tui.runner.runner import Tuning
from icm_tui.runner.session import Outcome, run_here
from tests.runner.made import (
    BRISK,
    Priced,
    Script,
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


class Played:
    """A run driven by a script, the questions it asked and the statuses it gave."""

    def __init__(
        self,
        run: RunDir,
        script: Callable[[RunDir, list[str]], Script],
        sets: list[str] | None = None,
        *,
        stays: bool = True,
        tuning: Tuning = BRISK,
    ):
        self.asked: list[str] = []
        self.statuses: list[Status] = []
        observe = driven(script(run, self.asked))

        def seen(status: Status) -> None:
            self.statuses.append(status)
            observe(status)

        self.outcome: Outcome = run_here(
            run.path, observe=seen, model_client_of=counted(self.asked), sets=sets, stays=stays, tuning=tuning
        )

    @property
    def states(self) -> list[str]:
        """The states in turn, without repeats."""
        states = [status.state for status in self.statuses]
        return [state for place, state in enumerate(states) if place == 0 or state != states[place - 1]]


def commands(run: RunDir) -> list[tuple[str, str, str]]:
    """What came of every command."""
    found = (record for record in records(run) if isinstance(record, CommandRecord))
    return [(record.what, record.outcome, record.why) for record in found]


def turns_go_by(run: RunDir, count: int = 3) -> Script:
    """Let the runner go through its loop: it writes its status whenever it obeyed or refused a command."""
    for _ in range(count):
        inbox.send(run, "knock", {})
        yield


def paused_at(run: RunDir, n: int) -> Script:
    """Go on to just before decision n."""
    inbox.send(run, "to", {"n": n - 1})
    status = yield from until("paused")
    assert status.decision == n


def test_pause_keeps_replies_in_flight_then_nothing_moves(run: RunDir, undisturbed: RunDir) -> None:
    at_rest: list[tuple[int, int, int]] = []

    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, 30)
        inbox.send(run, "resume", {})
        yield from turns_go_by(run)
        inbox.send(run, "pause", {})
        status = yield from until("pausing")
        assert status.in_flight > 0
        assert status.why == "paused by command"
        status = yield from until("paused")
        for _ in range(3):
            at_rest.append((status.decision, len(asked), len(lines(run, "answer"))))
            yield from turns_go_by(run)
            status = read_status(run)
            assert status is not None
        inbox.send(run, "resume", {})

    played = Played(run, script)
    assert len(set(at_rest)) == 1
    decisions, asked, answers = at_rest[0]
    assert 0 < decisions < played.outcome.summary.decisions
    assert answers == asked
    assert played.states[-5:] == ["running", "pausing", "paused", "running", "done"]
    assert trajectory(run) == trajectory(undisturbed)


def test_step_takes_one_decision_and_asks_only_for_it(run: RunDir, undisturbed: RunDir) -> None:
    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        for n in range(1, 26):
            if n == 1:
                yield from paused_at(run, n)
            count = len(asked)
            inbox.send(run, "step", {})
            status = yield from until("paused")
            assert status.decision == n + 1
            assert status.why == f"paused before decision {n + 1}"
            new = asked[count:]
            # A question's name tells which decision it is asked for.
            assert {question.split("/")[2] for question in new} <= {str(n)}
            assert len(lines(run, "answer")) == len(asked)
        inbox.send(run, "resume", {})

    assert Played(run, script).outcome.state == "done"
    assert trajectory(run) == trajectory(undisturbed)


def test_step_adds_up_when_sent_several_times(run: RunDir, undisturbed: RunDir) -> None:
    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, 30)
        for _ in range(3):
            inbox.send(run, "step", {})
        status = yield from until("paused")
        assert status.decision == 33
        inbox.send(run, "resume", {})

    assert Played(run, script).outcome.state == "done"
    assert trajectory(run) == trajectory(undisturbed)


def test_to_goes_as_far_as_the_decision_named(run: RunDir, undisturbed: RunDir) -> None:
    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        inbox.send(run, "to", {"n": 60})
        status = yield from until("paused")
        assert (status.decision, status.why) == (61, "paused before decision 61")
        inbox.send(run, "to", {"n": 60})
        yield
        inbox.send(run, "to", {"n": "soon"})
        yield
        inbox.send(run, "to", {"n": 10**6})

    assert Played(run, script).outcome.state == "done"
    assert commands(run) == [
        ("to", "done", ""),
        ("to", "no change", "decision 60 was taken already"),
        ("to", "refused", "it names no decision; give the number of one as n"),
        ("to", "done", ""),
    ]
    assert trajectory(run) == trajectory(undisturbed)


def test_resume_lifts_the_goal_of_a_to(run: RunDir) -> None:
    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        inbox.send(run, "to", {"n": 60})
        yield
        inbox.send(run, "resume", {})

    played = Played(run, script)
    assert played.outcome.state == "done"
    assert "paused" not in played.states
    assert commands(run) == [("to", "done", ""), ("resume", "done", "")]


def first_change(run: RunDir) -> int:
    """The number of a decision of the sweeps that changes a label."""
    found = (record for record in records(run) if isinstance(record, DecisionRecord))
    return next(record.n for record in found if record.phase == "sweeps" and record.changes)


def test_skip_leaves_the_labels_as_they_were(run: RunDir, undisturbed: RunDir) -> None:
    n = first_change(undisturbed)

    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, n)
        inbox.send(run, "skip", {})
        status = yield from until("paused")
        assert status.decision == n + 1
        inbox.send(run, "resume", {})

    assert Played(run, script).outcome.state == "done"
    mine, others = lines(run, "decision"), lines(undisturbed, "decision")
    assert mine[:n] == others[:n]
    assert mine[n] == others[n] | {"changes": [], "overridden": True, "score": mine[n]["score"]}
    assert not any(decision["overridden"] for decision in mine[n + 1 :])
    assert ("skip", "done", "") in commands(run)


def test_skip_outlives_the_runner_that_obeyed_it(run: RunDir, undisturbed: RunDir, tmp_path: Path) -> None:
    n = first_change(undisturbed)

    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, n)
        inbox.send(run, "skip", {})
        yield from until("paused")
        inbox.send(run, "resume", {})

    Played(run, script)
    data = run.journal.read_bytes()
    obeyed = data.index(b"\n", data.index(b'"what":"skip"')) + 1
    killed = make(tmp_path / "killed", *SETS)
    killed.journal.write_bytes(data[:obeyed])
    assert run_briskly(killed.path).state == "done"
    assert trajectory(killed) == trajectory(run)


def test_skip_is_refused_for_a_decision_taken_meanwhile(run: RunDir, undisturbed: RunDir) -> None:
    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, 30)
        taken = [record.seq for record in records(run) if isinstance(record, DecisionRecord)]
        inbox.send(run, "skip", {}, seen_seq=taken[-1] - 1)
        yield
        inbox.send(run, "resume", {})

    Played(run, script)
    refused = ("skip", "refused", "the decision that was on the screen has been taken meanwhile")
    assert refused in commands(run)
    assert trajectory(run) == trajectory(undisturbed)


def test_stop_ends_cleanly_and_a_resume_comes_to_the_same(run: RunDir, undisturbed: RunDir) -> None:
    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, 50)
        inbox.send(run, "resume", {})
        yield from turns_go_by(run)
        inbox.send(run, "stop", {})
        yield from until("stopping")
        inbox.send(run, "step", {})

    stopped = Played(run, script)
    assert (stopped.outcome.state, stopped.outcome.interrupted) == ("stopped", False)
    last = records(run)[-1]
    assert isinstance(last, StopRecord)
    assert (last.state, last.why) == ("stopped", "stopped by command")
    status = read_status(run)
    assert status is not None
    assert (status.state, status.why, status.in_flight) == ("stopped", "stopped by command", 0)
    assert len(lines(run, "answer")) == len(stopped.asked)
    assert ("step", "refused", "the run is ending") in commands(run)

    asked: list[str] = []
    assert run_briskly(run.path, model_client_of=counted(asked)).state == "done"
    assert not set(asked) & set(stopped.asked)
    assert trajectory(run) == trajectory(undisturbed)
    assert final_labels(run.path) == final_labels(undisturbed.path)


def test_command_that_comes_up_twice_is_obeyed_once(run: RunDir, undisturbed: RunDir) -> None:
    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, 20)
        name = inbox.send(run, "step", {})
        file = run.inbox / f"{name}.json"
        sent = file.read_bytes()
        yield from until("paused")
        while file.exists():
            yield from turns_go_by(run, 1)
        file.write_bytes(sent)
        status = yield
        assert status.decision == 21
        inbox.send(run, "stop", {})

    Played(run, script)
    assert [(outcome, why) for what, outcome, why in commands(run) if what == "step"] == [
        ("done", ""),
        ("no change", "it was obeyed before"),
    ]
    # The next runner knows it too.
    name = next(r.id for r in records(run) if isinstance(r, CommandRecord) and r.what == "step")

    def again(run: RunDir, asked: list[str]) -> Script:
        yield
        (run.inbox / f"{name}.json").write_bytes(json.dumps({"id": name, "what": "step"}).encode())

    assert Played(run, again).outcome.state == "done"
    assert commands(run)[-1] == ("step", "no change", "it was obeyed before")
    assert trajectory(run) == trajectory(undisturbed)


def test_inbox_refuses_junk_and_the_run_goes_on(run: RunDir, undisturbed: RunDir) -> None:
    junk: dict[str, bytes] = {
        "a.json": b"not json",
        "b.json": b'{"id":"other","what":"stop"}',
        "c.txt": b"{}",
        "d.json": b'{"id":"d"}',
    }

    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        for name, content in junk.items():
            (run.inbox / name).write_bytes(content)
        (run.inbox / "e.json").mkdir()
        inbox.send(run, "dance", {"n": 3})

    assert Played(run, script).outcome.state == "done"
    found = {record.id: (record.outcome, record.why) for record in records(run) if isinstance(record, CommandRecord)}
    named = {name: found[name] for name in (*junk, "e.json")}
    assert {outcome for outcome, _ in named.values()} == {"refused"}
    assert all(why.startswith("it is not ") or "its id is not" in why for _, why in named.values())
    assert ("dance", "refused", "this version knows no command 'dance'") in commands(run)
    assert [path.name for path in run.inbox.iterdir() if not path.name.startswith(".")] == []
    assert trajectory(run) == trajectory(undisturbed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**6) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
whats = st.sampled_from(("pause", "resume", "step", "to", "skip", "stop", "pin", "throttle", "")) | st.text(max_size=8)
arguments = st.dictionaries(st.sampled_from(("n", "set", "item", "label", "note", "x")), json_values, max_size=2)


@given(sent=st.lists(st.tuples(whats, arguments, st.none() | st.integers(-5, 500)), max_size=8))
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_commands_of_any_kind_break_no_run(
    sent: list[tuple[str, dict[str, Any], int | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = make(tmp_path_factory.mktemp("any") / "run", "search.shots=4", "task.limit=12", "search.sweeps=1")

    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        for what, args, seen in sent:
            inbox.send(run, what, args, seen)
        while True:
            status = yield
            if status.state == "paused":
                inbox.send(run, "resume", {})

    played = Played(run, script)
    obeyed = [what for what, _, _ in commands(run) if what != "resume"]
    assert obeyed == [what for what, _, _ in sent if what != "resume"]
    if played.outcome.state == "stopped":
        played = Played(run, lambda run, asked: until("never"))
    assert played.outcome.state == "done"
    assert [final.label for final in final_labels(run.path)].count(None) == 12 - played.outcome.summary.labelled


# Settings that a run may change


def test_resume_changes_only_settings_that_decide_nothing(run: RunDir, undisturbed: RunDir) -> None:
    in_flight: list[int] = []

    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, 20)
        for args in ({"set": ["search.shots=4"]}, {"set": ["run.max_calls=many"]}, {"set": "run.max_calls=5"}):
            inbox.send(run, "resume", args)
            status = yield
            assert status.state == "paused"
        assert status.in_flight == 0
        inbox.send(run, "resume", {"set": ["model.concurrency=3"]})
        for _ in range(4):
            yield
            inbox.send(run, "knock", {})
            in_flight.append((yield).in_flight)

    played = Played(run, script)
    assert played.outcome.state == "done"
    whys = [why for what, outcome, why in commands(run) if (what, outcome) == ("resume", "refused")]
    assert whys[0].startswith("search.shots cannot be changed while a run is under way; only run.budget_usd, ")
    assert whys[0].endswith("Start a new run for anything else.")
    assert "run.max_calls" in whys[1]
    assert whys[2] == "its settings are not a list of texts such as run.max_calls=500"
    assert max(in_flight) == 2  # one of three is answered by the time the runner tells
    assert trajectory(run) == trajectory(undisturbed)


def test_settings_that_are_refused_leave_the_run_as_it_was(run: RunDir) -> None:
    with pytest.raises(UserError, match=r"^search\.shots cannot be changed while a run is under way; only "):
        run_briskly(run.path, sets=["search.shots=4"])
    with pytest.raises(UserError, match=r"run\.max_calls"):
        run_briskly(run.path, sets=["run.max_calls=-1"])
    assert not run.journal.exists()


def stop_when_paused(run: RunDir, asked: list[str]) -> Script:
    yield from until("paused")
    inbox.send(run, "stop", {})


def only_watch(run: RunDir, asked: list[str]) -> Script:
    yield from until("stopped")


def at_the_limit(limit: int) -> str:
    return f"run.max_calls = {limit} is reached; raise it with --set run.max_calls=CALLS"


def test_max_calls_is_never_passed_and_can_be_raised(tmp_path: Path, undisturbed: RunDir) -> None:
    run = make(tmp_path / "limited", *SETS, "run.max_calls=30")
    asked = []
    for sets, limit in (([], 30), (["run.max_calls=65"], 65), ([], 65)):
        played = Played(run, stop_when_paused, sets)
        asked += played.asked
        assert played.outcome.state == "stopped"
        assert len(asked) == len(lines(run, "answer")) == limit
        assert "pausing" not in played.states
        assert next(status.why for status in played.statuses if status.state == "paused") == at_the_limit(limit)

    def lift(run: RunDir, asked: list[str]) -> Script:
        yield from until("paused")
        inbox.send(run, "resume", {"set": ["run.max_calls=100000"]})

    assert Played(run, lift).outcome.state == "done"
    assert trajectory(run) == trajectory(undisturbed)


def test_max_calls_stops_a_run_that_nobody_watches(tmp_path: Path, undisturbed: RunDir) -> None:
    run = make(tmp_path / "limited", *SETS, "run.max_calls=30")
    played = Played(run, only_watch, stays=False)
    assert (played.outcome.state, played.outcome.why) == ("stopped", at_the_limit(30))
    assert "paused" not in played.states
    assert len(played.asked) == len(lines(run, "answer")) == 30
    assert run_briskly(run.path, sets=["run.max_calls=100000"]).state == "done"
    assert trajectory(run) == trajectory(undisturbed)


def test_budget_is_never_passed(tmp_path: Path) -> None:
    run = make(tmp_path / "dear", *SETS, "run.budget_usd=0.5")
    model_client_of = wrapped(lambda inner: Priced(inner, 0.01))
    short = run_briskly(run.path, model_client_of=model_client_of)
    assert short.state == "stopped"
    assert short.why == "run.budget_usd = 0.5 would be passed by the next call; raise it with --set run.budget_usd=USD"
    assert short.summary.calls == 50
    done = run_briskly(run.path, model_client_of=model_client_of, sets=["run.budget_usd=1000"]).summary
    assert done.cost_usd == pytest.approx(done.calls * 0.01)
    assert [done.tokens_in, done.tokens_out, done.tokens_cached] == [done.calls * n for n in (100, 1, 50)]


class Clock:
    """Unix seconds that pass only as a test says, and by `tick` at every look."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now = 1000.0
        self._tick = tick

    def look(self) -> float:
        self.now += self._tick
        return self.now


def test_max_seconds_counts_all_runners(tmp_path: Path) -> None:
    run = make(tmp_path / "slow", *SETS, "run.max_seconds=8")
    tuning = Tuning(inbox_every=0.0, clock=Clock(tick=0.01).look)
    short = run_here(run.path, tuning=tuning)
    assert (short.state, short.why) == (
        "stopped",
        "run.max_seconds = 8 would be passed by the next call; raise it with --set run.max_seconds=SECONDS",
    )
    assert 7.9 <= short.summary.seconds < 9
    asked: list[str] = []
    assert run_here(run.path, model_client_of=counted(asked), tuning=tuning).state == "stopped"
    assert asked == []
    assert run_here(run.path, sets=["run.max_seconds=100000"], tuning=tuning).summary.seconds > 9


def test_seconds_leave_out_the_time_in_pauses(run: RunDir) -> None:
    clock = Clock()

    def script(run: RunDir, asked: list[str]) -> Script:
        yield
        yield from paused_at(run, 20)
        clock.now += 500.0
        inbox.send(run, "step", {})
        yield from until("paused")
        clock.now += 3600.0
        inbox.send(run, "resume", {})
        yield from until("running")
        clock.now += 7.0

    tuning = Tuning(inbox_every=0.0, clock=clock.look)
    assert Played(run, script, tuning=tuning).outcome.summary.seconds == 7.0
