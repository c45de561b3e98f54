"""95% intervals that respect groups, and stay honest when there are few of them.

Two intervals are made, and the wider end is taken on each side:

- the bootstrap over whole groups (Efron), which knows how items of one group go together. With few groups, or if
  nearly all agree, it is too short: fourteen items that all agree resample to fourteen that all agree.
- Wilson's score interval (1927) at the effective number of items, n divided by the design effect that the groups show
  (Kish; used so by Korn and Graubard 1998), kept between the number of groups and n.
"""

import math

import numpy as np

from icm_tui.evaluate.naming import Floats, Ints, best_namings

Interval = tuple[float, float]

_RESAMPLES = 2000
_Z95 = 1.959963984540054


def intervals(tables: Ints, *, fixed_names: bool, seed: int) -> tuple[Interval | None, Interval | None]:
    """The intervals of accuracy and of balanced accuracy from a confusion table a group, shape (groups, label, gold
    class). Unless `fixed_names`, the naming is chosen anew in each resample, as the point estimate did; without that
    the interval of labels that agree by chance would reach below what the better of two namings can ever show. None
    for fewer than two groups, which tell nothing about spread."""
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
        # Equal groups together and in a fixed order, so that the groups' own order cannot change the last bits.
        kinds, counts = np.unique(np.stack([correct, sizes]), axis=1, return_counts=True)
        spread = float((counts * (kinds[0] - share * kinds[1]) ** 2).sum())
        clustered = spread * groups / (groups - 1) / n**2
        effective = min(float(n), max(float(groups), variance / clustered)) if clustered else float(n)
    return wilson(share, effective)


def _wilson_of_recalls(tables: Ints, naming: Ints) -> Interval:
    """Bounds of the mean recall: the recalls' own Wilson distances, added as those of independent shares are."""
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
