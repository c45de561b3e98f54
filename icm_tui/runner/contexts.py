"""The lists that a run's questions show: in the journal before a question about them goes out, kept while one may."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from icm_tui.run_dir.journal import read_records
from icm_tui.run_dir.records import AnyRecord, BlockRecord
from icm_tui.runner.restore import Replayed
from icm_tui.search.method import Search

# Lists kept before those with no question left are dropped.
_FEWEST = 256


class Lists:
    """The lists of a run whose journal was `replayed` into `search`. A long run's lists together would fill the memory,
    so those done with are dropped, and read again from the `journal` where they are wanted all the same."""

    def __init__(self, journal: Path, search: Search, replayed: Replayed) -> None:
        self._journal = journal
        self._search = search
        self._offsets = replayed.block_offsets
        self.kept = replayed.blocks | read_blocks(journal, replayed.block_offsets, self._still_open())
        self._most = _FEWEST

    def publish(self, append: Callable[[AnyRecord], int]) -> None:
        """Hand the lists drawn since the last time to the journal by `append`, which tells where each stands."""
        for block in self._search.take_blocks():
            record = BlockRecord(
                id=block.id, phase=block.phase, chain=block.chain, demonstrations=block.demonstrations
            )
            self.kept[block.id] = record
            self._offsets[block.id] = append(record)
        if len(self.kept) > self._most:
            still_open = self._still_open()
            # A chain's one block that shows all serves every question to come.
            self.kept = {
                number: block
                for number, block in self.kept.items()
                if number in still_open or block.demonstrations == "all"
            }
            self._most = max(_FEWEST, 2 * len(self.kept))

    def of(self, number: int) -> BlockRecord:
        """A list by its number."""
        return self.kept.get(number) or read_blocks(self._journal, self._offsets, [number])[number]

    def shared(self, number: int) -> bool:
        """Whether the questions of a list begin alike. Where all labelled items are shown they do not: the labels
        change, and every question leaves its own group out."""
        shown = self.of(number).demonstrations
        return shown != "all" and bool(shown)

    def _still_open(self) -> set[int]:
        return {question.block for question in self._search.wants()}


def read_blocks(journal: Path, offsets: Mapping[int, int], wanted: Iterable[int]) -> dict[int, BlockRecord]:
    """The lists `wanted`, read again from where they stand; a long run's lists together would fill the memory."""
    blocks: dict[int, BlockRecord] = {}
    for number in wanted:
        if number in offsets:
            _, record = next(read_records(journal, start_offset=offsets[number]))
            assert isinstance(record, BlockRecord)
            blocks[number] = record
    return blocks
