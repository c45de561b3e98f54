"""The states of a run and the events that lead from one to the next: one table, without input or output."""

from enum import Enum, StrEnum, auto


class State(StrEnum):
    """Where a run is. The status file shows a blocked run, whose journal the disk refuses, as paused or stopping."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    BLOCKED = "blocked"
    BLOCKED_PAUSED = "blocked and paused"
    BLOCKED_STOPPING = "blocked and stopping"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


class Event(Enum):
    """What happens to a run."""

    BEGIN = auto()  # the model can be asked
    PAUSE = auto()  # a person, a limit or a goal pauses it
    SETTLE = auto()  # the last reply in flight came, or none was in flight
    RESUME = auto()  # a person lets it go on, to the end or to a goal
    BLOCK = auto()  # the disk refuses the journal
    UNBLOCK = auto()  # the disk takes it again
    STOP = auto()  # a command or a signal, or a pause that nobody is there to lift
    LEAVE = auto()  # all is on disk, and the process may end
    FINISH = auto()  # every decision was taken, and all is on disk
    FAIL = auto()  # an error that the run cannot go on from


TRANSITIONS: dict[Event, dict[State, State]] = {
    # A signal may come in the instant in which the model is ready.
    Event.BEGIN: {State.STARTING: State.RUNNING, State.STOPPING: State.STOPPING},
    Event.PAUSE: {State.RUNNING: State.PAUSING, State.BLOCKED: State.BLOCKED_PAUSED},
    Event.SETTLE: {State.PAUSING: State.PAUSED},
    Event.RESUME: {
        State.RUNNING: State.RUNNING,
        State.PAUSING: State.RUNNING,
        State.PAUSED: State.RUNNING,
        State.BLOCKED: State.BLOCKED,
        State.BLOCKED_PAUSED: State.BLOCKED,
    },
    Event.BLOCK: {
        State.RUNNING: State.BLOCKED,
        State.PAUSING: State.BLOCKED_PAUSED,
        State.PAUSED: State.BLOCKED_PAUSED,
        State.STOPPING: State.BLOCKED_STOPPING,
        # It may be refused for another reason than before.
        State.BLOCKED: State.BLOCKED,
        State.BLOCKED_PAUSED: State.BLOCKED_PAUSED,
        State.BLOCKED_STOPPING: State.BLOCKED_STOPPING,
    },
    Event.UNBLOCK: {
        State.BLOCKED: State.RUNNING,
        State.BLOCKED_PAUSED: State.PAUSING,
        State.BLOCKED_STOPPING: State.STOPPING,
    },
    Event.STOP: {
        **dict.fromkeys((State.STARTING, State.RUNNING, State.PAUSING, State.PAUSED, State.STOPPING), State.STOPPING),
        **dict.fromkeys((State.BLOCKED, State.BLOCKED_PAUSED, State.BLOCKED_STOPPING), State.BLOCKED_STOPPING),
        # A signal may come after the end.
        State.STOPPED: State.STOPPED,
        State.DONE: State.DONE,
        State.FAILED: State.FAILED,
    },
    Event.LEAVE: {State.STOPPING: State.STOPPED},
    # A goal may be the last decision, and a signal may come after it.
    Event.FINISH: dict.fromkeys(
        (State.STARTING, State.RUNNING, State.PAUSING, State.PAUSED, State.STOPPING), State.DONE
    ),
    # Even after the end an error may come, of whoever watches the run.
    Event.FAIL: {state: State.FAILED for state in State if state not in (State.STARTING, State.FAILED)},
}

_SHOWN = {State.BLOCKED: "paused", State.BLOCKED_PAUSED: "paused", State.BLOCKED_STOPPING: "stopping"}
_LIFTS = {Event.RESUME: Event.PAUSE, Event.UNBLOCK: Event.BLOCK}
_REASONS = (Event.FAIL, Event.BLOCK, Event.STOP, Event.PAUSE)


class IllegalTransition(Exception):
    """The table has no such event in the state of the run: a bug of the runner."""


class Lifecycle:
    """A run's state now, and why it is not simply running."""

    def __init__(self) -> None:
        self.state = State.STARTING
        self._reasons: dict[Event, str] = {}

    def on(self, event: Event, why: str = "") -> None:
        """Go to the state that follows from an event; `why` is its reason in words. Raises IllegalTransition."""
        following = TRANSITIONS[event].get(self.state)
        if following is None:
            raise IllegalTransition(f"{event.name} when the run is {self.state.value}")
        self.state = following
        self._reasons.pop(_LIFTS.get(event, event), None)
        if why:
            self._reasons[event] = why

    @property
    def shown(self) -> str:
        """The state as the status file shows it."""
        return _SHOWN.get(self.state, self.state.value)

    @property
    def why(self) -> str:
        """The reason of the state; empty if it needs none."""
        if self.state is State.DONE:
            return ""
        return next((self._reasons[event] for event in _REASONS if event in self._reasons), "")

    @property
    def stop_reason(self) -> str:
        """Why the run was asked to stop; empty if it was not."""
        return self._reasons.get(Event.STOP, "")

    @property
    def is_running(self) -> bool:
        """Whether questions may be sent and decisions taken."""
        return self.state is State.RUNNING

    @property
    def is_blocked(self) -> bool:
        """Whether the disk refuses the journal."""
        return self.state in (State.BLOCKED, State.BLOCKED_PAUSED, State.BLOCKED_STOPPING)

    @property
    def is_stopping(self) -> bool:
        """Whether the run was asked to stop and still has something to keep."""
        return self.state in (State.STOPPING, State.BLOCKED_STOPPING)

    @property
    def is_paused(self) -> bool:
        """Whether the run goes on only if a person lets it."""
        return self.state in (State.PAUSING, State.PAUSED, State.BLOCKED_PAUSED)
