"""The label bias is found exactly, whatever the labels shown are."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import Context, Decision
from icm_tui.domain.items import Item
from icm_tui.search.icm.method import Icm
from icm_tui.search.problem import Problem, make_problem
from icm_tui.search.settings import Settings
from tests.search.drive import Model, Run, biased_towards, hashed
from tests.search.problems import problems

CONTEXTS = 12


def measured(problem: Problem, model: Model, seed: int = 0, shots: int = 8) -> tuple[Run, Decision]:
    """A run and the decision that measured its label bias."""
    chosen = Settings(
        seed=seed, label_bias_contexts=CONTEXTS, shots=shots, chains=1, chain_sweeps=1, sweeps=1, subset=1
    )
    run = Run(Icm(problem, chosen), model).in_order()
    return run, next(decision for decision in run.decisions if decision.phase == "label_bias")


@settings(max_examples=60)
@given(problem=problems(), seed=st.integers(0, 2**32), data=st.data())
def test_label_bias_finds_an_injected_bias_exactly(problem: Problem, seed: int, data: st.DataObject) -> None:
    """Votes for the labels shown cancel over their shifts; the label bias remains."""
    bias = data.draw(st.lists(st.floats(-2, 2), min_size=problem.n_labels, max_size=problem.n_labels))
    _, decision = measured(problem, biased_towards(bias), seed)
    centre = sum(bias) / len(bias)
    found = [decision.score[f"label_bias_{label}"] for label in range(problem.n_labels)]
    assert found == pytest.approx([value - centre for value in bias], abs=3e-6)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_label_bias_contexts_are_even_shifted_other_groups(n_labels: int) -> None:
    problem = make_problem([Item(str(i), "", i // 3) for i in range(90)], "none", n_labels)
    run, _ = measured(problem, hashed(n_labels), shots=9)
    contexts = [context for context in run.contexts if context.phase == "label_bias"]
    asked = {told.context_id: told.item for told in run.answers.values()}
    assert len(contexts) == CONTEXTS * n_labels
    firsts = set()
    for first in range(0, len(contexts), n_labels):
        rotated = [context.demonstrations for context in contexts[first : first + n_labels]]
        for shift, shown in enumerate(rotated):
            labels = [label for _, label in shown]
            assert [labels.count(label) for label in range(n_labels)] in (
                [[5, 4], [4, 5]] if n_labels == 2 else [[3] * 3]
            )
            assert shown == [(item, (label + shift) % n_labels) for item, label in rotated[0]]
        item = asked[contexts[first].id]
        assert all(asked[context.id] == item for context in contexts[first : first + n_labels])
        assert len({other for other, _ in rotated[0]}) == 9
        assert all(problem.group_of[other] != problem.group_of[item] for other, _ in rotated[0])
        firsts.add(msgspec.json.encode(rotated[0]))
    assert len(firsts) == CONTEXTS


def test_label_bias_leaves_out_contexts_refused_once() -> None:
    """With a shift missing, what the shown labels say would not cancel."""
    problem = make_problem([Item(str(i), "", i // 2) for i in range(60)], "none", 2)
    honest = biased_towards((0.7, -0.3), strength=4.0)
    refused: set[int] = set()

    def sometimes(item: int, shown: list[tuple[int, int]]) -> list[float] | None:
        if item % 3 == 0 and item not in refused:
            refused.add(item)
            return None
        return honest(item, shown)

    _, decision = measured(problem, sometimes)
    assert refused
    assert decision.score["label_bias_0"] == pytest.approx(0.5, abs=2e-6)


def test_label_bias_is_zero_without_answers() -> None:
    problem = make_problem([Item(str(i), "", i // 2) for i in range(20)], "opposite", 2)
    run, decision = measured(problem, lambda item, shown: None)
    assert decision.score == {"label_bias_0": 0.0, "label_bias_1": 0.0}
    assert run.search.labels == [None] * 20


def test_label_bias_to_one_letter_does_not_bend_the_labels() -> None:
    """A model that says A to everything still gives about half of the items each label."""
    problem = make_problem([Item(str(i), "", None) for i in range(300)], "none", 2)
    for seed in range(3):
        chosen = Settings(seed=seed, window=16, chains=4, subset=48, sweeps=2, balanced=False)
        run = Run(Icm(problem, chosen), biased_towards((3.0, -3.0), strength=1.0)).eagerly()
        assert 0.2 < run.search.labels.count(0) / 300 < 0.8


def test_label_bias_phase_is_skipped_if_all_is_shown() -> None:
    problem = make_problem([Item(str(i), "", i // 2) for i in range(20)], "opposite", 2)
    chosen = Settings(seed=0, shots="all", chains=2, subset=20, sweeps=0)
    run = Run(Icm(problem, chosen), hashed(2)).in_order()
    assert {context.phase for context in run.contexts} == {"tournament"}
    assert all(isinstance(context, Context) and context.demonstrations == "all" for context in run.contexts)
