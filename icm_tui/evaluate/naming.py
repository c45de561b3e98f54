"""Which gold class each label stands for, if the names of the labels are arbitrary: an assignment problem."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_CLASSES = 12
"""The most classes among which the best naming is sought; the search grows as 2^classes."""


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
