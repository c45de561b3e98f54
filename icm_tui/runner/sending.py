"""Which of the questions that may be asked go out next. Pure; it changes their order and nothing else."""

from collections.abc import Callable, Iterable

from icm_tui.domain.decisions import Question


class Sending:
    """The questions in flight, and the contexts that the server has read.

    If the server keeps the beginnings of prompts, a context's first question goes out alone, and its others follow once
    that was answered: sent together, each would have the server read the context anew. `shares` tells of a context, by
    its number, whether its questions begin alike.
    """

    def __init__(self, shares: Callable[[int], bool]) -> None:
        self.in_flight: dict[str, Question] = {}
        self._shares = shares
        self._read: set[int] = set()

    def choose(self, wanted: Iterable[Question], free: int, *, warms: bool) -> list[Question]:
        """At most `free` of the questions `wanted`, in their order, that go out now."""
        chosen: list[Question] = []
        # A context is begun by a question in flight, or by the one chosen just before.
        begun = {question.context_id for question in self.in_flight.values()} if warms else set()
        for question in wanted:
            if len(chosen) >= free:
                break
            if question.id in self.in_flight:
                continue
            if warms and question.context_id not in self._read and self._shares(question.context_id):
                if question.context_id in begun:
                    continue
                begun.add(question.context_id)
            chosen.append(question)
        return chosen

    def sent(self, question: Question) -> None:
        """A question went out."""
        self.in_flight[question.id] = question

    def back(self, name: str, *, read: bool) -> None:
        """A question came back, answered or not; `read` says that the server has read its context."""
        question = self.in_flight.pop(name, None)
        if read and question is not None:
            self._read.add(question.context_id)

    def keep_only(self, contexts: Iterable[int]) -> None:
        """Forget of every context but these whether it was read."""
        self._read.intersection_update(contexts)

    def abandon(self) -> None:
        """Wait for none of the questions in flight any more."""
        self.in_flight.clear()
