"""The table of states: what leads where, what is forbidden, and what the status file may show."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.status import ENDED, LIVE, read_status
from icm_tui.runner.states import TRANSITIONS, Event, IllegalTransition, Lifecycle, State
from tests.runner.made import TELLING, run_briskly

SETS = ("search.shots=4", "task.limit=16")
WORDS = {*LIVE, *ENDED}


def reached(events: list[Event]) -> Lifecycle:
    """The state after those of the events that the table allows."""
    lifecycle = Lifecycle()
    for event in events:
        if lifecycle.state in TRANSITIONS[event]:
            lifecycle.on(event, f"by {event.name}")
    return lifecycle


def shortest_ways() -> dict[State, list[Event]]:
    """How each state that can be reached is reached by the fewest events."""
    ways: dict[State, list[Event]] = {State.STARTING: []}
    for state in (order := [State.STARTING]):
        for event, followings in TRANSITIONS.items():
            following = followings.get(state, state)
            if following not in ways:
                ways[following] = [*ways[state], event]
                order.append(following)
    return ways


def test_states_are_all_reachable() -> None:
    ways = shortest_ways()
    assert set(ways) == set(State)
    assert set(TRANSITIONS) == set(Event)
    for state, way in ways.items():
        assert reached(way).state is state


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)), ids=str)
def test_states_follow_the_table_or_raise(state: State, event: Event) -> None:
    lifecycle = reached(shortest_ways()[state])
    following = TRANSITIONS[event].get(state)
    if following is None:
        with pytest.raises(IllegalTransition, match=rf"^{event.name} when the run is {state.value}$"):
            lifecycle.on(event)
        assert lifecycle.state is state
    else:
        lifecycle.on(event)
        assert lifecycle.state is following


def test_states_can_all_come_to_an_end() -> None:
    ends = {State.STOPPED, State.DONE, State.FAILED}
    for event, followings in TRANSITIONS.items():
        assert all(following in ends for state, following in followings.items() if state in ends), event
    assert set(TRANSITIONS[Event.STOP]) == set(State)


def test_states_shown_are_those_of_the_status_file() -> None:
    assert {reached(way).shown for way in shortest_ways().values()} == WORDS


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_states_give_the_reason_that_holds(events: list[Event]) -> None:
    lifecycle = reached(events)
    assert lifecycle.shown in WORDS
    expected = {
        State.PAUSING: "by PAUSE",
        State.PAUSED: "by PAUSE",
        State.STOPPING: "by STOP",
        State.STOPPED: "by STOP",
        State.FAILED: "by FAIL",
    }
    blocked = "by BLOCK" if lifecycle.is_blocked else ""
    assert lifecycle.why == expected.get(lifecycle.state, blocked)
    assert lifecycle.is_paused == (lifecycle.state in (State.PAUSING, State.PAUSED, State.BLOCKED_PAUSED))
    assert lifecycle.is_running == (lifecycle.state is State.RUNNING)


def test_states_are_the_only_ones_in_the_status_file(run: RunDir) -> None:
    seen: list[str] = []
    assert run_briskly(run.path, observe=lambda status: seen.append(status.state), tuning=TELLING).state == "done"
    steps = {(before, after) for followings in TRANSITIONS.values() for before, after in followings.items()}
    assert all(before == after or (before, after) in steps for before, after in pairwise(seen))
    status = read_status(run)
    assert status is not None
    assert status.state == seen[-1] == "done"
