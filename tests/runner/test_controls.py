"""The table of commands: it has every kind, and no other place of the runner knows kinds."""

import ast
from pathlib import Path
from typing import Any

import pytest

from icm_tui import runner
from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.run_dir.inbox import KINDS, Command
from icm_tui.run_dir.records import CommandRecord, StopRecord
from icm_tui.runner.controls import COMMANDS, DONE, Answer, Controls, Orders, Place, may_relabel
from icm_tui.runner.states import Event, Lifecycle, State

HERE = Place(n=5, last_decision_seq=40)


class Steered:
    """Controls of a run that is running, and the commands that they handed on."""

    def __init__(self) -> None:
        self.handed_on: list[str] = []
        self.lifecycle = Lifecycle()
        self.lifecycle.on(Event.BEGIN)
        self.controls = Controls(
            Profile(task=TaskSection(dataset="leanings")),
            Orders(),
            self.lifecycle,
            pin=self._note,
            ask=self._note,
            apply=lambda profile: None,
        )

    def _note(self, command: Command) -> Answer:
        self.handed_on.append(command.what)
        return DONE

    def send(self, what: str, **args: Any) -> Answer:
        return self.controls.obey(Command(f"{what} {args} {self.lifecycle.state}", what, args), HERE)


def test_commands_are_those_of_the_inbox() -> None:
    assert tuple(COMMANDS) == KINDS


def test_commands_are_matched_in_no_other_module() -> None:
    for path in Path(runner.__path__[0]).glob("*.py"):
        if path.name == "controls.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare | ast.Match):
                looked_at = [node.subject] if isinstance(node, ast.Match) else [node.left, *node.comparators]
                assert not any(isinstance(part, ast.Attribute) and part.attr == "what" for part in looked_at), path


@pytest.mark.parametrize(
    ("what", "args", "state", "after"),
    [
        ("pause", {}, State.RUNNING, State.PAUSING),
        ("resume", {}, State.PAUSED, State.RUNNING),
        ("step", {}, State.PAUSED, State.RUNNING),
        ("to", {"n": 9}, State.PAUSED, State.RUNNING),
        ("skip", {}, State.PAUSED, State.RUNNING),
        ("skip", {}, State.RUNNING, State.RUNNING),
        ("stop", {}, State.PAUSED, State.STOPPING),
        ("throttle", {"seconds": 20}, State.PAUSED, State.PAUSED),
        ("pin", {}, State.PAUSED, State.PAUSED),
        ("ask", {}, State.PAUSED, State.PAUSED),
    ],
)
def test_commands_lead_to_their_state(what: str, args: dict[str, Any], state: State, after: State) -> None:
    steered = Steered()
    if state is State.PAUSED:
        steered.controls.pause("for the test")
        steered.lifecycle.on(Event.SETTLE)
    answer = steered.send(what, **args)
    assert (answer.outcome, steered.lifecycle.state) == ("done", after)
    assert steered.handed_on == [what] * (what in ("pin", "ask"))
    assert [type(record) for record in answer.then] == [StopRecord] * (what == "pause")
    assert may_relabel(Command("", what)) == (what == "pin")


@pytest.mark.parametrize("what", KINDS)
def test_commands_are_refused_once_the_run_is_stopping(what: str) -> None:
    steered = Steered()
    steered.lifecycle.on(Event.STOP, "for the test")
    assert steered.send(what) == Answer("refused", "the run is ending")
    assert steered.handed_on == []


def test_orders_keep_what_outlives_a_runner() -> None:
    orders, names = Orders(), ["A", "B"]
    sent: list[tuple[str, dict[str, Any], str]] = [
        ("resume", {"set": ["run.max_calls=5"]}, "done"),
        ("resume", {"set": ["run.max_calls=6"]}, "refused"),
        ("pin", {"item": 3, "label": "B"}, "done"),
        ("pin", {"item": 4, "label": "A"}, "done"),
        ("pin", {"item": 4, "label": None}, "done"),
        ("pin", {"item": 5, "label": "A"}, "no change"),
        ("skip", {}, "done"),
        ("pause", {}, "done"),
        ("dance", {}, "refused"),
    ]
    for number, (what, args, outcome) in enumerate(sent):
        record = CommandRecord(id=str(number), what=what, args=args, n=0, outcome=outcome)
        orders.restore(record, names, n_items=8)
    assert orders == Orders({str(number) for number in range(9)}, ["run.max_calls=5"], {3: 1}, skip=True)
