"""Every decision of whole runs against the formulas of the method, recomputed from the journal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.search.icm.method import Icm
from icm_tui.search.icm.phase import geometric
from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings
from tests.search.drive import Run, hashed
from tests.search.problems import problems, settings_of
from tests.search.reference import Reference

DRAWN = ("tournament", "sweeps", "second_look")


@settings(max_examples=150)
@given(problem=problems(), chosen=settings_of(), failing=st.sampled_from((0.0, 0.3)))
def test_icm_decisions_follow_the_formulas(problem: Problem, chosen: Settings, failing: float) -> None:
    run = Run(Icm(problem, chosen), hashed(problem.n_labels, failing=failing)).eagerly()
    reference = Reference(problem, chosen, run.journal)
    for decision in run.decisions:
        if decision.phase in DRAWN and reference.asked(decision):
            expected = reference.values(decision)
            for option in decision.options:
                assert option.value == pytest.approx(expected[tuple(option.labels)], abs=2e-6)
            assert decision.log_normaliser == pytest.approx(reference.log_normaliser(decision), abs=2e-5)
            best = sorted(expected.values(), reverse=True)[: len(decision.options)]
            assert decision.options[0].value == pytest.approx(best[0], abs=2e-6)
        if decision.phase == "selection":
            coherences = [reference.as_asked(chain) for chain in range(chosen.chains)]
            assert [option.value for option in decision.options] == pytest.approx(coherences, abs=2e-6)
            assert coherences[decision.chain] == pytest.approx(max(coherences), abs=2e-6)
        if decision.phase == "label_bias":
            found = [decision.score[f"label_bias_{label}"] for label in range(problem.n_labels)]
            assert found == pytest.approx(reference.measured_label_bias(), abs=1e-6)
        reference.take(decision)
        if decision.phase in ("sweeps", "second_look"):
            coherence = reference.coherence_bits()
            assert decision.score.get("coherence_bits") == pytest.approx(coherence, abs=2e-6)
    kept = run.decisions[-1].chain
    assert run.search.labels == [reference.labels[kept].get(item) for item in range(problem.n_items)]


@settings(max_examples=60)
@given(problem=problems(), chosen=settings_of())
def test_icm_temperature_is_final_first_then_falls_to_it(problem: Problem, chosen: Settings) -> None:
    run = Run(Icm(problem, chosen), hashed(problem.n_labels)).eagerly()
    for phase, sweeps in (("tournament", chosen.chain_sweeps), ("sweeps", chosen.sweeps), ("second_look", 1)):
        for chain in range(chosen.chains):
            found = [one.temperature for one in run.decisions if (one.phase, one.chain) == (phase, chain)]
            sweep = len(found) // sweeps if sweeps else 0
            rest = len(found) - sweep
            expected = [0.05] * sweep + [geometric(place, rest, 0.2, 0.05) for place in range(rest)]
            assert found == pytest.approx(expected)
