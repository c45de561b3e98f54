"""The labels of a run as its journal leaves them."""

import math
from pathlib import Path

import msgspec

from icm_tui.domain.phases import PhaseName
from icm_tui.domain.scores import log_softmax
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.run_dir.pins import read_pin
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import AnswerRecord, CommandRecord, ContextRecord, DecisionRecord, StartRecord


class FinalLabel(msgspec.Struct):
    """An item's label and what it rests on: the last answer's log-probabilities (nats), the label's probability by
    them once the model's label bias is taken off, the decision that set it (the next one, if a person did), and
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
    label_bias: list[float] | None = None
    kept: int | None = None
    set_names: list[str] = []
    pinned: dict[int, bool] = {}
    for _, record in read_records(run.journal):
        if isinstance(record, StartRecord):
            set_names = record.labels
        elif isinstance(record, ContextRecord):
            chain_of[record.id] = -1 if record.phase == PhaseName.LABEL_BIAS else record.chain
        elif isinstance(record, AnswerRecord):
            chain = chain_of[record.context_id]
            # Two sweeps' answers about an item may come in either order; their contexts were drawn in one.
            newest = asked_by.get((chain, record.item), -1)
            if chain >= 0 and record.logprobs is not None and record.context_id >= newest:
                asked_by[chain, record.item] = record.context_id
                _of(chains, chain, len(items))[record.item].logprobs = record.logprobs
        elif isinstance(record, DecisionRecord):
            if record.phase == PhaseName.LABEL_BIAS:
                label_bias = list(record.score.values())
            elif record.phase == PhaseName.SELECTION:
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
            less = (
                final.logprobs
                if label_bias is None
                else [a - b for a, b in zip(final.logprobs, label_bias, strict=True)]
            )
            final.p = round(math.exp(log_softmax(less)[final.label]), 6)
    return labels


def _of(chains: dict[int, list[FinalLabel]], chain: int, n_items: int) -> list[FinalLabel]:
    if chain not in chains:
        chains[chain] = [FinalLabel() for _ in range(n_items)]
    return chains[chain]
