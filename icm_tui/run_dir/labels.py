"""The labels of a run, folded from its journal: the one place that knows what a record does to them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from icm_tui.domain.decisions import PhaseName
from icm_tui.errors import UserError
from icm_tui.run_dir.chain import NEVER, UNLABELLED, ChainLabels
from icm_tui.run_dir.inbox import read_pin
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import (
    AnswerRecord,
    AnyRecord,
    CommandRecord,
    ContextRecord,
    DecisionRecord,
    StartRecord,
)

# More chains than any profile asks for: a record that names another one does not fit its run.
_MOST_CHAINS = 64


class Pin(NamedTuple):
    """A label that a person set, by its index, and the note with it."""

    label: int
    note: str


class FinalLabel(msgspec.Struct):
    """An item's label and what it rests on: the last answer's log-probabilities (nats), the label's probability by
    them with the model's label bias removed, the decision that set it (the next one, if a person did), and whether a
    person pinned it."""

    label: int | None = None
    logprobs: list[float] | None = None
    p: float | None = None
    decided_at: int | None = None
    pinned: bool = False


class Labels:
    """The labels of every chain of a run after the records added so far.

    `chain` is the number of the chain whose labels are the run's: the one that was kept, before that the one in the
    lead. `n` is the number of the next decision, `phase` the last one's; `label_bias` is in nats a label, `coherence`
    each chain's last measure in bits.

    A record that does not fit the run raises KeyError, IndexError, OverflowError or ValueError.
    """

    def __init__(self, n_items: int, names: Sequence[str], most_chains: int = _MOST_CHAINS) -> None:
        """`names` are those of the label sets."""
        self._n_items = n_items
        self._names = names
        self._most_chains = most_chains
        self.clear()

    def clear(self) -> None:
        """Forget every record: the journal begins again."""
        self.chains: dict[int, ChainLabels] = {}
        self.chain = 0
        self.kept: int | None = None
        self.label_bias: list[float] | None = None
        self.n = 0
        self.phase = ""
        self.pins: dict[int, Pin] = {}
        self.coherence: dict[int, float] = {}
        self._chain_of: dict[int, int] = {}

    @property
    def shown(self) -> ChainLabels:
        """The labels of the run: those of `chain`."""
        return self._chain(self.chain)

    @property
    def in_tournament(self) -> bool:
        """Whether several chains still compete."""
        return self.kept is None and len(self.chains) > 1

    def add(self, offset: int, record: AnyRecord) -> None:
        """Take in a record whose line begins at byte `offset` of the journal."""
        if isinstance(record, AnswerRecord):
            self.add_answer(offset, record)
        elif isinstance(record, DecisionRecord):
            self.add_decision(record)
        elif isinstance(record, ContextRecord):
            self.add_context(record)
        elif isinstance(record, CommandRecord):
            self.add_command(record)

    def add_context(self, record: ContextRecord) -> None:
        """Take in a context. The answers of those that measure the label bias are no chain's."""
        self._chain_of[record.id] = -1 if record.phase == PhaseName.LABEL_BIAS else record.chain

    def add_answer(self, offset: int, record: AnswerRecord) -> None:
        """Take in an answer whose line begins at byte `offset`."""
        chain = self._chain_of[record.context_id]
        if chain >= 0:
            self._chain(chain).answer(record.item, record.context_id, record.logprobs, offset)

    def add_decision(self, record: DecisionRecord) -> int:
        """Take in a decision; returns how many labels it flipped from one to another."""
        self.n = record.n + 1
        self.phase = record.phase
        if record.phase == PhaseName.LABEL_BIAS:
            self.label_bias = list(record.score.values())
            return 0
        chain = self._chain(record.chain)
        if record.phase == PhaseName.SELECTION:
            self.kept = self.chain = record.chain
        flips = 0
        for item, _, label in record.changes:
            flips += chain.change(item, record.n, label)
        bits = record.score.get("coherence_bits")
        if bits is not None:
            self.coherence[record.chain] = bits
            if self.kept is None:
                self.chain = max(self.coherence, key=self.coherence.__getitem__)
        return flips

    def add_command(self, record: CommandRecord) -> None:
        """Take in a command: the labels that it set, and the pin."""
        for chain, item, _, label in record.changes:
            self._chain(chain).change(item, record.n, label, by_person=True)
        if record.what == "pin" and record.outcome == "done":
            item, label = read_pin(record.args, self._names, self._n_items)
            self.pins.pop(item, None)
            if label is not None:
                self.pins[item] = Pin(label, record.args.get("note", ""))

    def final(self) -> list[FinalLabel]:
        """The run's labels as they are now, an item each, in item order."""
        chain = self.shown
        finals = []
        for item, (label, decided) in enumerate(zip(chain.labels, chain.decided, strict=True)):
            p = chain.p(item, self.label_bias)
            finals.append(
                FinalLabel(
                    None if label == UNLABELLED else label,
                    chain.logprobs(item),
                    None if p is None else round(p, 6),
                    None if decided == NEVER else decided,
                    item in self.pins,
                )
            )
        return finals

    def _chain(self, number: int) -> ChainLabels:
        if number not in self.chains:
            if not 0 <= number < self._most_chains:
                raise IndexError(f"chain {number}")
            self.chains[number] = ChainLabels(self._n_items, len(self._names))
        return self.chains[number]


def final_labels(path: Path) -> list[FinalLabel]:
    """The labels of the run in `path` as its journal leaves them, an item each, in item order.

    Before the tournament of method `icm` is decided these are the labels of the chain in the lead. Raises UserError if
    the items or the journal cannot be read or do not fit together.
    """
    run = RunDir(path)
    items, _ = read_items(run)
    labels = Labels(len(items), [])
    for offset, record in read_records(run.journal):
        if isinstance(record, StartRecord) and not offset:
            labels = Labels(len(items), record.labels)
        try:
            labels.add(offset, record)
        except (KeyError, IndexError, OverflowError, ValueError) as error:
            raise misfit(run.journal, record, error) from error
    return labels.final()


class LastAsked:
    """The newest context that each item of a chain was asked with, counted from a run's records, live or read back; the
    contexts that measure the model's label bias do not count."""

    def __init__(self) -> None:
        self._chain_of: dict[int, int] = {}
        self._newest: dict[int, dict[int, int]] = {}

    def add(self, record: AnyRecord) -> None:
        """Count a record."""
        if isinstance(record, AnswerRecord):
            chain = self._chain_of.get(record.context_id)
            if chain is not None:
                newest = self._newest.setdefault(chain, {})
                # Two sweeps' answers about an item may come in either order; their contexts were drawn in one.
                newest[record.item] = max(record.context_id, newest.get(record.item, -1))
        elif isinstance(record, ContextRecord) and record.phase != PhaseName.LABEL_BIAS:
            self._chain_of[record.id] = record.chain

    def context(self, chain: int, item: int) -> int | None:
        """The number of the context that `item` was last asked with in `chain`, or None if it never was."""
        return self._newest.get(chain, {}).get(item)

    def context_anywhere(self, item: int) -> int | None:
        """The number of the newest context that `item` was asked with in any chain, or None if it never was asked."""
        return max((newest[item] for newest in self._newest.values() if item in newest), default=None)


def misfit(journal: Path, record: AnyRecord, error: Exception) -> UserError:
    """The error for a whole record that does not fit the run whose journal it is in."""
    return UserError(
        f"The journal {journal} does not fit its run: record {record.seq} ({record.__struct_config__.tag}) cannot be "
        f"applied ({error!r}). Put back the run directory as it was, or start a new run."
    )
