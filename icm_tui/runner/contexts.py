"""The contexts that a run's questions show: in the journal before a question about them goes out, kept while one
may."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from icm_tui.run_dir.reading import read_record
from icm_tui.run_dir.records import AnyRecord, ContextRecord
from icm_tui.runner.restore import Restored
from icm_tui.search.method import Search

# Contexts kept before those with no question left are dropped.
_FEWEST = 256


class Contexts:
    """The contexts of a run whose journal was `restored` into `search`. A long run's contexts together would fill the
    memory, so those done with are dropped, and read again from the `journal` if they are wanted all the same."""

    def __init__(self, journal: Path, search: Search, restored: Restored) -> None:
        self._journal = journal
        self._search = search
        self._offsets = restored.context_offsets
        self.kept = restored.contexts | read_contexts(journal, restored.context_offsets, self._still_open())
        self._most = _FEWEST

    def publish(self, append: Callable[[AnyRecord], int]) -> None:
        """Hand the contexts drawn since the last time to the journal by `append`, which tells where each stands."""
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
            self._most = max(_FEWEST, 2 * len(self.kept))

    def of(self, number: int) -> ContextRecord:
        """A context by its number."""
        return self.kept.get(number) or read_contexts(self._journal, self._offsets, [number])[number]

    def shared(self, number: int) -> bool:
        """Whether the questions of a context begin alike. If all labelled items are shown they do not: the labels
        change, and every question leaves its own group out."""
        shown = self.of(number).demonstrations
        return shown != "all" and bool(shown)

    def _still_open(self) -> set[int]:
        return {question.context_id for question in self._search.wants()}


def read_contexts(journal: Path, offsets: Mapping[int, int], wanted: Iterable[int]) -> dict[int, ContextRecord]:
    """The contexts `wanted`, read again from where they stand; a long run's contexts together would fill the memory."""
    contexts: dict[int, ContextRecord] = {}
    for number in wanted:
        if number in offsets:
            record = read_record(journal, offsets[number])
            assert isinstance(record, ContextRecord)
            contexts[number] = record
    return contexts
