"""A run's labels measured against every gold column, as an object of plain JSON values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from icm_tui.domain.items import Gold, Item
from icm_tui.domain.rules import RULES
from icm_tui.errors import UserError
from icm_tui.evaluate.agreement import agreement, majority_answer
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.naming import MAX_CLASSES, Ints
from icm_tui.evaluate.significance import significance
from icm_tui.text import one_line


def measure_run(finished: FinishedRun, gold: Gold) -> dict[str, Any]:
    """The labels of a run against its `gold`: what `measure_labels` makes, with `run` (its name), `directory`, and for
    a rule about exact keys `unconstrained_groups`."""
    rule = finished.profile.consistency.rule
    measured = measure_labels(
        finished.items,
        finished.labels,
        gold,
        fixed_names=finished.fixed_names,
        seed=finished.profile.run.seed,
        n_labels=len(finished.names),
        logits=[None if final.logprobs is None else final.logprobs[0] - final.logprobs[1] for final in finished.final],
    )
    report = {"run": finished.run.name, "directory": str(finished.run.path), **measured}
    if rule is not None and RULES[rule].exact_keys is not None:
        report["unconstrained_groups"] = unconstrained_groups(finished.items, rule)
    return report


def measure_labels(
    items: Sequence[Item],
    labels: Sequence[int | None],
    gold: Gold,
    *,
    fixed_names: bool,
    seed: int,
    n_labels: int = 2,
    logits: Sequence[float | None] | None = None,
    permutations: int = 2000,
) -> dict[str, Any]:
    """Measure `labels` (one an item, None for unlabelled; numbers below `n_labels`) against every column of `gold`.

    `logits` are log p(first label) - log p(second label) an item, in nats. `permutations` (0 for none) are drawn to
    tell how good the best of all columns is by chance; see significance().

    `fixed_names` is for rule one_true, where label 0 means true; otherwise the names of the labels are arbitrary and
    the best naming is taken. `seed` draws the resamples of the intervals. The result is made of plain JSON values:

    - `n`: the number of items.
    - `columns`: column -> `n`, `missing`, `coverage`, `accuracy`, `balanced_accuracy`, `mcc`, `auroc`, `majority`,
      `ci95` and `balanced_ci95` [low, high], `flipped` (two classes, else null), `naming` (the gold class each label
      was taken for, in the order of the labels) and `as_fork`, see agreement.Agreement; and `p` and `p_adjusted` (for
      having looked at all columns). Null if nothing can be said, never NaN.
    - `looked_at`: how many columns were tested; `permutations`: how many were drawn; `best`: null, or the `column` of
      lowest adjusted p (of highest accuracy among equals) and its `p_adjusted`.
    - `baselines`: `majority` (the commonest class throughout), `random` (a fair draw among the classes, in
      expectation and before any choice of naming), and if names are fixed `majority_answer` (each group's
      commonest key is true); each column -> accuracy or null.

    Raises UserError for a column of more classes than namings can be compared for.
    """
    if len(items) != len(labels):
        raise ValueError(f"{len(items)} items but {len(labels)} labels")
    found = np.array([-1 if label is None else label for label in labels], dtype=np.int64)
    groups = _groups(items)
    keys = np.array([-1 if item.group is None or item.key is None else item.key for item in items], dtype=np.int64)
    columns: dict[str, dict[str, Any]] = {}
    baselines: dict[str, dict[str, float | None]] = {"majority": {}, "random": {}}
    if fixed_names:
        baselines["majority_answer"] = {}
    given = None if logits is None else np.array([np.nan if x is None else x for x in logits], dtype=np.float64)
    truths: list[Ints] = []
    for name, values in gold.columns.items():
        truth = np.array([values.get(item.uid, -1) for item in items], dtype=np.int64)
        truths.append(truth)
        names = gold.classes[name]
        # A gold column may lack a class that was found, and labels may lack one of gold's.
        classes = max(2, len(names), int(found.max(initial=-1)) + 1)
        if classes > MAX_CLASSES and not fixed_names:
            raise UserError(
                f"The gold column {one_line(name)!r} and the labels have {classes} classes; namings can be compared "
                f"for at most {MAX_CLASSES}. Merge some of the column's values, or take fewer labels."
            )
        result = agreement(found, truth, groups, classes=classes, fixed_names=fixed_names, seed=seed, logits=given)
        columns[name] = msgspec.to_builtins(result)
        for interval in ("ci95", "balanced_ci95"):
            if columns[name][interval] is not None:
                columns[name][interval] = list(columns[name][interval])
        if result.naming is not None:
            columns[name]["naming"] = [names[c] if c < len(names) else None for c in result.naming]
        baselines["majority"][name] = result.majority
        baselines["random"][name] = 1.0 / classes if result.majority is not None else None
        if fixed_names:
            baselines["majority_answer"][name] = majority_answer(truth, keys, groups) if classes == 2 else None
    tested = significance(found, groups, truths, n_labels=n_labels, permutations=permutations, seed=seed)
    for column, p, adjusted in zip(columns.values(), tested.p, tested.adjusted, strict=True):
        column |= {"p": p, "p_adjusted": adjusted}
    return {
        "n": len(items),
        "columns": columns,
        "baselines": baselines,
        "looked_at": sum(p is not None for p in tested.p),
        "permutations": tested.permutations,
        "best": _best(columns),
    }


def _best(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    known = [name for name, column in columns.items() if column["p_adjusted"] is not None]
    if not known:
        return None
    name = min(known, key=lambda name: (columns[name]["p_adjusted"], -columns[name]["accuracy"]))
    return {"column": name, "p_adjusted": columns[name]["p_adjusted"]}


def unconstrained_groups(items: Sequence[Item], rule: str) -> int:
    """How many groups have a number of keys that `rule` does not bind; a row without a key is a key of its own. Set it
    as `unconstrained_groups` in a report to show it in the table."""
    keys: dict[int, set[tuple[bool, int]]] = {}
    for row, item in enumerate(items):
        if item.group is not None:
            keys.setdefault(item.group, set()).add((True, row) if item.key is None else (False, item.key))
    return sum(not RULES[rule].binds(len(found)) for found in keys.values())


def _groups(items: Sequence[Item]) -> Ints:
    """The items' groups; an item without one gets a number of its own, below all others."""
    return np.array([-1 - row if item.group is None else item.group for row, item in enumerate(items)], dtype=np.int64)


SORTS = ("table", "accuracy", "balanced", "p", "name")


def chosen(report: Mapping[str, Any], words: Sequence[str], sort: str) -> dict[str, Any]:
    """`report` with the columns alone whose name holds one of `words` (all if there are none), sorted by one of
    SORTS, the best first. What was tested stays what it was: choosing after the fact changes no p."""
    columns: Mapping[str, Mapping[str, Any]] = report["columns"]
    names = [name for name in columns if not words or any(word.casefold() in name.casefold() for word in words)]
    keys: dict[str, Callable[[str], Any]] = {
        "accuracy": lambda name: -(columns[name]["accuracy"] or 0.0),
        "balanced": lambda name: -(columns[name]["balanced_accuracy"] or 0.0),
        "p": lambda name: (_or_one(columns[name]["p_adjusted"]), -(columns[name]["accuracy"] or 0.0)),
        "name": str.casefold,
    }
    if sort in keys:
        names.sort(key=keys[sort])
    return {**report, "columns": {name: columns[name] for name in names}}


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p
