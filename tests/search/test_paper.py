"""Method `paper`: its score, its repairs and what it asks, checked against plain recomputations."""

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import Context
from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES
from icm_tui.search.problem import Problem, make_problem
from icm_tui.search.replications.paper import KEPT_ANSWERS, Paper
from icm_tui.search.settings import PaperSettings
from tests.search.journalled import Answer, Model, Record, Shown, decisions, go_on, noise, overruling, problems, restore

SEEDS = st.integers(0, 2**32)
Labels = list[int | None]


def chosen(seed: int, **others: float | str) -> PaperSettings:
    return PaperSettings(**({"seed": seed, "seeds": 4, "max_iters": 12, "fix_iters": 2, "alpha": 5.0} | others))


@settings(max_examples=30)
@given(problem=problems(), seed=SEEDS)
def test_paper_ignores_the_order_of_answers(problem: Problem, seed: int) -> None:
    model = noise(seed, refused=1)
    straight = go_on(Paper(problem, chosen(seed)), model, [])
    shuffled = go_on(Paper(problem, chosen(seed)), model, [], Random(seed))
    assert decisions(straight) == decisions(shuffled)
    assert len(decisions(straight)) == 13


@settings(max_examples=30)
@given(problem=problems(), seed=SEEDS, data=st.data(), kept=st.sampled_from([0, 20, KEPT_ANSWERS]))
def test_paper_resumes_from_a_journal_cut_anywhere(problem: Problem, seed: int, data: st.DataObject, kept: int) -> None:
    model, person = noise(seed, refused=1), overruling(seed)
    whole = go_on(Paper(problem, chosen(seed), kept), model, [], override=person)
    cut = data.draw(st.integers(0, len(whole)))
    search = Paper(problem, chosen(seed), kept)
    restore(search, whole[:cut])
    assert go_on(search, model, whole[:cut], override=person) == whole


@settings(max_examples=30)
@given(problem=problems(), seed=SEEDS)
def test_paper_asks_nothing_twice(problem: Problem, seed: int) -> None:
    journal = go_on(Paper(problem, chosen(seed, max_iters=30)), noise(seed), [], override=overruling(seed))
    assert max(Counter(prompts(journal)).values(), default=1) == 1
    names = {(record.question.id, prompt) for record, prompt in zip(answers(journal), prompts(journal), strict=True)}
    assert len(names) == len({name for name, _ in names})


@settings(max_examples=30)
@given(problem=problems(), seed=SEEDS)
def test_paper_forgetting_answers_changes_no_decision(problem: Problem, seed: int) -> None:
    model = noise(seed, refused=1)
    whole = go_on(Paper(problem, chosen(seed)), model, [], override=overruling(seed))
    frugal = go_on(Paper(problem, chosen(seed), kept_answers=0), model, [], override=overruling(seed))
    assert decisions(frugal) == decisions(whole)
    assert set(prompts(frugal)) == set(prompts(whole))


@settings(max_examples=30)
@given(problem=problems(), seed=SEEDS)
def test_paper_context_is_all_labels_outside_the_own_group(problem: Problem, seed: int) -> None:
    journal = go_on(Paper(problem, chosen(seed)), noise(seed), [])
    drawn: list[Shown] = []
    contexts: dict[int, Shown] = {}
    for record in journal:
        if isinstance(record, Context):
            assert record.demonstrations != "all"
            assert record.demonstrations == sorted(record.demonstrations)
            contexts[record.id] = record.demonstrations
            drawn.append(record.demonstrations)
        elif isinstance(record, Answer):
            group = problem.group_of[record.question.item]
            assert group not in {problem.group_of[item] for item, _ in contexts[record.question.context_id]}
        else:
            assert len({tuple(shown) for shown in drawn}) == len(drawn)
            drawn.clear()


@settings(max_examples=30)
@given(problem=problems(), seed=SEEDS, schedule=st.sampled_from(["log", "exp"]), interfere=st.booleans())
def test_paper_decisions_equal_a_recomputation(problem: Problem, seed: int, schedule: str, interfere: bool) -> None:
    settings = chosen(seed, schedule=schedule, initial_t=3.0)
    model = noise(seed, refused=1)
    journal = go_on(Paper(problem, settings), model, [], override=overruling(seed) if interfere else None)
    labels: Labels = [None] * problem.n_items
    for decision in decisions(journal):
        now = score(problem, settings.alpha, model, labels)
        if decision.n:
            then = proposed(problem, settings, model, labels, decision.items[0])
            gained = score(problem, settings.alpha, model, then) - now
            assert decision.options[0].value == pytest.approx(gained, abs=2e-6)
            assert decision.options[0].labels == [then[item] for item in decision.items]
            assert {item for item, label in enumerate(then) if label != labels[item]} <= set(decision.items)
            high, low, n = settings.initial_t, settings.final_t, decision.n
            cooled = high / (1 + settings.beta * math.log(n)) if schedule == "log" else high * settings.decay**n
            assert decision.temperature == pytest.approx(max(low, cooled))
            if then != labels:
                chance = math.exp(min(0.0, gained / decision.temperature))
                assert decision.accepted == (decision.draw < chance)
        for item, before, after in decision.changes:
            assert labels[item] == before
            labels[item] = after
        assert decision.score["labelled"] == sum(label is not None for label in labels)
        assert decision.score["broken"] == rules_broken(problem, labels)
        if decision.n and not decision.overridden:
            assert decision.score["energy"] == pytest.approx(score(problem, settings.alpha, model, labels), abs=2e-6)
            assert decision.score["delta"] == decision.options[0].value


def score(problem: Problem, alpha: float, model: Model, labels: Labels) -> float:
    """U, by asking the model about every labelled item again."""
    logs: list[float] = []
    for item, label in enumerate(labels):
        if label is not None and (answer := model(item, shown_to(problem, labels, item))) is not None:
            logs.append(answer[label] - math.log(sum(map(math.exp, answer))))
    return (alpha * sum(logs) / len(logs) if logs else 0.0) - rules_broken(problem, labels)


def shown_to(problem: Problem, labels: Labels, item: int) -> Shown:
    own = problem.group_of[item]
    return [(j, label) for j, label in enumerate(labels) if label is not None and problem.group_of[j] != own]


def rules_broken(problem: Problem, labels: Labels) -> int:
    return sum(
        RULES[problem.rule].broken(
            [labels[item] for item in members], [problem.keys[item] for item in members], problem.n_labels
        )
        for members in problem.groups
    )


def proposed(problem: Problem, settings: PaperSettings, model: Model, labels: Labels, item: int) -> Labels:
    """The labels with the likelier one for `item`, then repaired by the best flip there is, again and again."""
    answer = model(item, shown_to(problem, labels, item))
    if answer is None:
        return labels
    then = list(labels)
    then[item] = 0 if answer[0] > answer[1] else 1
    for _ in range(settings.fix_iters):
        flips: list[Labels] = []
        for other in problem.groups[problem.group_of[item]]:
            flipped = list(then)
            if (label := flipped[other]) is not None:
                flipped[other] = 1 - label
                flips.append(flipped)
        flips = [flipped for flipped in flips if rules_broken(problem, flipped) < rules_broken(problem, then)]
        if flips:
            then = max(flips, key=lambda flipped: score(problem, settings.alpha, model, flipped))
    return then


def answers(journal: list[Record]) -> list[Answer]:
    return [record for record in journal if isinstance(record, Answer)]


def prompts(journal: list[Record]) -> list[tuple[int, tuple[tuple[int, int], ...]]]:
    """What the model was shown with every question."""
    contexts = {record.id: tuple(record.demonstrations) for record in journal if isinstance(record, Context)}
    return [(record.question.item, contexts[record.question.context_id]) for record in answers(journal)]


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_paper_finds_a_hidden_split(grouped: bool, seed: int) -> None:
    """Demonstrations vote by a noisy likeness: for their own side of the split, against the other."""
    items = [Item(str(n), "", n // 2 if grouped else None, n % 2 if grouped else None) for n in range(24)]
    random = Random(seed)
    split = [random.randrange(2) for _ in range(24)]
    if grouped:
        split = [1 - split[n - 1] if n % 2 else split[n] for n in range(24)]
    likeness = [[(1 if one == other else -1) + random.gauss(0, 0.5) for other in split] for one in split]

    def model(item: int, shown: Shown) -> list[float]:
        votes = sum(likeness[item][other] * (1 - 2 * label) for other, label in shown)
        raw = votes / math.sqrt(len(shown) or 1)
        return [-math.log1p(math.exp(-raw)), -math.log1p(math.exp(raw))]

    search = Paper(make_problem(items, "opposite" if grouped else "none", 2), PaperSettings(seed=seed, max_iters=150))
    go_on(search, model, [])
    right = sum(label == side for label, side in zip(search.labels, split, strict=True)) / 24
    assert max(right, 1 - right) > 0.9
    assert None not in search.labels


def test_paper_label_that_stays_costs_one_question_only() -> None:
    problem = make_problem([Item(str(n), "") for n in range(6)], "none", 2)
    search = Paper(problem, chosen(4, seeds=6, max_iters=1))
    seeds = search.propose()
    assert seeds is not None
    search.commit(seeds)
    labels = list(search.labels)
    assert sorted(label for label in labels if label is not None) == [0, 0, 0, 1, 1, 1]
    journal = go_on(search, lambda item, shown: [-0.1, -2.0] if labels[item] == 0 else [-2.0, -0.1], [], Random(1))
    (decision,) = decisions(journal)
    assert len(answers(journal)) == 6
    assert decision.accepted
    assert not decision.changes
    assert search.labels == labels


def test_paper_leaves_refused_items_unlabelled() -> None:
    problem = make_problem([Item(str(n), "", n // 2, n % 2) for n in range(8)], "opposite", 2)
    search = Paper(problem, chosen(4, seeds=2, max_iters=60))
    go_on(search, lambda item, shown: None, [])
    assert sum(label is not None for label in search.labels) == 2


def test_paper_draws_partners_of_labelled_items_first() -> None:
    problem = make_problem([Item(str(n), "", n // 2, n % 2) for n in range(20)], "none", 2)
    search = Paper(problem, chosen(4, seeds=1, max_iters=2000))
    journal = go_on(search, lambda item, shown: None, [])
    (seed,) = decisions(journal)[0].items
    drawn = Counter(decision.items[0] for decision in decisions(journal)[1:])
    share = 100 / 119
    assert abs(drawn[seed ^ 1] / 2000 - share) < 4 * math.sqrt(share * (1 - share) / 2000)
    assert len(drawn) == 20


def test_paper_refuses_more_than_two_labels() -> None:
    with pytest.raises(ValueError, match="2 labels"):
        Paper(make_problem([Item("0", "")], "none", 3), chosen(1))


def test_paper_refuses_an_answer_to_a_question_not_asked() -> None:
    search = Paper(make_problem([Item(str(n), "") for n in range(3)], "none", 2), chosen(1))
    with pytest.raises(KeyError):
        search.tell("paper/0/0123456789abcdef", [0.0, -1.0])


def test_paper_reports_phase_labels_and_chain() -> None:
    search = Paper(make_problem([Item(str(n), "") for n in range(3)], "none", 2), chosen(1, max_iters=1))
    assert (search.phase, search.decisions, search.done, search.coherence_bits) == ("seeds", 2, False, None)
    journal = go_on(search, noise(1), [])
    assert [decision.phase for decision in decisions(journal)] == ["seeds", "paper"]
    assert (search.phase, search.n, search.done) == ("done", 2, True)
    assert search.labels_of(0) == search.labels
    with pytest.raises(IndexError):
        search.labels_of(1)
