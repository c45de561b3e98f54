"""The throttle and the throughput, alone and in a run whose clock only waiting moves on."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.models.client import ModelClient
from icm_tui.run_dir import inbox
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.status import Status
from icm_tui.runner.runner import Tuning
from icm_tui.runner.session import run_here
from icm_tui.runner.speed import PORTION_EVERY, Throttle, Throughput, read_seconds
from tests.runner.made import Answered, Script, Wrapped, driven, lines, make, trajectory, until, wrapped

SETS = ("search.shots=8",)


@given(seconds=st.floats(0.2, 1000), decisions=st.integers(1, 5000), begin=st.floats(0, 0.9))
def test_throttle_spreads_decisions_evenly(seconds: float, decisions: int, begin: float) -> None:
    throttle = Throttle()
    throttle.set(seconds)
    first = n = int(begin * decisions)
    step = max(1.2 * PORTION_EVERY, seconds / 200)
    for turn in range(math.ceil(seconds / step) + 2):
        now = 5.0 + turn * step
        throttle.note(now, n, decisions, running=True)
        while n < decisions and not throttle.holds(n):
            n += 1
        due = first + (decisions - first) * min(1.0, turn * step / seconds)
        assert abs(n - due) <= 1 + 1e-3
    assert n == decisions


def test_throttle_counts_no_time_in_pauses() -> None:
    throttle = Throttle()
    throttle.set(10.0)
    throttle.note(0.0, 0, 100, running=True)
    throttle.note(1.0, 0, 100, running=True)
    assert [throttle.holds(n) for n in (9, 10)] == [False, True]
    throttle.note(2.0, 10, 100, running=False)
    throttle.note(500.0, 10, 100, running=False)
    throttle.note(501.0, 10, 100, running=True)
    assert throttle.holds(10)
    throttle.note(502.0, 10, 100, running=True)
    assert [throttle.holds(n) for n in (19, 20)] == [False, True]


def test_throttle_does_not_pile_portions_up() -> None:
    throttle = Throttle()
    throttle.set(10.0)
    for second in range(6):
        throttle.note(float(second), 0, 100, running=True)
    assert [throttle.holds(n) for n in (16, 17)] == [False, True]


def test_throttle_follows_a_changed_number_of_decisions() -> None:
    throttle = Throttle()
    throttle.set(10.0)
    throttle.note(0.0, 0, 100, running=True)
    throttle.note(5.0, 0, 100, running=True)
    throttle.note(6.0, 50, 60, running=True)
    assert [throttle.holds(n) for n in (51, 52)] == [False, True]
    throttle.note(11.0, 60, 60, running=True)
    throttle.note(12.0, 60, 70, running=True)
    assert not throttle.holds(69)


def test_throttle_without_a_time_holds_nothing() -> None:
    throttle = Throttle()
    throttle.note(0.0, 0, 100, running=True)
    assert not throttle.holds(0)
    throttle.set(10.0)
    assert throttle.holds(0)
    assert throttle.until_next(3.0) == PORTION_EVERY
    throttle.note(3.0, 0, 100, running=True)
    assert throttle.until_next(3.0 + PORTION_EVERY) == 0.0
    throttle.set(None)
    assert not throttle.holds(0)


@pytest.mark.parametrize("seconds", [0, -1, True, "20", [20], math.inf, math.nan, 10**400])
def test_read_seconds_refuses_what_is_no_time(seconds: object) -> None:
    with pytest.raises(ValueError, match=r"^it names no time; give a number of seconds above 0 as seconds, or none$"):
        read_seconds({"seconds": seconds})


def test_read_seconds_gives_none_to_take_the_throttle_off() -> None:
    assert read_seconds({}) is None
    assert read_seconds({"seconds": None}) is None
    assert read_seconds({"seconds": 20}) == 20.0


# The throughput


def test_throughput_is_that_of_the_last_while_of_running() -> None:
    throughput = Throughput()
    assert throughput.rate is None
    for second in range(100):
        throughput.note(float(second), second * (1 if second < 50 else 10), running=True)
    assert throughput.rate == 10.0


def test_throughput_is_unknown_for_half_a_second() -> None:
    throughput = Throughput()
    throughput.note(0.0, 0, running=True)
    throughput.note(0.4, 100, running=True)
    assert throughput.rate is None


def test_throughput_does_not_count_pauses() -> None:
    throughput = Throughput()
    throughput.note(0.0, 0, running=True)
    throughput.note(1.0, 10, running=True)
    throughput.note(2.0, 10, running=False)
    assert throughput.rate is None
    throughput.note(100.0, 10, running=True)
    throughput.note(102.0, 30, running=True)
    assert throughput.rate == 10.0


# A runner


class Clock:
    """Seconds that pass while the runner waits for replies, and at no other time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.tuning = Tuning(monotonic=lambda: self.now, clock=lambda: self.now)


class Waited(Wrapped):
    """Waiting takes no time but that of the clock."""

    def __init__(self, inner: ModelClient, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock

    async def replies(self, seconds: float) -> list[Answered]:
        given = await self.inner.replies(0.0)
        if not given:
            self._clock.now += seconds
        return given


@pytest.mark.parametrize("sets", [SETS, ("search.shots=all",), ("search.method=fork", "search.max_iters=300")])
def test_throttled_run_takes_its_time_and_ends_the_same(
    sets: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("paced")
    plain, run = make(folder / "plain", *sets), make(folder / "run", *sets)
    run_here(plain.path)
    clock = Clock()
    seen: list[Status] = []
    inbox.send(run, "throttle", {"seconds": 20})
    model_client_of = wrapped(lambda inner: Waited(inner, clock))
    outcome = run_here(run.path, observe=seen.append, model_client_of=model_client_of, tuning=clock.tuning)
    assert outcome.state == "done"
    assert trajectory(run) == trajectory(plain)
    assert 20 <= clock.now - 100.0 <= 21
    assert {status.throttle_seconds for status in seen[1:]} == {20.0}
    steady = [status for status in seen if status.state == "running" and status.t >= 101]
    assert len(steady) >= 18
    rate = outcome.summary.decisions / 20
    for one, other in pairwise(steady):
        assert abs((other.decision - one.decision) - rate * (other.t - one.t)) <= 0.1 * rate + 2


def test_throttle_can_be_taken_off_and_holds_no_step(run: RunDir) -> None:
    clock = Clock()

    def script(run: RunDir) -> Script:
        yield
        inbox.send(run, "throttle", {"seconds": 0})
        inbox.send(run, "throttle", {})
        inbox.send(run, "throttle", {"seconds": 1e6})
        inbox.send(run, "pause", {})
        status = yield from until("paused")
        assert status.throttle_seconds == 1e6
        before = status.decision
        inbox.send(run, "step", {})
        status = yield from until("running")
        status = yield from until("paused")
        assert status.decision == before + 1
        inbox.send(run, "skip", {})
        yield from until("running")
        status = yield from until("paused")
        assert status.decision == before + 2
        inbox.send(run, "throttle", {"seconds": None})
        inbox.send(run, "resume", {})
        status = yield from until("running")
        assert status.throttle_seconds is None

    outcome = run_here(
        run.path,
        observe=driven(script(run)),
        model_client_of=wrapped(lambda inner: Waited(inner, clock)),
        stays=True,
        tuning=clock.tuning,
    )
    assert outcome.state == "done"
    assert clock.now < 1000
    assert [(line["outcome"], line["why"]) for line in lines(run, "command") if line["what"] == "throttle"] == [
        ("refused", "it names no time; give a number of seconds above 0 as seconds, or none"),
        ("no change", "nothing holds the run back"),
        ("done", ""),
        ("done", ""),
    ]
