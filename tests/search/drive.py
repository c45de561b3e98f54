"""Runs a search without a clock: the model is a pure function, and answers come in order or in disorder."""

import hashlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from icm_tui.domain.decisions import Context, Decision, Question
from icm_tui.search.icm.method import Icm

Shown = Sequence[tuple[int, int]]
Model = Callable[[int, Shown], list[float] | None]


class Told(msgspec.Struct, frozen=True):
    """An answer as a journal keeps it."""

    question: str
    n: int
    item: int
    context_id: int
    logprobs: list[float] | None


Event = Context | Told | Decision


def hashed(n_labels: int, *, refused: frozenset[int] = frozenset(), failing: float = 0.0) -> Model:
    """Noise that depends on the item and on what is shown, and on nothing else.

    Questions about the items `refused` always fail; of the others a share `failing` does.
    """

    def answer(item: int, shown: Shown) -> list[float] | None:
        digest = hashlib.sha256(repr((item, list(shown))).encode()).digest()
        if item in refused or digest[31] / 256 < failing:
            return None
        return [-digest[label] / 64 for label in range(n_labels)]

    return answer


def biased_towards(bias: Sequence[float], strength: float = 1.0) -> Model:
    """A model with a label bias: demonstrations vote, weighted by a hash of both items, and `bias` (nats) is added."""

    def answer(item: int, shown: Shown) -> list[float]:
        scores = list(bias)
        for other, label in shown:
            digest = hashlib.sha256(repr((item, other)).encode()).digest()
            scores[label] += strength * (digest[0] / 256 - 0.5)
        return scores

    return answer


def shown_to(search: Icm, question: Question, context: Context) -> list[tuple[int, int]]:
    """The demonstrations of a question, with "all" spelt out."""
    if context.demonstrations != "all":
        return list(context.demonstrations)
    own = search.problem.group_of[question.item]
    labels = search.labels_of(context.chain)
    return [
        (item, label) for item, label in enumerate(labels) if label is not None and search.problem.group_of[item] != own
    ]


class Run:
    """A search under way, what is in flight, and its journal."""

    def __init__(self, search: Icm, model: Model, journal: Sequence[Event] = ()) -> None:
        self.search = search
        self.journal: list[Event] = list(journal)
        self.asked: list[str] = []
        self._model = model
        self._contexts = {event.id: event for event in journal if isinstance(event, Context)}
        self._flying: dict[str, Told] = {}
        restore(search, journal)
        self.drain_contexts()

    def in_order(self) -> "Run":
        """Answer what the next decision still waits for, question by question, until the search is over."""
        while not self.search.done:
            for question in self.search.missing():
                self.ask(question)
                self.tell(question.id)
            self.commit()
        return self

    def eagerly(self, after_decision: Callable[[Decision], Any] = lambda _: None) -> "Run":
        """Answer all that the window admits, then commit what can be, until the search is over."""
        while not self.search.done:
            for question in list(self.search.wants()):
                self.ask(question)
                self.tell(question.id)
            while (decision := self.commit()) is not None:
                after_decision(decision)
        return self

    def in_disorder(self, random: Random) -> "Run":
        """Ask, answer and commit in random turns, with answers in random order, until the search is over."""
        while not self.search.done:
            turn = random.randrange(4)
            if turn == 0:
                waiting = [question for question in self.search.wants() if question.id not in self._flying]
                for question in random.sample(waiting, random.randint(0, len(waiting))):
                    self.ask(question)
            elif turn == 1 and self._flying:
                self.tell(random.choice(list(self._flying)))
            elif turn == 2:
                for name in random.sample(list(self._flying), random.randint(0, len(self._flying))):
                    self.tell(name)
            else:
                self.commit()
        return self

    # Step by step

    def ask(self, question: Question) -> None:
        """Send a question; its answer is in flight."""
        shown = shown_to(self.search, question, self._contexts[question.context_id])
        self.asked.append(question.id)
        told = Told(question.id, question.n, question.item, question.context_id, self._model(question.item, shown))
        self._flying[question.id] = told

    def tell(self, name: str) -> None:
        """Let an answer arrive."""
        told = self._flying.pop(name)
        self.search.tell(name, told.logprobs)
        self.journal.append(told)

    def commit(self) -> Decision | None:
        """Take the next decision if its answers are there."""
        proposal = self.search.propose()
        if proposal is None:
            return None
        decision = self.search.commit(proposal)
        self.journal.append(decision)
        self.drain_contexts()
        return decision

    def drain_contexts(self) -> None:
        """Put new contexts into the journal."""
        for context in self.search.drain_contexts():
            self._contexts[context.id] = context
            self.journal.append(context)

    # What came of it

    @property
    def decisions(self) -> list[Decision]:
        """The decisions, in order."""
        return [event for event in self.journal if isinstance(event, Decision)]

    @property
    def contexts(self) -> list[Context]:
        """The contexts, in order."""
        return [event for event in self.journal if isinstance(event, Context)]

    @property
    def answers(self) -> dict[str, Told]:
        """The answers, by question."""
        return {event.question: event for event in self.journal if isinstance(event, Told)}

    def trajectory(self) -> bytes:
        """Everything that must not depend on timing: contexts, decisions, labels and coherence."""
        return msgspec.json.encode([self.contexts, self.decisions, self.search.labels, self.search.coherence_bits])


def restore(search: Icm, journal: Sequence[Event]) -> None:
    """Restore a new search from a journal."""
    for event in journal:
        if isinstance(event, Context):
            search.restore_context(event)
        elif isinstance(event, Told):
            search.tell(event.question, event.logprobs)
        else:
            search.restore_decision(event)
