"""How well found labels agree with gold labels, with 95% intervals: pure functions over integer arrays.

A found label or a gold class is a number from 0; -1 is missing. Arrays have the shape (items,) unless they say
otherwise. Missing is missing, not wrong: agreement is counted over the items that have both. The names of the labels
(A, B, ...) are arbitrary unless the task's rule gives A a meaning, so found labels are compared under the naming that
fits gold best, and the result says which one that was. Finding it is an assignment problem.

Intervals respect groups, and stay honest when there are few of them. Two are made, and the wider end is taken on each
side:

- the bootstrap over whole groups (Efron), which knows how items of one group go together. With few groups, or if
  nearly all agree, it is too short: fourteen items that all agree resample to fourteen that all agree.
- Wilson's score interval (1927) at the effective number of items, n divided by the design effect that the groups show
  (Kish; used so by Korn and Graubard 1998), kept between the number of groups and n.
"""

import math

import numpy as np
from numpy.typing import NDArray

from icm_tui.evaluate.report import Figures

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Interval = tuple[float, float]

MAX_CLASSES = 12
"""The most classes among which the best naming is sought; the search grows as 2^classes."""

_RESAMPLES = 2000
_Z95 = 1.959963984540054


class Agreement(Figures, frozen=True, kw_only=True):
    """Found labels against one gold column. `naming[label]` is the gold class that a label was taken for."""

    naming: list[int] | None = None


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
    """Compare `found` with `gold`, both below `classes`; `groups` numbers the groups; an ungrouped item has a number
    of its own.

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
        return Agreement(n=0, missing=missing, coverage=0.0 if with_gold else None, majority=majority, as_fork=fork)
    tables = _group_tables(found[both], gold[both], groups[both], classes)
    table = tables.sum(axis=0)
    naming = best_namings(table[None].astype(np.float64), fixed_names)[0]
    named = np.empty_like(table)
    named[naming] = table  # row: the class a label was taken for; column: the gold class
    flipped = bool(naming[0] != 0) if classes == 2 else None
    ci95, balanced_ci95 = intervals(tables, fixed_names=fixed_names, seed=seed)
    return Agreement(
        n=n,
        missing=missing,
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
    under the ROC curve, by Mann and Whitney's statistic). None if a class has no item with a logit."""
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
    """What the fork's formula would print for two classes. Read it beside `accuracy`, never instead of it.

    It counts the labelled items whose label equals their gold value, divides by all labelled items, and takes the
    better of that share and its complement. A missing gold value equals no label, so it counts as wrong; in a column
    where most values are missing the share is close to 0 and its complement close to 1, whatever was labelled:
    the figure of such a column shows how sparse it is, and perfect labels get the lowest one. None without any label.
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
    # Python integers, since the product exceeds 64 bits at about 50 thousand items.
    covariance = correct * total - sum(f * g for f, g in zip(found_counts, gold_counts, strict=True))
    variances = (total**2 - sum(f * f for f in found_counts)) * (total**2 - sum(g * g for g in gold_counts))
    return covariance / math.sqrt(variances) if variances else 0.0


def majority_answer(gold: Ints, keys: Ints, groups: Ints) -> float | None:
    """The accuracy of calling the commonest key of a group true (class 0) and its other keys false (class 1).

    Keys that tie for the commonest share the vote, which is the mean over all orders of the rows: breaking ties by
    row order would leak gold wherever a file lists true answers first. Items without a key (-1) are left out; None
    if no key occurs twice in a group, since then no key is the commonest.
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


def best_namings(tables: Floats, fixed: bool) -> Ints:
    """The class that each label is taken for in each confusion table; (tables, label, class) -> (tables, label)."""
    many, classes, _ = tables.shape
    if fixed:
        return np.tile(np.arange(classes), (many, 1))
    if classes == 2:
        return best_assignments(tables)
    totals = tables.sum(axis=1, keepdims=True)
    return best_assignments(np.divide(tables, totals, out=np.zeros_like(tables), where=totals > 0))


def best_assignments(values: Floats) -> Ints:
    """Solve many assignment problems at once: values (problems, row, column) -> the column of each row, so that the
    sum of the chosen values is largest. Ties go to the assignment whose columns come first in lexicographic order.

    Exact, by dynamic programming over the sets of columns left for the last rows (Held and Karp's scheme). Raises
    ValueError for more than MAX_CLASSES rows.
    """
    many, size, _ = values.shape
    if size > MAX_CLASSES:
        raise ValueError(f"{size} classes; at most {MAX_CLASSES} can be matched")
    best = np.zeros((1 << size, many))
    choice = np.zeros((1 << size, many), dtype=np.int8)
    for left in range(1, 1 << size):
        row = size - left.bit_count()
        columns = [column for column in range(size) if left >> column & 1]
        sums = np.stack([values[:, row, column] + best[left ^ (1 << column)] for column in columns])
        best[left] = sums.max(axis=0)
        # Sums of the same recalls in another order differ in their last bits and still tie.
        choice[left] = np.array(columns, dtype=np.int8)[np.argmax(sums >= best[left] - 1e-12, axis=0)]
    assigned = np.empty((many, size), dtype=np.int64)
    left_of, every = np.full(many, (1 << size) - 1), np.arange(many)
    for row in range(size):
        assigned[:, row] = choice[left_of, every]
        left_of ^= 1 << assigned[:, row]
    return assigned


def intervals(tables: Ints, *, fixed_names: bool, seed: int) -> tuple[Interval | None, Interval | None]:
    """The intervals of accuracy and of balanced accuracy from a confusion table a group, shape (groups, label, gold
    class). Unless `fixed_names`, each resample chooses its own naming, as the point estimate does; otherwise the
    interval of labels that agree by chance would reach below what the better of two namings can ever show. None for
    fewer than two groups, since one group shows no spread."""
    groups, classes, _ = tables.shape
    if groups < 2:
        return None, None
    total = tables.sum(axis=0)
    naming = best_namings(total[None].astype(np.float64), fixed_names)[0]
    sizes = tables.sum(axis=(1, 2))
    correct = tables[:, np.arange(classes), naming].sum(axis=1)
    lowest = 0.0 if fixed_names or classes > 2 else 0.5
    accuracies, balanced = _resampled(tables, fixed_names, seed)
    wilson = _wilson_of_groups(correct, sizes)
    recalls = _wilson_of_recalls(tables, naming)
    return _widest(accuracies, wilson, lowest), _widest(balanced, recalls, lowest)


def wilson(share: float, n: float) -> Interval:
    """Wilson's 95% score interval of a share among `n` independent ones; `n` need not be whole."""
    z2 = _Z95 * _Z95
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _widest(resampled: Floats, analytic: Interval, lowest: float) -> Interval:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return max(lowest, min(float(low), analytic[0])), max(float(high), analytic[1])


def _wilson_of_groups(correct: Ints, sizes: Ints) -> Interval:
    """Wilson's interval of the share `correct` among items of groups with `sizes`, at the effective number."""
    present = sizes > 0
    correct, sizes = correct[present], sizes[present]
    groups, n = len(sizes), int(sizes.sum())
    share = float(correct.sum() / n)
    variance = share * (1 - share)
    effective = float(groups)
    if variance and groups > 1:
        # Equal groups are counted together in a fixed order, so that the order of groups cannot change the last bits.
        kinds, counts = np.unique(np.stack([correct, sizes]), axis=1, return_counts=True)
        spread = float((counts * (kinds[0] - share * kinds[1]) ** 2).sum())
        clustered = spread * groups / (groups - 1) / n**2
        effective = min(float(n), max(float(groups), variance / clustered)) if clustered else float(n)
    return wilson(share, effective)


def _wilson_of_recalls(tables: Ints, naming: Ints) -> Interval:
    """Bounds of the mean recall: the Wilson distances of the recalls, added as those of independent shares are."""
    label_of = np.argsort(naming)
    recalls, below, above = [], 0.0, 0.0
    for gold, label in enumerate(label_of.tolist()):
        sizes = tables[:, :, gold].sum(axis=1)
        if not sizes.any():
            continue
        correct = tables[:, label, gold]
        share = float(correct.sum() / sizes.sum())
        low, high = _wilson_of_groups(correct, sizes)
        recalls.append(share)
        below += (share - low) ** 2
        above += (high - share) ** 2
    mean = sum(recalls) / len(recalls)
    return mean - math.sqrt(below) / len(recalls), mean + math.sqrt(above) / len(recalls)


def _resampled(tables: Ints, fixed_names: bool, seed: int) -> tuple[Floats, Floats]:
    """Accuracy and balanced accuracy of resamples of whole groups with replacement. Groups with equal tables are drawn
    together: how often each table is drawn is multinomial, which is the same bootstrap at a fraction of the work."""
    groups, classes, _ = tables.shape
    kinds, counts = np.unique(tables.reshape(groups, -1), axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    accuracies, balanced = np.empty(_RESAMPLES), np.empty(_RESAMPLES)
    step = max(1, 4_000_000 // len(kinds))  # bounds the memory of one round of draws
    for start in range(0, _RESAMPLES, step):
        many = min(step, _RESAMPLES - start)
        drawn = generator.multinomial(groups, counts / groups, size=many)
        sums = (drawn.astype(np.float64) @ kinds).reshape(many, classes, classes)
        namings = best_namings(sums, fixed_names)
        correct = np.take_along_axis(sums, namings[:, :, None], axis=2)[:, :, 0]
        accuracies[start : start + many] = correct.sum(axis=1) / sums.sum(axis=(1, 2))
        totals = np.take_along_axis(sums.sum(axis=1), namings, axis=1)
        recalls = np.divide(correct, totals, out=np.zeros_like(correct), where=totals > 0)
        balanced[start : start + many] = recalls.sum(axis=1) / (totals > 0).sum(axis=1)
    return accuracies, balanced
