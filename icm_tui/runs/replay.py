"""Reading a journal back: the one fold by which a run is resumed, replayed and exported."""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from icm_tui.errors import UserError
from icm_tui.models.endpoint import Endpoint
from icm_tui.runs.changes import renew_endpoint
from icm_tui.runs.journal import read_records
from icm_tui.runs.last_asked import LastAsked
from icm_tui.runs.layout import RunDir, read_items
from icm_tui.runs.pins import read_pin
from icm_tui.runs.records import (
    AnswerRecord,
    AnyRecord,
    BlockRecord,
    CommandRecord,
    DecisionRecord,
    DoneRecord,
    EndpointRecord,
    StartRecord,
)
from icm_tui.runs.tally import Tally
from icm_tui.search.interface import Search
from icm_tui.search.score import log_softmax
from icm_tui.search.types import Change


class Replayed(msgspec.Struct):
    """What a journal says besides the search's own state: the counts, the lists that show all, at which byte each other
    list stands, which list each item was last asked with, the endpoint that the next answers are to come from (None
    where none was found yet, or another one is to be), the ids of the commands obeyed, the settings changed on the way,
    the names of the label sets, the label that each pinned item is pinned to, whether the next decision is to be
    skipped, and whether the run is done."""

    tally: Tally = msgspec.field(default_factory=Tally)
    last_asked: LastAsked = msgspec.field(default_factory=LastAsked)
    endpoint: Endpoint | None = None
    blocks: dict[int, BlockRecord] = {}
    block_offsets: dict[int, int] = {}
    obeyed: set[str] = set()
    sets: list[str] = []
    set_names: list[str] = []
    pinned: dict[int, int] = {}
    skip: bool = False
    done: bool = False


def fold(
    records: Iterable[tuple[int, AnyRecord]],
    search: Search,
    journal: Path,
    relabel: Callable[[int, list[Change]], None],
) -> Replayed:
    """Give a journal back to a fresh search: lists, answers, decisions and what a person set are adopted, none is
    computed again.

    `records` come with their byte offsets. `relabel` follows every chain's changes. Raises UserError where the records
    do not fit the search, naming the first that does not.
    """
    replayed = Replayed()
    for offset, record in records:
        try:
            _adopt(record, search, replayed)
            if isinstance(record, BlockRecord):
                if record.demonstrations == "all":
                    replayed.blocks[record.id] = record
                else:
                    replayed.block_offsets[record.id] = offset
            if isinstance(record, DecisionRecord):
                relabel(record.chain, record.changes)
            elif isinstance(record, CommandRecord):
                for chain, changes in _by_chain(record).items():
                    search.relabel(chain, changes)
                    relabel(chain, changes)
        except (KeyError, IndexError, ValueError, AssertionError, StopIteration) as error:
            raise UserError(
                f"The journal {journal} does not fit its run: record {record.seq} ({type(record).__name__}) cannot be "
                f"taken in ({error!r}). Put back the run directory as it was, or start a new run."
            ) from error
        replayed.tally.add(record)
        replayed.last_asked.add(record)
    return replayed


def _adopt(record: AnyRecord, search: Search, replayed: Replayed) -> None:
    if isinstance(record, StartRecord):
        replayed.set_names = record.labels
    elif isinstance(record, EndpointRecord):
        replayed.endpoint = record.endpoint
    elif isinstance(record, BlockRecord):
        search.adopt_block(record)
    elif isinstance(record, AnswerRecord):
        search.tell(record.question, record.logprobs)
    elif isinstance(record, DecisionRecord):
        if record.n != search.n:
            raise ValueError(f"decision {record.n} where {search.n} was expected")
        search.adopt_decision(record)
        replayed.skip = replayed.skip and not record.items
    elif isinstance(record, CommandRecord):
        replayed.obeyed.add(record.id)
        if record.what == "resume" and record.outcome == "done":
            sets = record.args.get("set", [])
            replayed.sets += sets
            if renew_endpoint(sets):
                replayed.endpoint = None
        if record.what == "skip" and record.outcome == "done":
            replayed.skip = True
        if record.what == "pin" and record.outcome == "done":
            item, label = read_pin(record.args, replayed.set_names, search.problem.n_items)
            replayed.pinned.pop(item, None)
            if label is not None:
                replayed.pinned[item] = label
    elif isinstance(record, DoneRecord):
        replayed.done = True


def _by_chain(command: CommandRecord) -> dict[int, list[Change]]:
    changes: dict[int, list[Change]] = {}
    for chain, item, before, after in command.changes:
        changes.setdefault(chain, []).append((item, before, after))
    return changes


def read_blocks(journal: Path, offsets: Mapping[int, int], wanted: Iterable[int]) -> dict[int, BlockRecord]:
    """The lists `wanted`, read again from where they stand; a long run's lists together would fill the memory."""
    blocks: dict[int, BlockRecord] = {}
    for number in wanted:
        if number in offsets:
            _, record = next(read_records(journal, start_offset=offsets[number]))
            assert isinstance(record, BlockRecord)
            blocks[number] = record
    return blocks


class FinalLabel(msgspec.Struct):
    """An item's label and what it rests on: the last answer's log-probabilities (nats), the label's probability by
    them once the model's own leaning is taken off, the decision that set it (the next one, where a person did), and
    whether a person pinned it."""

    label: int | None = None
    logprobs: list[float] | None = None
    p: float | None = None
    decided_at: int | None = None
    pinned: bool = False


def final_labels(path: Path) -> list[FinalLabel]:
    """The labels of a run as its journal leaves them, an item each, in item order.

    Before the tournament of method `icm` is decided these are the labels of the chain in the lead.
    """
    run = RunDir(path)
    items, _ = read_items(run)
    chains: dict[int, list[FinalLabel]] = {}
    coherence: dict[int, float] = {}
    chain_of: dict[int, int] = {}
    asked_by: dict[tuple[int, int], int] = {}
    leaning: list[float] | None = None
    kept: int | None = None
    set_names: list[str] = []
    pinned: dict[int, bool] = {}
    for _, record in read_records(run.journal):
        if isinstance(record, StartRecord):
            set_names = record.labels
        elif isinstance(record, BlockRecord):
            chain_of[record.id] = -1 if record.phase == "leaning" else record.chain
        elif isinstance(record, AnswerRecord):
            chain = chain_of[record.block]
            # Two sweeps' answers about an item may come in either order; their lists were drawn in one.
            newest = asked_by.get((chain, record.item), -1)
            if chain >= 0 and record.logprobs is not None and record.block >= newest:
                asked_by[chain, record.item] = record.block
                _of(chains, chain, len(items))[record.item].logprobs = record.logprobs
        elif isinstance(record, DecisionRecord):
            if record.phase == "leaning":
                leaning = list(record.score.values())
            elif record.phase == "selection":
                kept = record.chain
            if "coherence_bits" in record.score:
                coherence[record.chain] = record.score["coherence_bits"]
            labels = _of(chains, record.chain, len(items))
            for item, _, after in record.changes:
                labels[item].label = after
                labels[item].decided_at = None if after is None else record.n
        elif isinstance(record, CommandRecord):
            for chain, item, _, after in record.changes:
                of_chain = _of(chains, chain, len(items))[item]
                of_chain.label = after
                of_chain.decided_at = None if after is None else record.n
            if record.what == "pin" and record.outcome == "done":
                item, label = read_pin(record.args, set_names, len(items))
                pinned[item] = label is not None
    chosen = kept if kept is not None else max(coherence, key=lambda chain: coherence[chain], default=0)
    labels = _of(chains, chosen, len(items))
    for item, final in enumerate(labels):
        final.pinned = pinned.get(item, False)
        if final.label is not None and final.logprobs is not None:
            less = final.logprobs if leaning is None else [a - b for a, b in zip(final.logprobs, leaning, strict=True)]
            final.p = round(math.exp(log_softmax(less)[final.label]), 6)
    return labels


def _of(chains: dict[int, list[FinalLabel]], chain: int, n_items: int) -> list[FinalLabel]:
    if chain not in chains:
        chains[chain] = [FinalLabel() for _ in range(n_items)]
    return chains[chain]
