"""How well found labels agree with gold labels: pure functions over integer arrays of shape (items,).

A found label or a gold class is a number from 0; -1 is missing. Missing is missing, not wrong: agreement is counted
over the items that have both. The names of the labels (A, B, ...) are arbitrary unless the task's rule gives A a
meaning, so found labels are compared under the naming that fits gold best, and the result says which one that was.
"""

import math

import msgspec
import numpy as np

from icm_tui.evaluate.intervals import intervals
from icm_tui.evaluate.naming import Floats, Ints, best_namings


class Agreement(msgspec.Struct, frozen=True):
    """Found labels against one gold column; None if nothing can be said.

    `n` counts the items with both a label and gold, `coverage` is their share of the items with gold.
    `missing` counts the items with a label but without gold: they are neither right nor wrong. `majority` is the
    share of gold's commonest class: what naming every item alike would reach. `ci95` and `balanced_ci95` bound
    `accuracy` and `balanced_accuracy`. `auroc` is explained at auroc().
    `naming[label]` is the gold class that a label was taken for; with two classes `flipped` says that this is not
    the naming as found. `accuracy`, `balanced_accuracy` and `mcc` are all under that one naming.
    `as_fork` is explained at as_fork().
    """

    n: int
    missing: int = 0
    coverage: float | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    mcc: float | None = None
    auroc: float | None = None
    majority: float | None = None
    ci95: tuple[float, float] | None = None
    balanced_ci95: tuple[float, float] | None = None
    flipped: bool | None = None
    naming: list[int] | None = None
    as_fork: float | None = None


def agreement(
    found: Ints,
    gold: Ints,
    groups: Ints,
    *,
    classes: int,
    fixed_names: bool,
    seed: int,
    logits: Floats | None = None,
) -> Agreement:
    """Compare `found` with `gold`, both below `classes`; `groups` numbers the groups, an ungrouped item being alone.

    `logits` (items; NaN if there is none) are log p(first label) - log p(second label), in nats, of each item.
    With two classes the naming is the one of higher accuracy (a tie keeps the naming as found), with more the one of
    highest mean recall; `fixed_names` keeps the naming as found. The result does not depend on the order of items.
    Raises ValueError for more than MAX_CLASSES classes unless the names are fixed.
    """
    gold_counts = np.bincount(gold[gold >= 0], minlength=classes)
    with_gold = int(gold_counts.sum())
    majority = float(gold_counts.max() / with_gold) if with_gold else None
    both = (found >= 0) & (gold >= 0)
    n = int(both.sum())
    fork = as_fork(found, gold) if classes == 2 else None
    missing = int(((found >= 0) & (gold < 0)).sum())
    if n == 0:
        return Agreement(0, missing, coverage=0.0 if with_gold else None, majority=majority, as_fork=fork)
    tables = _group_tables(found[both], gold[both], groups[both], classes)
    table = tables.sum(axis=0)
    naming = best_namings(table[None].astype(np.float64), fixed_names)[0]
    named = np.empty_like(table)
    named[naming] = table  # row: the class a label was taken for; column: the gold class
    flipped = bool(naming[0] != 0) if classes == 2 else None
    ci95, balanced_ci95 = intervals(tables, fixed_names=fixed_names, seed=seed)
    return Agreement(
        n,
        missing,
        coverage=n / with_gold,
        accuracy=float(np.trace(named) / n),
        balanced_accuracy=balanced_accuracy(named),
        mcc=matthews(named),
        auroc=None if flipped is None or logits is None else auroc(-logits if flipped else logits, gold),
        majority=majority,
        ci95=ci95,
        balanced_ci95=balanced_ci95,
        flipped=flipped,
        naming=naming.tolist(),
        as_fork=fork,
    )


def auroc(logits: Floats, gold: Ints) -> float | None:
    """The chance that an item of gold class 0 has a higher logit than one of class 1, ties counting half (the area
    under the ROC curve, by Mann and Whitney's statistic). None if either class lacks an item with a logit."""
    known = (gold >= 0) & ~np.isnan(logits)
    positive = gold[known] == 0
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return None
    _, place, counts = np.unique(logits[known], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return above / (n_positive * n_negative)


def as_fork(found: Ints, gold: Ints) -> float | None:
    """What the fork's formula would print for two classes; kept to be read beside `accuracy`, never instead of it.

    It counts the labelled items whose label equals their gold value, divides by all labelled items, and takes the
    better of that share and its complement. A missing gold value equals no label, so it counts as wrong; in a column
    where most values are missing the share is close to 0 and its complement close to 1, whatever was labelled:
    such a column's figure tells how sparse it is, and perfect labels print the lowest one. None without any label.
    """
    labelled = found >= 0
    if not labelled.any():
        return None
    share = float((found[labelled] == gold[labelled]).mean())
    return max(share, 1.0 - share)


def balanced_accuracy(table: Ints) -> float:
    """Mean recall over the classes that occur in gold; `table` has a row a named label and a column a gold class."""
    totals = table.sum(axis=0)
    present = totals > 0
    return float((table.diagonal()[present] / totals[present]).mean())


def matthews(table: Ints) -> float:
    """Matthews' correlation in the form for k classes (Gorodkin 2004, the R_K statistic); 0 if either side has
    one class only. `table` has a row a named label and a column a gold class."""
    total, correct = int(table.sum()), int(np.trace(table))
    found_counts: list[int] = table.sum(axis=1).tolist()
    gold_counts: list[int] = table.sum(axis=0).tolist()
    # Whole numbers of the language, since the product passes 64 bits at some 50 thousand items.
    covariance = correct * total - sum(f * g for f, g in zip(found_counts, gold_counts, strict=True))
    variances = (total**2 - sum(f * f for f in found_counts)) * (total**2 - sum(g * g for g in gold_counts))
    return covariance / math.sqrt(variances) if variances else 0.0


def majority_answer(gold: Ints, keys: Ints, groups: Ints) -> float | None:
    """The accuracy of calling a group's commonest key true (class 0) and its other keys false (class 1).

    Keys that tie for the commonest share the vote, which is the mean over all orders of the rows: breaking ties by
    row order would leak gold wherever a file lists true answers first. Items without a key (-1) are left out; None
    if no key occurs twice in a group, for then nothing is commonest.
    """
    keyed = keys >= 0
    if not keyed.any():
        return None
    answers, answer_of, votes = np.unique(
        np.stack([groups[keyed], keys[keyed]], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    answer_of = answer_of.reshape(-1)
    if votes.max() < 2:
        return None
    _, group_of = np.unique(answers[:, 0], return_inverse=True)
    most = np.zeros(group_of.max() + 1, dtype=np.int64)
    np.maximum.at(most, group_of, votes)
    commonest = votes == most[group_of]
    called_true = (commonest / np.bincount(group_of, weights=commonest)[group_of])[answer_of]
    truth = gold[keyed]
    right = np.where(truth == 0, called_true, 1.0 - called_true)[truth >= 0]
    return float(right.mean()) if right.size else None


def _group_tables(found: Ints, gold: Ints, groups: Ints, classes: int) -> Ints:
    """A confusion table a group, shape (groups, found label, gold class)."""
    _, group_of = np.unique(groups, return_inverse=True)
    size = classes * classes
    cells = group_of * size + found * classes + gold
    return np.bincount(cells, minlength=(group_of.max() + 1) * size).reshape(-1, classes, classes)
