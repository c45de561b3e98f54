"""The labels of a run, folded from its journal. No other module knows what a record does to labels."""

import math
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from icm_tui.domain.decisions import PhaseName
from icm_tui.domain.scores import log_softmax
from icm_tui.errors import UserError
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

UNLABELLED = -1
NEVER = -1

# More chains than any profile asks for. A record with a higher number does not fit its run.
_MOST_CHAINS = 64


class Change(NamedTuple):
    """A label changed at decision `n`; None is unlabelled. `by_person` if a pin did it."""

    n: int
    before: int | None
    after: int | None
    by_person: bool = False


class History:
    """The changes of every item: 14 bytes per change and 4 per item."""

    def __init__(self, n_items: int) -> None:
        self._last = array("i", [-1]) * n_items
        self._earlier = array("i")
        self._item = array("i")
        self._n = array("i")
        # Label before, label after and by whom, packed: labels are few, and three arrays would take longer.
        self._what = array("h")

    def add(self, item: int, n: int, before: int, after: int, by_person: bool) -> None:
        """Append a change to the item's others; `before` and `after` are UNLABELLED if there is no label."""
        self._item.append(item)
        self._n.append(n)
        self._what.append((before + 1) | (after + 1) << 5 | by_person << 10)
        self._earlier.append(self._last[item])
        self._last[item] = len(self._earlier) - 1

    def of(self, item: int) -> list[Change]:
        """Return the item's changes, oldest first."""
        changes: list[Change] = []
        place = self._last[item]
        while place >= 0:
            changes.append(self._at(place))
            place = self._earlier[place]
        return changes[::-1]

    def last(self, item: int) -> Change | None:
        """Return the item's last change, or None if it has had none."""
        place = self._last[item]
        return None if place < 0 else self._at(place)

    def last_n(self, item: int) -> int:
        """Return the decision of the item's last change, or NEVER."""
        place = self._last[item]
        return NEVER if place < 0 else self._n[place]

    def __len__(self) -> int:
        """How many changes there are. A change is complete once it is counted."""
        return len(self._earlier)

    def between(self, start: int, stop: int) -> Iterator[tuple[int, Change]]:
        """Yield the changes number `start` to `stop` (exclusive) with their items, in the order in which they came."""
        for number in range(start, stop):
            yield self._item[number], self._at(number)

    def _at(self, place: int) -> Change:
        what = self._what[place]
        before, after = (what & 31) - 1, (what >> 5 & 31) - 1
        return Change(
            self._n[place],
            None if before == UNLABELLED else before,
            None if after == UNLABELLED else after,
            bool(what >> 10),
        )


class ChainLabels:
    """The labels of one chain and what they rest on, in flat arrays indexed by item: items and changes may be millions.

    `labels` holds label indices (UNLABELLED if there is none), `decided` the decision that set the label, `flips` how
    often it went from one label to another, `answers` the byte offset of the answer that counts and `contexts` the
    number of its context; NEVER means none. `failed` has the byte offset of the last failed answer of each item that
    has no other answer.

    A record that does not fit raises IndexError, OverflowError or ValueError.
    """

    def __init__(self, n_items: int, n_labels: int) -> None:
        self.labels = array("b", [UNLABELLED]) * n_items
        self.decided = array("i", [NEVER]) * n_items
        self.flips = array("i", [0]) * n_items
        self.answers = array("q", [NEVER]) * n_items
        self.contexts = array("i", [NEVER]) * n_items
        self.failed: dict[int, int] = {}
        self.history = History(n_items)
        self.counts = [0] * n_labels
        self._n_labels = n_labels
        self._logprobs = array("d", [math.nan]) * (n_items * n_labels)

    @property
    def labelled(self) -> int:
        """How many items have a label."""
        return sum(self.counts)

    def change(self, item: int, n: int, label: int | None, *, by_person: bool = False) -> bool:
        """Set an item's label at decision `n`; None removes it. Returns whether that was a flip, from one label to
        another."""
        after = UNLABELLED if label is None else label
        if item < 0 or not UNLABELLED <= after < self._n_labels:
            raise IndexError(f"item {item}, label {after}")
        before = self.labels[item]
        self.history.add(item, n, before, after, by_person)
        if before != UNLABELLED:
            self.counts[before] -= 1
        self.labels[item] = after
        if after == UNLABELLED:
            self.decided[item] = NEVER
            return False
        self.counts[after] += 1
        self.decided[item] = n
        if before in (UNLABELLED, after):
            return False
        self.flips[item] += 1
        return True

    def answer(self, item: int, context_id: int, logprobs: list[float] | None, offset: int) -> None:
        """Take in an answer (nats for each label, None if it failed). Answers to two contexts may come in either order;
        the one to the later context counts."""
        if item < 0 or (logprobs is not None and len(logprobs) != self._n_labels):
            raise IndexError(f"item {item}, log-probabilities {logprobs}")
        latest = self.contexts[item]
        if logprobs is None:
            if latest == NEVER:
                self.failed[item] = offset
            return
        if context_id >= latest:
            self.contexts[item] = context_id
            self.answers[item] = offset
            start = item * self._n_labels
            for label, logprob in enumerate(logprobs):
                self._logprobs[start + label] = logprob
            if self.failed:
                self.failed.pop(item, None)

    def logprobs(self, item: int) -> list[float] | None:
        """Return the log-probability (nats) of every label in the answer that counts; None before there is one."""
        if self.contexts[item] == NEVER:
            return None
        start = item * self._n_labels
        return self._logprobs[start : start + self._n_labels].tolist()

    def p(self, item: int, label_bias: Sequence[float] | None) -> float | None:
        """Return the probability of the item's label by its answer, with the model's `label_bias` (nats for each label)
        removed; None without a label or an answer."""
        label = self.labels[item]
        if label == UNLABELLED or self.contexts[item] == NEVER:
            return None
        start = item * self._n_labels
        found: Sequence[float] = self._logprobs[start : start + self._n_labels]
        if label_bias is not None:
            found = [logprob - bias for logprob, bias in zip(found, label_bias, strict=True)]
        return math.exp(log_softmax(found)[label])

    def log_odds(self, item: int) -> float | None:
        """Return how far the first label is ahead of the second in the answer (nats). With more than two labels, return
        how far the item's own label is ahead of the best other one."""
        found, label = self.logprobs(item), self.labels[item]
        if found is None:
            return None
        if len(found) == 2:
            return found[0] - found[1]
        if label == UNLABELLED:
            return None
        return found[label] - max(value for place, value in enumerate(found) if place != label)


class Pin(NamedTuple):
    """A label that a person set, by its index, and the note with it."""

    label: int
    note: str


class FinalLabel(msgspec.Struct):
    """An item's label and what it rests on: `logprobs` (nats) of the last answer, `p`, the label's probability by them
    with the model's label bias removed, the decision that set the label (the next one if a person did), and whether a
    person pinned it."""

    label: int | None = None
    logprobs: list[float] | None = None
    p: float | None = None
    decided_at: int | None = None
    pinned: bool = False


class Labels:
    """The labels of every chain of a run after the records added so far.

    `chain` is the number of the chain whose labels are the run's: the chain that was kept, or the leading one until
    then. `n` is the number of the next decision, `phase` that of the last one. `label_bias` is in nats for each label,
    `coherence` each chain's last one in bits.

    A record that does not fit the run raises KeyError, IndexError, OverflowError or ValueError.
    """

    def __init__(self, n_items: int, names: Sequence[str], most_chains: int = _MOST_CHAINS) -> None:
        """`names` are those of the labels."""
        self._n_items = n_items
        self._names = names
        self._most_chains = most_chains
        self.clear()

    def clear(self) -> None:
        """Forget every record, because the journal begins again."""
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
        """Take in a context. Answers to a context that measures the label bias belong to no chain."""
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
    """Return the labels that the journal of the run in `path` ends with, one per item, in item order.

    Until the tournament of method `icm` is decided these are the labels of the leading chain. Raises UserError if
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
    """The newest context that each item of a chain was asked with, from a run's records, live or read back.
    Contexts that measure the model's label bias do not count."""

    def __init__(self) -> None:
        self._chain_of: dict[int, int] = {}
        self._newest: dict[int, dict[int, int]] = {}

    def add(self, record: AnyRecord) -> None:
        """Take in a record."""
        if isinstance(record, AnswerRecord):
            chain = self._chain_of.get(record.context_id)
            if chain is not None:
                newest = self._newest.setdefault(chain, {})
                # Answers from two sweeps may come in either order; contexts are numbered in the order drawn.
                newest[record.item] = max(record.context_id, newest.get(record.item, -1))
        elif isinstance(record, ContextRecord) and record.phase != PhaseName.LABEL_BIAS:
            self._chain_of[record.id] = record.chain

    def context(self, chain: int, item: int) -> int | None:
        """Return the number of the context that `item` was last asked with in `chain`; None if it never was."""
        return self._newest.get(chain, {}).get(item)

    def context_anywhere(self, item: int) -> int | None:
        """Return the number of the newest context that `item` was asked with in any chain, or None."""
        return max((newest[item] for newest in self._newest.values() if item in newest), default=None)


def misfit(journal: Path, record: AnyRecord, error: Exception) -> UserError:
    """Make the error for an intact record that does not fit the run whose journal it is in."""
    return UserError(
        f"The journal {journal} does not fit its run: record {record.seq} ({record.__struct_config__.tag}) cannot be "
        f"applied ({error!r}). Put back the run directory as it was, or start a new run."
    )
