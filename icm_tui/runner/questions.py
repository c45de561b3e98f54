"""The questions of a search: the contexts that they show, which of them go out next, and what is kept of a reply."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from icm_tui.domain.decisions import Question
from icm_tui.domain.reply import Reply
from icm_tui.models.client import Query
from icm_tui.run_dir.reading import read_record
from icm_tui.run_dir.records import AnswerRecord, AnyRecord, ContextRecord
from icm_tui.runner.restore import Restored
from icm_tui.search.method import Search

# So many contexts are kept in memory before those without an open question are dropped.
CONTEXTS_KEPT = 256


class Contexts:
    """The contexts of a run whose journal was `restored` into `search`.

    A context is in the journal before a question about it goes out. All contexts of a long run would fill the memory:
    once there are more than `most`, those without an open question are dropped, and read again from the `journal` if
    they are wanted after all.
    """

    def __init__(self, journal: Path, search: Search, restored: Restored, most: int = CONTEXTS_KEPT) -> None:
        self._journal = journal
        self._search = search
        self._offsets = restored.context_offsets
        self.kept = restored.contexts | self._read(self._still_open())
        self._fewest = self._most = most

    def publish(self, append: Callable[[AnyRecord], int]) -> None:
        """Journal the contexts drawn since the last call by `append`, which returns the byte at which a record is."""
        for context in self._search.drain_contexts():
            record = ContextRecord(
                id=context.id, phase=context.phase, chain=context.chain, demonstrations=context.demonstrations
            )
            self.kept[context.id] = record
            self._offsets[context.id] = append(record)
        if len(self.kept) > self._most:
            still_open = self._still_open()
            # A chain's one context that shows all serves every question to come.
            self.kept = {
                number: context
                for number, context in self.kept.items()
                if number in still_open or context.demonstrations == "all"
            }
            self._most = max(self._fewest, 2 * len(self.kept))

    def query(self, question: str, item: int, number: int, n: int | None = None) -> Query:
        """A question about an item with context `number`, asked for decision `n` if it is one of the search."""
        context = self._of(number)
        return Query(question, item, context.chain, context.id, context.demonstrations, n=n)

    def is_shared(self, number: int) -> bool:
        """Whether the questions of a context begin alike. If all labelled items are shown they do not: the labels
        change, and every question leaves its own group out."""
        shown = self._of(number).demonstrations
        return shown != "all" and bool(shown)

    def _of(self, number: int) -> ContextRecord:
        return self.kept.get(number) or self._read([number])[number]

    def _read(self, wanted: Iterable[int]) -> dict[int, ContextRecord]:
        contexts: dict[int, ContextRecord] = {}
        for number in wanted:
            if number in self._offsets:
                record = read_record(self._journal, self._offsets[number])
                assert isinstance(record, ContextRecord)
                contexts[number] = record
        return contexts

    def _still_open(self) -> set[int]:
        return {question.context_id for question in self._search.wants()}


class Sending:
    """Chooses the questions that go out next, and knows those in flight. It changes their order and nothing else.

    If the server keeps the beginnings of prompts, a context's first question goes out alone, and its others follow once
    that was answered: sent together, each would make the server read the context anew. `is_shared` says whether the
    questions of a context, given by its number, begin alike.
    """

    def __init__(self, is_shared: Callable[[int], bool]) -> None:
        self.in_flight: dict[str, Question] = {}
        self._is_shared = is_shared
        self._read: set[int] = set()

    def choose(self, wanted: Iterable[Question], free: int, *, warms: bool) -> list[Question]:
        """At most `free` of the questions `wanted`, in their order, that go out now."""
        chosen: list[Question] = []
        # A context is begun by a question in flight, or by one chosen before.
        begun = {question.context_id for question in self.in_flight.values()} if warms else set()
        for question in wanted:
            if len(chosen) >= free:
                break
            if question.id in self.in_flight:
                continue
            if warms and question.context_id not in self._read and self._is_shared(question.context_id):
                if question.context_id in begun:
                    continue
                begun.add(question.context_id)
            chosen.append(question)
        return chosen

    def sent(self, question: Question) -> None:
        """Take note that a question went out."""
        self.in_flight[question.id] = question

    def returned(self, name: str, *, read: bool) -> None:
        """Take note that a question came back, answered or not; `read` says that the server has read its context."""
        question = self.in_flight.pop(name, None)
        if read and question is not None:
            self._read.add(question.context_id)

    def keep_only(self, contexts: Iterable[int]) -> None:
        """Forget which contexts were read, except for these."""
        self._read.intersection_update(contexts)

    def abandon(self) -> None:
        """Stop waiting for the questions in flight."""
        self.in_flight.clear()


def answer_record(query: Query, reply: Reply) -> AnswerRecord:
    """What the journal keeps of a reply."""
    fields = msgspec.structs.asdict(reply)
    return AnswerRecord(question=query.question, context_id=query.context_id, item=query.item, n=query.n, **fields)
