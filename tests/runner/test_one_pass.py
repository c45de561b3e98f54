"""Runs of the methods that ask every item once: stopped and resumed, whatever the number of calls in flight."""

from pathlib import Path

import pytest

from icm_tui.runner.session import run_here
from tests.runner.made import Counting, lines, make, trajectory, wrapped


@pytest.mark.parametrize("method", ["zero_shot", "random_labels"])
def test_one_pass_stopped_again_and_again_ends_the_same(tmp_path: Path, method: str) -> None:
    sets = (f"search.method={method}", "search.shots=6", "model.concurrency=2")
    whole = make(tmp_path / "whole", *sets)
    assert run_here(whole.path).state == "done"

    pieces, asked = make(tmp_path / "pieces", *sets, "run.max_calls=9"), list[str]()
    for most in (9, 18, 27, 36, 45):
        outcome = run_here(
            pieces.path,
            sets=[f"run.max_calls={most}"],
            model_client_of=wrapped(lambda inner: Counting(inner, asked)),
        )
        assert outcome.state == ("done" if most > 40 else "stopped")
    assert len(asked) == len(set(asked)) == 40
    assert trajectory(pieces) == trajectory(whole)
    assert outcome.summary.coherence_bits is None


def test_one_pass_is_the_same_with_more_calls_in_flight(tmp_path: Path) -> None:
    runs = [
        make(tmp_path / str(many), "search.method=random_labels", "search.shots=6", f"model.concurrency={many}")
        for many in (1, 16)
    ]
    for run in runs:
        assert run_here(run.path).state == "done"
    assert lines(runs[0], "decision") == lines(runs[1], "decision")
