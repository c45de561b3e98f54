"""The labels of a run by the book: a dictionary a chain, filled by one pass over the journal, for the fold to agree
with."""

import json
import math
from typing import Any

from icm_tui.run_dir.labels import FinalLabel
from icm_tui.run_dir.layout import RunDir


def reference_labels(run: RunDir) -> list[FinalLabel]:
    """The labels of a run as its journal leaves them, an item each, in item order."""
    found = [json.loads(line) for line in run.journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    names: list[str] = []
    chain_of: dict[int, int] = {}
    answers: dict[tuple[int, int], tuple[int, list[float]]] = {}
    labels: dict[tuple[int, int], tuple[int | None, int]] = {}
    coherence: dict[int, float] = {}
    pins: dict[int, Any] = {}
    kept, bias = None, None
    for record in found:
        kind = record["kind"]
        if kind == "start":
            names = record["labels"]
        elif kind == "context":
            chain_of[record["id"]] = -1 if record["phase"] == "label_bias" else record["chain"]
        elif kind == "answer" and record.get("logprobs"):
            key = chain_of[record["context_id"]], record["item"]
            if record["context_id"] >= answers.get(key, (-1, []))[0]:
                answers[key] = record["context_id"], record["logprobs"]
        elif kind == "decision":
            if record["phase"] == "label_bias":
                bias = list(record["score"].values())
            if record["phase"] == "selection":
                kept = record["chain"]
            coherence |= (
                {record["chain"]: record["score"]["coherence_bits"]} if "coherence_bits" in record["score"] else {}
            )
            labels |= {(record["chain"], item): (after, record["n"]) for item, _, after in record["changes"]}
        elif kind == "command":
            labels |= {(chain, item): (after, record["n"]) for chain, item, _, after in record["changes"]}
            if record["what"] == "pin" and record["outcome"] == "done":
                pins[record["args"]["item"]] = record["args"]["label"]
    chosen = kept if kept is not None else max(coherence, key=coherence.__getitem__, default=0)
    finals = []
    for item in range(len(run.items.read_bytes().splitlines())):
        label, n = labels.get((chosen, item), (None, None))
        _, logprobs = answers.get((chosen, item), (None, None))
        p = None
        if label is not None and logprobs is not None:
            weights = [math.exp(value - (bias[place] if bias else 0.0)) for place, value in enumerate(logprobs)]
            p = round(weights[label] / sum(weights), 6)
        finals.append(FinalLabel(label, logprobs, p, None if label is None else n, pins.get(item) in names))
    return finals
