"""Runs of the sequential and one-pass methods with a model that is a plain function, and their journals."""

from collections.abc import Callable, Sequence
from random import Random
from zlib import crc32

import msgspec
from hypothesis import strategies as st

from icm_tui.domain.decisions import Context, Decision, Proposal, Question
from icm_tui.domain.items import Item
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem, make_problem
from tests.domain.allowed import rules_for

Shown = Sequence[tuple[int, int]]
Model = Callable[[int, Shown], list[float] | None]
Override = Callable[[Proposal], dict[int, int | None] | None]


class Answer(msgspec.Struct, frozen=True):
    """An answer as a journal keeps it."""

    question: Question
    logprobs: list[float] | None


Record = Context | Answer | Decision


def go_on(
    search: Search, model: Model, journal: list[Record], order: Random | None = None, override: Override | None = None
) -> list[Record]:
    """Run to the end, adding to a journal and returning it. With `order`, answers come in random order."""
    contexts = {record.id: record for record in journal if isinstance(record, Context)}
    while not search.done:
        for context in search.drain_contexts():
            assert context.id == len(contexts)
            contexts[context.id] = context
            journal.append(context)
        questions = list(search.wants())
        assert search.missing() == questions
        if questions:
            question = order.choice(questions) if order else questions[0]
            assert search.propose() is None
            shown = contexts[question.context_id].demonstrations
            assert shown != "all"
            logprobs = model(question.item, shown)
            journal.append(Answer(question, logprobs))
            search.tell(question.id, logprobs)
        elif (proposal := search.propose()) is not None:
            journal.append(search.commit(proposal, override(proposal) if override else None))
        else:
            assert list(search.wants())
    assert search.propose() is None
    assert not search.missing()
    return journal


def restore(search: Search, journal: Sequence[Record]) -> None:
    """Restore a search from a journal."""
    for record in journal:
        if isinstance(record, Context):
            search.restore_context(record)
        elif isinstance(record, Answer):
            search.tell(record.question.id, record.logprobs)
        else:
            search.restore_decision(record)


def decisions(journal: Sequence[Record]) -> list[Decision]:
    """The decisions of a journal."""
    return [record for record in journal if isinstance(record, Decision)]


def noise(seed: int, *, refused: int | None = None) -> Model:
    """A model that answers at random, the same to the same prompt; it refuses item `refused`."""

    def answer(item: int, shown: Shown) -> list[float] | None:
        if item == refused:
            return None
        draw = crc32(repr((seed, item, list(shown))).encode())
        return [-(draw % 997) / 250, -(draw // 997 % 997) / 250]

    return answer


def overruling(seed: int) -> Override:
    """A person who now and then sets other labels, removes one, or keeps everything as it was."""

    def word(proposal: Proposal) -> dict[int, int | None] | None:
        random = Random(seed * 1000 + proposal.n)
        if not proposal.items or random.random() < 0.7:
            return None
        if random.random() < 0.3:
            return dict(zip(proposal.items, proposal.options[-1].labels, strict=True))
        return {item: random.choice([0, 1, None]) for item in [*proposal.items, 0]}

    return word


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to a dozen items in groups of one to five, under any rule."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    items: list[Item] = []
    for group, size in enumerate(sizes):
        for _ in range(size):
            key = draw(st.none() | st.integers(0, 2))
            items.append(Item(str(len(items)), "", group if size > 1 else None, key))
    order = draw(st.permutations(items))
    return make_problem(order[:12], draw(st.sampled_from(rules_for(2, penalties=True))), 2)
