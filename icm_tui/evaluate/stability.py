"""How alike the labels of several runs are: coherence between runs, which does not say that any of them is right.

The adjusted Rand index (Hubert and Arabie 1985) compares two splits without regard to the names of their sets: 1 for
the same split, 0 on average for unrelated splits.
"""

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

import msgspec
import numpy as np

from icm_tui.errors import UserError
from icm_tui.evaluate.agreement import Ints, best_assignments
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import Pair


class Stability(msgspec.Struct, frozen=True):
    """Several runs compared.

    `adjusted_rand` and `matched` are means over the pairs. `reference` is the run most like the others, whose names
    the labels of all runs are given: `labels` has a row a run (-1 is unlabelled). An item's `consensus` is the label
    that most runs give it (-1 if none does), `share` the part of the runs that labelled it which do so.
    """

    pairs: list[Pair]
    adjusted_rand: float | None
    matched: float | None
    reference: int
    labels: list[list[int]]
    consensus: list[int]
    share: list[float | None]

    def flipping(self) -> list[int]:
        """The items that runs disagree on, those with the least agreement first."""
        disputed = [item for item, share in enumerate(self.share) if share is not None and share < 1]
        return sorted(disputed, key=lambda item: (self.share[item], item))


def compare_runs(runs: Sequence[FinishedRun]) -> Stability:
    """Compare the labels of runs of one profile. Raises UserError if there are fewer than two, or if they label
    different items."""
    if len(runs) < 2:
        raise UserError(
            f"{runs[0].run.name} has no siblings, which are runs of its profile under other seeds; "
            "`icm-tui run PROFILE --siblings 5` makes them."
        )
    for one, other in pairwise(runs):
        if one.items_digest != other.items_digest:
            raise UserError(
                f"{one.run.name} and {other.run.name} label different items; compare runs of the same items."
            )
    labels = [each.labels for each in runs]
    return stability(labels, n_labels=len(runs[0].names), fixed_names=runs[0].fixed_names)


def stability(labels: Sequence[Sequence[int | None]], *, n_labels: int, fixed_names: bool) -> Stability:
    """Compare the labels of at least two runs, each a label an item (None is unlabelled), in the same order of items.

    `fixed_names` keeps the names as found, for rules that give them a meaning. Raises ValueError for fewer than two
    runs, or for different numbers of items.
    """
    if len(labels) < 2 or len({len(row) for row in labels}) > 1:
        raise ValueError("stability compares two or more runs of the same items")
    found = np.array([[-1 if label is None else label for label in row] for row in labels], dtype=np.int64)
    pairs = []
    for one, other in combinations(range(len(found)), 2):
        table = _table(found[one], found[other], n_labels)
        n = int(table.sum())
        matched = table[np.arange(n_labels), _matching(table, fixed_names)].sum() / n if n else None
        pairs.append(Pair(one, other, n, adjusted_rand(table), None if matched is None else float(matched)))
    reference = _medoid(pairs, len(found))
    named = np.full_like(found, -1)
    for place, row in enumerate(found):
        names = _matching(_table(row, found[reference], n_labels), fixed_names)
        known = row >= 0
        named[place, known] = names[row[known]]
    votes = np.stack([(named == label).sum(axis=0) for label in range(n_labels)])
    most, cast = votes.max(axis=0), votes.sum(axis=0)
    # Ties go to the reference's own label, else to the first.
    favoured = votes + 0.5 * (named[reference] == np.arange(n_labels)[:, None])
    consensus = np.where(cast > 0, favoured.argmax(axis=0), -1)
    return Stability(
        pairs,
        _mean([pair.adjusted_rand for pair in pairs]),
        _mean([pair.matched for pair in pairs]),
        reference,
        named.tolist(),
        consensus.tolist(),
        [float(top / all_) if all_ else None for top, all_ in zip(most.tolist(), cast.tolist(), strict=True)],
    )


def adjusted_rand(table: Ints) -> float | None:
    """The adjusted Rand index from a table of counts, a row a label of one split and a column one of the other.

    1 if both splits put everything into one set or everything apart, as in scikit-learn. None for no items.
    """
    n = int(table.sum())
    if not n:
        return None
    together = _pairs(table)
    rows, columns = _pairs(table.sum(axis=1)), _pairs(table.sum(axis=0))
    every = math.comb(n, 2)
    # Python integers, since the products exceed 64 bits at some hundred thousand items.
    above = together * every - rows * columns
    below = (rows + columns) * every - 2 * rows * columns
    return 2 * above / below if below else 1.0


def _pairs(counts: Ints) -> int:
    return sum(math.comb(count, 2) for count in counts.reshape(-1).tolist())


def _table(one: Ints, other: Ints, n_labels: int) -> Ints:
    both = (one >= 0) & (other >= 0)
    cells = one[both] * n_labels + other[both]
    counts: Ints = np.bincount(cells, minlength=n_labels * n_labels)
    return counts.reshape(n_labels, n_labels)


def _matching(table: Ints, fixed_names: bool) -> Ints:
    """For each label of the rows the column that it is matched with."""
    if fixed_names:
        return np.arange(len(table))
    matched: Ints = best_assignments(table[None].astype(np.float64))[0]
    return matched


def _medoid(pairs: Sequence[Pair], many: int) -> int:
    likeness = [0.0] * many
    for pair in pairs:
        likeness[pair.one] += pair.matched or 0.0
        likeness[pair.other] += pair.matched or 0.0
    return max(range(many), key=likeness.__getitem__)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
