"""Held-out coherence uses the latest score of every item, and is not above chance for noise."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.items import Item
from icm_tui.search.icm.labelling import FEWEST_SCORED, HeldOut
from icm_tui.search.icm.method import Icm
from icm_tui.search.problem import make_problem
from tests.search.drive import Run, hashed
from tests.search.efforts import effort
from tests.search.reference import entropy_bits

EVENTS = st.lists(st.tuples(st.integers(0, 39), st.integers(0, 2), st.tuples(*[st.floats(-5, 5)] * 3)), max_size=120)


@given(EVENTS)
def test_held_out_figure_equals_one_from_scratch(events: list[tuple[int, int, tuple[float, ...]]]) -> None:
    held_out = HeldOut(3)
    latest: dict[int, tuple[int, float]] = {}
    for item, label, scores in events:
        held_out.score(item, label, scores)
        total = math.log(sum(map(math.exp, scores)))
        latest[item] = (label, (scores[label] - total) / math.log(2))
        assert held_out.n == len(latest)
    if len(latest) < FEWEST_SCORED:
        assert held_out.bits is None
    else:
        mean = statistics.fmean(bits for _, bits in latest.values())
        assert held_out.bits == pytest.approx(mean + entropy_bits([label for label, _ in latest.values()]), abs=1e-5)


def test_held_out_needs_thirty_items() -> None:
    held_out = HeldOut(2)
    for item in range(29):
        held_out.score(item, item % 2, (0.0, 0.0))
    assert held_out.bits is None
    held_out.score(28, 0, (0.0, 0.0))
    assert held_out.bits is None
    held_out.score(29, 1, (0.0, 0.0))
    assert held_out.bits == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("rule", ["opposite", "none"])
@pytest.mark.parametrize("name", ["standard", "lean"])
def test_held_out_coherence_of_noise_is_chance(rule: str, name: str) -> None:
    """As asked, the same noise scores far above 0, which is why the two forms are never mixed."""
    held_out: list[float] = []
    asked: list[float] = []
    problem = make_problem([Item(str(i), "", i // 2) for i in range(640)], rule, 2)
    for seed in range(4):
        run = Run(Icm(problem, effort(problem, name, seed)), hashed(2)).eagerly()
        assert run.search.coherence_bits is not None
        held_out.append(run.search.coherence_bits)
        asked += [option.value for one in run.decisions if one.phase == "selection" for option in one.options]
    assert max(held_out) < 0.02
    assert statistics.fmean(asked) > max(0.0, *held_out)


def test_held_out_is_none_for_lean_at_one_hundred_items() -> None:
    problem = make_problem([Item(str(i), "", i // 2) for i in range(100)], "opposite", 2)
    run = Run(Icm(problem, effort(problem, "lean", 0)), hashed(2)).eagerly()
    assert run.search.coherence_bits is None
    assert None not in run.search.labels
