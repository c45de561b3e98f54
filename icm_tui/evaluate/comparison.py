"""Tables of a comparison: answers and gold in, accuracies with intervals and what they took out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from icm_tui.domain.rules import RULES
from icm_tui.evaluate.agreement import Agreement, agreement, majority_answer
from icm_tui.evaluate.ceiling import ceiling
from icm_tui.evaluate.designs import Curve
from icm_tui.run_dir.records import AnswerRecord
from icm_tui.runner.comparing import Ground, Showing, decide, question_of

ASKED = ("zero_shot", "random_labels", "gold_few_shot")
NEED_GOLD = ("gold_few_shot", "majority", "majority_answer", "ceiling")
METHODS = ("found", "zero_shot", "random_labels", *NEED_GOLD)

# Their examples carry gold's names, or names that were matched to them; the others' names are arbitrary.
_NAMED = ("found", "gold", "scrambled", "gold_few_shot", "majority", "ceiling")


def compared(
    ground: Ground, gold: Mapping[int, int], draws: Sequence[Mapping[int, int]], *, classes: int, fixed: bool, seed: int
) -> Agreement:
    """Labels against gold, over all `draws` together; a group's labels under several draws are one group of the
    bootstrap, so that drawing more does not narrow the interval by itself."""
    pairs = [(item, label) for labels in draws for item, label in sorted(labels.items()) if item in gold]
    found = np.array([label for _, label in pairs], dtype=np.int64)
    truth = np.array([gold[item] for item, _ in pairs], dtype=np.int64)
    groups = np.array([ground.problem.group_of[item] for item, _ in pairs], dtype=np.int64)
    return agreement(found, truth, groups, classes=classes, fixed_names=fixed, seed=seed)


def named(
    ground: Ground, found: Mapping[int, int], gold: Mapping[int, int], *, classes: int, fixed: bool, seed: int
) -> dict[int, int]:
    """The found labels as gold's classes, under the naming that fits gold best unless names are `fixed`."""
    naming = compared(ground, gold, [found], classes=classes, fixed=fixed, seed=seed).naming
    return dict(found) if naming is None else {item: naming[label] for item, label in found.items()}


def baseline_rows(
    ground: Ground,
    found: Mapping[int, int],
    gold: Mapping[int, int],
    methods: Iterable[str],
    showings: Mapping[str, Sequence[Showing]],
    known: Mapping[str, AnswerRecord],
    *,
    classes: int,
    fixed: bool,
    seed: int,
) -> list[dict[str, Any]]:
    """A row a method, as baseline `method`, `accuracy`, `balanced`, `ci95`, `n`, and the `calls`, `tokens`, `cost_usd`
    and `seconds` that its answers took; null if nothing can be said. `gold` is that of the run's own items."""
    rows: list[dict[str, Any]] = []
    for method in methods:
        own_names = fixed or (method in _NAMED and method != "found")
        took = spent(ground, showings.get(method, ()), known)
        if method == "majority_answer":
            rows.append({"method": method, **_shares(None, _majority_answer(ground, gold)), "n": len(gold), **took})
            continue
        if method == "found":
            labels = dict(found)
        elif method == "majority":
            counts = np.bincount(np.array(list(gold.values()), dtype=np.int64), minlength=classes)
            labels = dict.fromkeys(gold, int(counts.argmax()))
        elif method == "ceiling":
            labels = _ceiling(ground, gold, classes, seed)
        else:
            labels = decide(ground, showings[method], known, seed)
        measured = compared(ground, gold, [labels], classes=classes, fixed=own_names, seed=seed)
        rows.append({"method": method, **_shares(measured), "n": measured.n, **took})
    return rows


def curve_rows(
    ground: Ground,
    gold: Mapping[int, int],
    curves: Iterable[Curve],
    known: Mapping[str, AnswerRecord],
    *,
    classes: int,
    fixed: bool,
    seed: int,
) -> list[dict[str, Any]]:
    """A row a condition and number of shots, as `baseline_rows` with `condition`, `shots` and `draws`; `gold` is that
    of the held-out items, and `n` how many of them were labelled. What shows no example with a name of gold's is read
    under the naming that fits best, which flatters it."""
    rows = []
    for curve in curves:
        labels = [decide(ground, showings, known, seed + place) for place, showings in enumerate(curve.draws)]
        own_names = fixed or curve.condition in _NAMED
        measured = compared(ground, gold, labels, classes=classes, fixed=own_names, seed=seed)
        took = spent(ground, [showing for showings in curve.draws for showing in showings], known)
        head = {"condition": curve.condition, "shots": curve.shots, "draws": len(curve.draws)}
        rows.append({**head, **_shares(measured), "n": measured.n // len(curve.draws), **took})
    return rows


def spent(ground: Ground, showings: Sequence[Showing], known: Mapping[str, AnswerRecord]) -> dict[str, Any]:
    """What the answers to `showings` took: calls, tokens read and written, USD and seconds in all."""
    names = {question_of(ground.items, showing.shown, item) for showing in showings for item in showing.items}
    records = [known[name] for name in names]
    return {
        "calls": len(records),
        "tokens": sum((record.tokens_in or 0) + (record.tokens_out or 0) for record in records),
        "cost_usd": sum(record.cost or 0.0 for record in records),
        "seconds": round(sum(record.seconds for record in records), 3),
    }


def _shares(measured: Agreement | None, accuracy: float | None = None) -> dict[str, Any]:
    if measured is None:
        return {"accuracy": accuracy, "balanced": None, "ci95": None}
    interval = None if measured.ci95 is None else list(measured.ci95)
    return {"accuracy": measured.accuracy, "balanced": measured.balanced_accuracy, "ci95": interval}


def _majority_answer(ground: Ground, gold: Mapping[int, int]) -> float | None:
    own = ground.items[: ground.searched]
    truth = np.array([gold.get(item, -1) for item in range(ground.searched)], dtype=np.int64)
    keys = np.array([-1 if item.key is None or item.group is None else item.key for item in own], dtype=np.int64)
    return majority_answer(truth, keys, np.array(ground.problem.group_of[: ground.searched], dtype=np.int64))


def _ceiling(ground: Ground, gold: Mapping[int, int], classes: int, seed: int) -> dict[int, int]:
    texts = [item.text for item in ground.items[: ground.searched]]
    groups, centred = ground.problem.group_of[: ground.searched], not RULES[ground.problem.rule].uniform
    return ceiling(texts, groups, gold, classes=classes, centred=centred, seed=seed)
