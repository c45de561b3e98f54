"""Measures a run's labels against every gold column."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from icm_tui.domain.items import Gold, Item
from icm_tui.domain.rules import RULES
from icm_tui.errors import UserError
from icm_tui.evaluate.agreement import MAX_CLASSES, Ints, agreement, majority_answer
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import Baselines, Best, Column, Report
from icm_tui.evaluate.significance import significance
from icm_tui.text import one_line


def measure_run(finished: FinishedRun, gold: Gold) -> Report:
    """The labels of a run against its `gold`; see `measure_labels`."""
    report = measure_labels(
        finished.items,
        finished.labels,
        gold,
        fixed_names=finished.fixed_names,
        seed=finished.profile.run.seed,
        n_labels=len(finished.names),
        logits=[None if final.logprobs is None else final.logprobs[0] - final.logprobs[1] for final in finished.final],
    )
    rule = finished.profile.consistency.rule
    if rule is None or not RULES[rule].needs:
        return report
    unbound = unconstrained_groups(finished.items, rule, len(finished.names))
    return msgspec.structs.replace(report, unconstrained_groups=unbound)


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
) -> Report:
    """Measure `labels` (one an item, None for unlabelled; numbers below `n_labels`) against every column of `gold`.

    `logits` are log p(first label) - log p(second label) an item, in nats. With `fixed_names` label 0 means true;
    otherwise the names of the labels are arbitrary and the best naming is taken. `seed` draws the resamples of the
    intervals. `permutations` (0 for none) are drawn to say how good the best of all columns is by chance; see
    `significance`.

    Raises UserError for a column of more classes than namings can be compared for, ValueError if there are more or
    fewer labels than items.
    """
    if len(items) != len(labels):
        raise ValueError(f"{len(items)} items but {len(labels)} labels")
    found = np.array([-1 if label is None else label for label in labels], dtype=np.int64)
    groups = group_numbers(items)
    keys = np.array([-1 if item.group is None or item.key is None else item.key for item in items], dtype=np.int64)
    columns: dict[str, Column] = {}
    majority_answers: dict[str, float | None] = {}
    chances: dict[str, float | None] = {}
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
        naming = None if result.naming is None else [names[c] if c < len(names) else None for c in result.naming]
        columns[name] = Column(**msgspec.structs.asdict(result) | {"naming": naming})
        chances[name] = 1.0 / classes if result.majority is not None else None
        majority_answers[name] = majority_answer(truth, keys, groups) if fixed_names and classes == 2 else None
    tested = significance(found, groups, truths, n_labels=n_labels, permutations=permutations, seed=seed)
    columns = {
        name: msgspec.structs.replace(column, p=p, p_adjusted=adjusted)
        for (name, column), p, adjusted in zip(columns.items(), tested.p, tested.adjusted, strict=True)
    }
    baselines = Baselines({name: column.majority for name, column in columns.items()}, chances)
    if fixed_names:
        baselines = msgspec.structs.replace(baselines, majority_answer=majority_answers)
    return Report(
        n=len(items),
        columns=columns,
        baselines=baselines,
        looked_at=sum(p is not None for p in tested.p),
        permutations=tested.permutations,
        best=_best(columns),
    )


def _best(columns: Mapping[str, Column]) -> Best | None:
    known = {name: column.p_adjusted for name, column in columns.items() if column.p_adjusted is not None}
    if not known:
        return None
    name = min(known, key=lambda name: (known[name], -(columns[name].accuracy or 0.0)))
    return Best(name, known[name])


def unconstrained_groups(items: Sequence[Item], rule: str, n_labels: int) -> int:
    """How many groups have a number of keys that `rule` does not bind; a row without a key is a key of its own."""
    keys: dict[int, set[tuple[bool, int]]] = {}
    for row, item in enumerate(items):
        if item.group is not None:
            keys.setdefault(item.group, set()).add((True, row) if item.key is None else (False, item.key))
    return sum(not RULES[rule].binds(len(found), n_labels) for found in keys.values())


def group_numbers(items: Sequence[Item]) -> Ints:
    """The items' groups; an item without one gets a number of its own, below all others."""
    return np.array([-1 - row if item.group is None else item.group for row, item in enumerate(items)], dtype=np.int64)
