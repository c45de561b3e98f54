"""Whether a split follows a column by more than chance, corrected for having looked at many columns.

The null hypothesis is that labels and gold have nothing to do with each other: whole groups exchange their label
vectors, each with a group of the same size, while gold stays where it is; and the two of a pair, which have no order of
their own, change places at random. That keeps what the rule and the search made of the labels (their
shares, opposite labels in a pair, unlabelled items) and moves what belongs together together.

The correction is the step-down maximum-statistic permutation of Westfall and Young (Resampling-Based Multiple Testing,
1993): a column's adjusted p is the chance that the best of all columns not yet passed does as well by chance. Columns
that overlap are therefore not counted twice.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from icm_tui.evaluate.agreement import Floats, Ints

# Bounds the memory of one round of permutations, and the work of all of them if there are very many items.
_CELLS_A_ROUND = 8_000_000
_CELLS = 400_000_000
_FEWEST = 200
# A spread below this is a rounding error of equal sums.
_NO_SPREAD = 1e-6


class Significance(msgspec.Struct, frozen=True):
    """p a column, by itself and adjusted for all columns looked at; None if nothing could be tested.
    `permutations` is how many were drawn."""

    p: list[float | None]
    adjusted: list[float | None]
    permutations: int


def significance(
    found: Ints, groups: Ints, columns: Sequence[Ints], *, n_labels: int, permutations: int, seed: int
) -> Significance:
    """Test labels `found` (items; -1 is unlabelled) against each gold column (items; -1 is missing).

    `groups` numbers the groups; an ungrouped item has a number of its own. With two labels and two classes
    the statistic is the sum of agreements less that of disagreements, two-sided; with more it is the chi-squared of the
    table. Both are standardised by their own permutations, so that sparse columns neither win nor hide.
    """
    nothing: list[float | None] = [None] * len(columns)
    rounds = list(_statistics(found, groups, columns, n_labels, permutations, seed)) if columns else []
    if len(rounds) < 2:
        return Significance(nothing, nothing, 0)
    permuted = np.concatenate(rounds[1:])
    p, adjusted = step_down(*standardised(rounds[0][0], permuted))
    return Significance(p, adjusted, len(permuted))


def permuted_labels(found: Ints, groups: Ints, *, permutations: int, seed: int) -> Iterator[NDArray[np.int8]]:
    """`found` with whole groups' label vectors exchanged at random among groups of one size, in rounds of shape
    (permutations of the round, items). Fewer than asked for (at least 200) if there are very many items."""
    generator = np.random.default_rng(seed)
    by_size = _by_size(groups)
    labels = found.astype(np.int8)
    left = max(min(permutations, _FEWEST), min(permutations, _CELLS // max(len(found), 1)))
    step = max(1, _CELLS_A_ROUND // max(len(found), 1))
    while left > 0:
        many = min(step, left)
        left -= many
        drawn = np.empty((many, len(found)), dtype=np.int8)
        for members in by_size:
            order = generator.random((many, len(members))).argsort(axis=1)
            moved = labels[members][order]
            if members.shape[1] == 2:
                turned = generator.random((many, len(members))) < 0.5
                moved[turned] = moved[turned][:, ::-1]
            drawn[:, members.reshape(-1)] = moved.reshape(many, -1)
        yield drawn


def _by_size(groups: Ints) -> list[Ints]:
    """The items of the groups of each size, shape (groups, size)."""
    order = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    return [order[starts[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes).tolist()]


def _statistics(
    found: Ints, groups: Ints, columns: Sequence[Ints], n_labels: int, permutations: int, seed: int
) -> Iterator[Floats]:
    """The statistic of every column, shape (permutations, columns): first as observed, then of each round."""
    classes = [max(2, int(column.max(initial=-1)) + 1) for column in columns]
    binary = n_labels == 2 and all(count == 2 for count in classes)
    if binary:
        signs = np.stack([_signs(column) for column in columns], axis=1).astype(np.float32)
    else:
        indicators = np.concatenate(
            [(column[:, None] == np.arange(count)) for column, count in zip(columns, classes, strict=True)], axis=1
        ).astype(np.float32)
    permuted = permuted_labels(found, groups, permutations=permutations, seed=seed)
    for labels in chain([found.astype(np.int8)[None]], permuted):
        if binary:
            yield (_signs(labels).astype(np.float32) @ signs).astype(np.float64)
        else:
            yield _chi_squared(labels, indicators, classes, n_labels)


def _signs(classes: NDArray[np.signedinteger]) -> NDArray[np.int8]:
    return np.where(classes == 0, np.int8(1), np.where(classes == 1, np.int8(-1), np.int8(0)))


def _chi_squared(
    labels: NDArray[np.int8], indicators: NDArray[np.float32], classes: Sequence[int], n_labels: int
) -> Floats:
    tables = np.stack([(labels == label).astype(np.float32) @ indicators for label in range(n_labels)], axis=1)
    ends = np.cumsum(classes)
    values = np.empty((len(labels), len(classes)))
    for column, (end, count) in enumerate(zip(ends, classes, strict=True)):
        table = tables[:, :, end - count : end].astype(np.float64)
        total = table.sum(axis=(1, 2), keepdims=True)
        expected = table.sum(axis=2, keepdims=True) * table.sum(axis=1, keepdims=True)
        expected = np.divide(expected, total, out=np.zeros_like(table), where=total > 0)
        terms = np.divide((table - expected) ** 2, expected, out=np.zeros_like(table), where=expected > 0)
        values[:, column] = terms.sum(axis=(1, 2))
    return values


def standardised(observed: Floats, permuted: Floats) -> tuple[Floats, Floats]:
    """Distances from the permutations' mean in their standard deviations: of the statistics `observed` (columns) and
    `permuted` (permutations, columns). NaN for a column whose permutations are all alike."""
    mean, deviation = permuted.mean(axis=0), permuted.std(axis=0)
    deviation = np.where(deviation > _NO_SPREAD, deviation, np.nan)
    return np.abs(observed - mean) / deviation, np.abs(permuted - mean) / deviation


def step_down(observed: Floats, permuted: Floats) -> tuple[list[float | None], list[float | None]]:
    """p and adjusted p of each column from its `observed` statistic and the `permuted` ones (permutations, columns),
    larger being further from chance; None for a column whose statistic is NaN."""
    known = np.flatnonzero(~np.isnan(observed))
    p: list[float | None] = [None] * len(observed)
    adjusted: list[float | None] = [None] * len(observed)
    many = len(permuted)
    order = known[np.argsort(-observed[known], kind="stable")]
    best = np.full(many, -np.inf)
    reached: list[float] = []
    # From the weakest up: each is compared with the best of itself and all weaker ones.
    for column in order[::-1].tolist():
        values = permuted[:, column]
        best = np.maximum(best, values)
        # A sum of floats may differ in its last bits from an equal one.
        bar = observed[column] - 1e-9
        p[column] = float((1 + (values >= bar).sum()) / (1 + many))
        reached.append(float((1 + (best >= bar).sum()) / (1 + many)))
    highest = 0.0
    for column, value in zip(order.tolist(), reached[::-1], strict=True):
        highest = max(highest, value)
        adjusted[column] = highest
    return p, adjusted
