"""Method `icm` as a whole: rules, who gets a label, what it costs, what it finds, and what a person can overrule."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import Decision, PhaseName
from icm_tui.domain.items import Item
from icm_tui.search.icm.method import STAGES, Icm
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem, make_problem
from icm_tui.search.settings import Settings
from tests.domain.allowed import allowed
from tests.search.drive import Model, Run, hashed, shown_to
from tests.search.efforts import effort
from tests.search.problems import problems, settings_of


def pairs(n_items: int, rule: str = "opposite") -> Problem:
    return make_problem([Item(str(index), "", index // 2) for index in range(n_items)], rule, 2)


@settings(max_examples=100)
@given(problem=problems(), chosen=settings_of(), failing=st.sampled_from((0.0, 0.3)))
def test_icm_obeys_the_rule_after_every_decision(problem: Problem, chosen: Settings, failing: float) -> None:
    """This holds in every chain; unlabelled items break nothing."""
    run = Run(Icm(problem, chosen), hashed(problem.n_labels, failing=failing))

    def look(decision: Decision) -> None:
        labels = run.search.labels_of(decision.chain)
        for unit in problem.units:
            known = [item for item in unit if labels[item] is not None]
            if len(known) == len(unit):
                keys = [problem.keys[item] for item in unit]
                assert allowed(problem.rule, keys, [labels[item] for item in unit], problem.n_labels)

    run.eagerly(look)


@settings(max_examples=100)
@given(problem=problems(), chosen=settings_of(drawn=True), data=st.data())
def test_icm_labels_every_item_with_an_answer(problem: Problem, chosen: Settings, data: st.DataObject) -> None:
    refused = data.draw(st.frozensets(st.sampled_from(range(problem.n_items))))
    run = Run(Icm(problem, chosen), hashed(problem.n_labels, refused=refused, failing=0.2)).eagerly()
    kept = run.decisions[-1].chain
    drawn = ("tournament", "sweeps", "second_look")
    of_kept = {decision.n for decision in run.decisions if decision.chain == kept and decision.phase in drawn}
    answered = {told.item for told in run.answers.values() if told.logprobs is not None and told.n in of_kept}
    assert refused.isdisjoint(answered)
    assert {item for item, label in enumerate(run.search.labels) if label is not None} == answered


@settings(max_examples=60)
@given(problem=problems(), chosen=settings_of(drawn=True))
def test_icm_goes_through_its_stages_in_their_order(problem: Problem, chosen: Settings) -> None:
    """No stage is left before its decisions are taken, and none is begun twice."""
    run = Run(Icm(problem, chosen), hashed(problem.n_labels)).eagerly()
    places = [list(STAGES).index(PhaseName(decision.phase)) for decision in run.decisions]
    assert places == sorted(places)
    counts = [places.count(place) for place in range(len(STAGES))]
    chains, units = max(1, chosen.chains), len(problem.units)
    assert counts[0] == chains
    assert counts[1] == bool(chosen.label_bias_contexts and chosen.shots != "all")
    assert counts[2] % (chains * chosen.chain_sweeps) == 0
    assert counts[3:5] == [1, chosen.sweeps * units]
    assert (counts[5] > 0) == chosen.second_look


@settings(max_examples=60)
@given(problem=problems(), chosen=settings_of(drawn=True))
def test_icm_draws_contexts_outside_the_groups_asked(problem: Problem, chosen: Settings) -> None:
    run = Run(Icm(problem, chosen), hashed(problem.n_labels)).eagerly()
    served: dict[int, set[int]] = {}
    for told in run.answers.values():
        served.setdefault(told.context_id, set()).add(problem.group_of[told.item])
    for context in run.contexts:
        assert served[context.id].isdisjoint(problem.group_of[item] for item, _ in context.demonstrations)
        if context.phase in ("sweeps", "second_look"):
            assert len({told.n for told in run.answers.values() if told.context_id == context.id}) <= chosen.share


@settings(max_examples=60)
@given(problem=problems(), chosen=settings_of())
def test_icm_seeds_are_enough_even_and_obey_the_rule(problem: Problem, chosen: Settings) -> None:
    decisions = Run(Icm(problem, chosen), hashed(problem.n_labels)).eagerly().decisions
    subset = next(decision for decision in decisions if decision.phase == "selection")
    assert [decision.phase for decision in decisions].count("seeds") == chosen.chains
    for decision in decisions[: chosen.chains]:
        assert decision.phase == "seeds"
        labels = {item: label for item, before, label in decision.changes if before is None}
        wanted = len(subset.items) if chosen.shots == "all" else min(chosen.seeds, len(subset.items))
        assert len(labels) >= wanted
        units = [unit for unit in problem.units if unit[0] in labels]
        assert sorted(item for unit in units for item in unit) == sorted(labels)
        for unit in units:
            keys = [problem.keys[item] for item in unit]
            assert allowed(problem.rule, keys, [labels[item] for item in unit], problem.n_labels)
        if all(len(unit) == 1 for unit in units):
            counts = [list(labels.values()).count(label) for label in range(problem.n_labels)]
            assert max(counts) - min(counts) <= 1


@settings(max_examples=40)
@given(problem=problems(), chosen=settings_of(), failing=st.sampled_from((0.0, 0.3)))
def test_icm_reports_its_progress(problem: Problem, chosen: Settings, failing: float) -> None:
    """`n` counts up to `decisions`, `missing` is a part of `wants`, and nothing is asked twice."""
    run = Run(Icm(problem, chosen), hashed(problem.n_labels, failing=failing))
    search: Search = run.search
    expected = search.decisions
    while not search.done:
        assert search.n == len(run.decisions)
        missing, wants = search.missing(), [question.id for question in search.wants()]
        assert {question.id for question in missing} <= set(wants)
        assert (search.propose() is None) == bool(missing)
        for question in missing:
            assert question.n >= search.n
            run.ask(question)
            run.tell(question.id)
        assert search.missing() == []
        proposal = search.propose()
        assert proposal is not None
        assert (proposal.n, proposal.phase) == (search.n, search.phase)
        run.commit()
    assert search.phase == "done"
    assert (search.propose(), search.missing(), list(search.wants())) == (None, [], [])
    assert len(run.asked) == len(set(run.asked))
    if not chosen.second_look:
        assert search.decisions == expected
    assert [decision.n for decision in run.decisions] == list(range(search.decisions))


@pytest.mark.parametrize(
    ("n_items", "name", "a_label"),
    [
        (100, "standard", 0.64 + 3.84 + 2),
        (400, "standard", 0.16 + 1.00 + 2),
        (2000, "standard", 0.03 + 0.51 + 2),
        (100, "lean", 5.7),
        (400, "lean", 2.4),
        (2000, "lean", 1.7),
    ],
)
def test_icm_calls_a_label_match_the_table(n_items: int, name: str, a_label: float) -> None:
    problem = pairs(n_items)
    chosen = effort(problem, name, 0)
    run = Run(Icm(problem, chosen), hashed(2)).eagerly()
    calls = len(run.asked)
    if name == "standard":
        subset = min(max(n_items // 8, 48), 128)
        assert calls == 64 + 4 * 2 * subset + 2 * n_items
    assert calls / n_items <= 1.05 * a_label
    assert calls / n_items >= 0.9 * a_label
    assert len({told.question for told in run.answers.values()}) == calls


def planted(truth: list[int], clarity: float) -> Model:
    """A model that sees the planted split: a demonstration votes for its label if both items are of one kind."""

    def answer(item: int, shown: list[tuple[int, int]]) -> list[float]:
        votes = sum((1 if truth[other] == truth[item] else -1) * (1 - 2 * label) for other, label in shown)
        raw = clarity * votes / math.sqrt(max(len(shown), 1)) + 0.5 * math.sin(37.0 * item + 11.0 * len(shown))
        return [raw / 2, -raw / 2]

    return answer


@pytest.mark.parametrize(("rule", "name"), [("opposite", "standard"), ("opposite", "lean"), ("none", "standard")])
def test_icm_finds_a_planted_split(rule: str, name: str) -> None:
    n_items = 640
    problem = pairs(n_items, rule)
    truth = [(item % 2) ^ (item // 2 * 7 % 3 == 0) for item in range(n_items)]
    for seed in range(3):
        run = Run(Icm(problem, effort(problem, name, seed, shots=8)), planted(truth, 1.0)).eagerly()
        agreement = sum(label == kind for label, kind in zip(run.search.labels, truth, strict=True)) / n_items
        assert max(agreement, 1 - agreement) > 0.9
        assert run.search.coherence_bits is not None
        assert run.search.coherence_bits > 0.3


def test_icm_finds_three_planted_classes() -> None:
    problem = make_problem([Item(str(index), "") for index in range(240)], "none", 3)
    truth = [index % 3 for index in range(240)]

    def answer(item: int, shown: list[tuple[int, int]]) -> list[float]:
        votes = [0.0, 0.0, 0.0]
        for other, label in shown:
            votes[label] += 1.0 if truth[other] == truth[item] else -0.5
        return [vote / math.sqrt(max(len(shown), 1)) * 2 for vote in votes]

    run = Run(Icm(problem, effort(problem, "standard", 3, shots=15)), answer).eagerly()
    kinds = {(label, kind) for label, kind in zip(run.search.labels, truth, strict=True)}
    assert len(kinds) == 3
    assert 1.0 < run.search.coherence_bits <= math.log2(3)


def test_icm_showing_all_leaves_out_the_own_group() -> None:
    problem = pairs(20)
    chosen = Settings(seed=0, shots="all", chains=2, chain_sweeps=2, subset=20, sweeps=0, label_bias_contexts=0)
    search = Icm(problem, chosen)
    run = Run(search, hashed(2))
    while not search.done:
        for question in search.missing():
            context = next(context for context in run.contexts if context.id == question.context_id)
            shown = shown_to(search, question, context)
            assert {item // 2 for item, _ in shown} == set(range(10)) - {question.item // 2}
            assert question.n >= search.n
            run.ask(question)
            run.tell(question.id)
        run.commit()


def test_icm_treats_an_impossible_label_as_very_unlikely() -> None:
    """Some servers give -9999 nats for labels that they rule out; others may give the smallest float."""
    problem = pairs(40)
    for least in (-9999.0, -3e38):
        run = Run(
            Icm(problem, Settings(seed=0, window=4)),
            lambda item, shown, least=least: [[0.0, least], [least, 0.0]][item % 2],
        )
        assert run.eagerly().search.labels in ([0, 1] * 20, [1, 0] * 20)


# What a person can do


@settings(max_examples=60)
@given(problem=problems(), chosen=settings_of(drawn=True), data=st.data())
def test_icm_restores_a_decision_that_a_person_overruled(
    problem: Problem, chosen: Settings, data: st.DataObject
) -> None:
    model = hashed(problem.n_labels)
    search = Icm(problem, chosen)
    run = Run(search, model)
    at = data.draw(st.integers(0, search.decisions - 1))
    while not search.done:
        for question in search.missing():
            assert question.n >= search.n
            run.ask(question)
            run.tell(question.id)
        proposal = search.propose()
        if search.n != at or proposal.phase not in ("tournament", "sweeps"):
            run.commit()
            continue
        drawn = dict(zip(proposal.items, proposal.options[proposal.chosen].labels, strict=True))
        person = {item: data.draw(st.integers(0, problem.n_labels - 1)) for item in proposal.items}
        decision = search.commit(proposal, person)
        run.journal.append(decision)
        run.drain_contexts()
        assert decision.overridden == (person != drawn)
        assert {item: search.labels_of(decision.chain)[item] for item in person} == person
    again = Icm(problem, chosen)
    Run(again, model, run.journal)
    assert again.done
    assert (again.labels, again.coherence_bits) == (search.labels, search.coherence_bits)


def test_icm_commits_only_the_next_decision() -> None:
    search = Icm(pairs(20), Settings(seed=0))
    first = search.propose()
    search.commit(first)
    with pytest.raises(ValueError, match="decision 0 is not the next one, 1"):
        search.commit(first)


def test_icm_refuses_an_answer_to_a_question_not_asked() -> None:
    search = Icm(pairs(20), Settings(seed=0))
    with pytest.raises(KeyError):
        search.tell("sweeps/0/7/3/0", [-0.1, -2.0])


def test_icm_proposes_the_same_twice() -> None:
    run = Run(Icm(pairs(40), Settings(seed=0, window=4)), hashed(2))
    search = run.search
    while not search.done:
        for question in search.missing():
            assert question.n >= search.n
            run.ask(question)
            run.tell(question.id)
        assert search.propose() == search.propose()
        run.commit()
