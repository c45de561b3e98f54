"""Runners killed with SIGKILL: the run goes on as if nothing had happened, and asks for next to nothing twice."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from icm_tui.run_dir import inbox
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.session import run_here
from tests.runner.killed import Turns, killable
from tests.runner.made import lines, make, trajectory

KILLED = -9


@pytest.fixture(scope="module")
def turns() -> Iterator[Turns]:
    with killable() as taken:
        yield taken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kills", "paid", "sets", "pins"),
    [
        pytest.param(50, False, ["search.shots=8"], 0, id="shots"),
        pytest.param(10, False, ["search.shots=8", "reasoning.every=3"], 0, id="reasoning"),
        pytest.param(50, False, ["search.shots=all", "task.limit=24"], 0, id="all"),
        pytest.param(20, True, ["search.shots=4", "search.effort=lean", "task.limit=24"], 0, id="lean-paid"),
        pytest.param(10, False, ["search.shots=4", "consistency.rule=none", "task.limit=24"], 0, id="calibrated"),
        pytest.param(10, False, ["search.method=paper", "search.max_iters=30", "task.limit=16"], 0, id="paper"),
        pytest.param(10, False, ["search.method=fork", "search.max_iters=30"], 0, id="fork"),
        pytest.param(10, False, ["search.shots=4", "task.limit=24"], 3, id="shots-pinned"),
        pytest.param(10, False, ["search.method=paper", "search.max_iters=20", "task.limit=16"], 3, id="paper-pinned"),
    ],
)
def test_run_killed_at_random_lengths_ends_the_same(
    kills: int, paid: bool, sets: list[str], pins: int, turns: Turns, tmp_path: Path
) -> None:
    whole = make(tmp_path / "whole", *sets)
    _pin(whole, pins)
    outcome = run_here(whole.path)
    random = Random(kills)
    run, asked = make(tmp_path / "killed", *sets), tmp_path / "asked"
    _pin(run, pins)
    for length in sorted(random.sample(range(1, whole.journal.stat().st_size), kills)):
        assert turns.take(run, asked, length=length, paid=paid) == KILLED
        assert run.journal.stat().st_size == length
        _tear_status(run, random)
    assert turns.take(run, asked, paid=paid) == 0

    assert trajectory(run) == trajectory(whole)
    assert final_labels(run.path) == final_labels(whole.path)
    again = run_here(run.path).summary
    for key in ("labelled", "label_counts", "decisions", "calls", "coherence_bits", "violations"):
        assert getattr(again, key) == getattr(outcome.summary, key), key
    questions = asked.read_text().split()
    assert set(questions) == {answer["question"] for answer in lines(run, "answer")}
    assert len(questions) <= outcome.summary.calls + kills * 8


def _pin(run: RunDir, count: int) -> None:
    """Ask for the first items to be pinned, before a runner is there to do it."""
    for item in range(count):
        inbox.send(run, "pin", {"item": item, "label": "B"})


def _tear_status(run: RunDir, random: Random) -> None:
    """Leave the status half written, as a crash of the whole machine may."""
    if run.status.exists() and random.random() < 0.5:
        run.status.write_bytes(run.status.read_bytes()[: random.randrange(200)])
