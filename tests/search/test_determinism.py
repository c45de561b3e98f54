"""A trajectory depends on the seed, the window and the answers, but not on when they come or where a run was cut."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import Decision
from icm_tui.search.icm.method import Icm
from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings
from tests.search.drive import Run, Told, hashed, restore
from tests.search.problems import problems, settings_of

RUNS = {
    "problem": problems(),
    "chosen": settings_of(),
    "seed": st.integers(0, 2**32),
    "failing": st.sampled_from((0.0, 0.3)),
}


@settings(max_examples=150)
@given(**RUNS)
def test_icm_trajectory_is_the_same_in_any_answer_order(
    problem: Problem, chosen: Settings, seed: int, failing: float
) -> None:
    model = hashed(problem.n_labels, failing=failing)
    expected = Run(Icm(problem, chosen), model).in_order()
    found = Run(Icm(problem, chosen), model).in_disorder(Random(seed))
    assert found.trajectory() == expected.trajectory()
    assert sorted(found.asked) == sorted(expected.asked)


@settings(max_examples=150)
@given(**RUNS)
def test_icm_resumes_from_a_journal_cut_anywhere(problem: Problem, chosen: Settings, seed: int, failing: float) -> None:
    model = hashed(problem.n_labels, failing=failing)
    random = Random(seed)
    whole = Run(Icm(problem, chosen), model).in_disorder(random)
    journal = whole.journal[: random.randint(0, len(whole.journal))]
    for _ in range(2):
        kept = {event.question for event in journal if isinstance(event, Told)}
        resumed = Run(Icm(problem, chosen), model, journal).in_disorder(random)
        assert resumed.trajectory() == whole.trajectory()
        assert kept.isdisjoint(resumed.asked)
        assert len(resumed.asked) == len(set(resumed.asked))
        journal = resumed.journal[: random.randint(len(journal), len(resumed.journal))]


@settings(max_examples=75)
@given(**RUNS)
def test_icm_restores_the_state_at_the_cut(problem: Problem, chosen: Settings, seed: int, failing: float) -> None:
    run = Run(Icm(problem, chosen), hashed(problem.n_labels, failing=failing))
    states: list[tuple[int, list[int | None], float | None, str]] = []

    def look(_: Decision | None) -> None:
        search = run.search
        states.append((len(run.journal), list(search.labels), search.coherence_bits, search.phase))

    look(None)
    run.eagerly(look)
    length, labels, coherence, phase = Random(seed).choice(states)
    search = Icm(problem, chosen)
    restore(search, run.journal[:length])
    assert (search.labels, search.coherence_bits, search.phase) == (labels, coherence, phase)


@settings(max_examples=80)
@given(problem=problems(), chosen=settings_of(drawn=True), seed=st.integers(0, 2**32))
def test_icm_context_shows_labels_of_when_it_was_admitted(problem: Problem, chosen: Settings, seed: int) -> None:
    """The first decision that shows it is less than a window ahead of its chain, however late answers are."""
    run = Run(Icm(problem, chosen), hashed(problem.n_labels)).in_disorder(Random(seed))
    place_of: dict[int, int] = {}
    order: dict[tuple[str, int], int] = {}
    chain_of = {decision.n: (decision.phase, decision.chain) for decision in run.decisions}
    for decision in run.decisions:
        place_of[decision.n] = order.setdefault(chain_of[decision.n], 0)
        order[chain_of[decision.n]] += 1
    first: dict[int, int] = {}
    for told in run.answers.values():
        first[told.context_id] = min(first.get(told.context_id, told.n), told.n)
    labels: dict[int, dict[int, int | None]] = {}
    taken: dict[tuple[str, int], int] = {}
    for event in run.journal:
        if isinstance(event, Decision):
            key = (event.phase, event.chain)
            taken[key] = taken.get(key, 0) + 1
            labels.setdefault(event.chain, {}).update({item: after for item, _, after in event.changes})
        elif not isinstance(event, Told) and event.phase != "label_bias":
            assert all(labels[event.chain][item] == label for item, label in event.demonstrations)
            ahead = place_of[first[event.id]] - taken.get((event.phase, event.chain), 0)
            units = order[event.phase, event.chain] // (chosen.chain_sweeps if event.phase == "tournament" else 1)
            window = min(chosen.window, max(1, units // 3)) if event.phase == "tournament" else chosen.window
            assert 0 <= ahead < window
