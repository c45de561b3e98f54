"""A trajectory depends on the seed, the window and the answers: not on when they come, nor on where a run was cut."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.search.icm import Icm
from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings
from icm_tui.search.types import Decision
from tests.search.drive import Run, Told, adopt, hashed
from tests.search.problems import problems, settings_of

RUNS = {
    "problem": problems(),
    "chosen": settings_of(),
    "seed": st.integers(0, 2**32),
    "failing": st.sampled_from((0.0, 0.3)),
}


@settings(max_examples=150)
@given(**RUNS)
def test_answers_in_any_order_give_the_same_trajectory(
    problem: Problem, chosen: Settings, seed: int, failing: float
) -> None:
    model = hashed(problem.n_labels, failing=failing)
    expected = Run(Icm(problem, chosen), model).in_order()
    found = Run(Icm(problem, chosen), model).in_disorder(Random(seed))
    assert found.trajectory() == expected.trajectory()
    assert sorted(found.asked) == sorted(expected.asked)


@settings(max_examples=150)
@given(**RUNS)
def test_a_journal_cut_anywhere_goes_on_as_if_nothing_had_happened(
    problem: Problem, chosen: Settings, seed: int, failing: float
) -> None:
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
def test_an_adopted_journal_shows_the_state_it_was_cut_at(
    problem: Problem, chosen: Settings, seed: int, failing: float
) -> None:
    run = Run(Icm(problem, chosen), hashed(problem.n_labels, failing=failing))
    states: list[tuple[int, list[int | None], float | None, str]] = []

    def look(_: Decision | None) -> None:
        search = run.search
        states.append((len(run.journal), list(search.labels), search.coherence_bits, search.phase))

    look(None)
    run.eagerly(look)
    length, labels, coherence, phase = Random(seed).choice(states)
    search = Icm(problem, chosen)
    adopt(search, run.journal[:length])
    assert (search.labels, search.coherence_bits, search.phase) == (labels, coherence, phase)
