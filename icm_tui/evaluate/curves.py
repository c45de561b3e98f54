"""How agreement with gold developed over the decisions of a run, from the label changes in the journal."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.items import Gold, Item
from icm_tui.evaluate.agreement import best_namings

MOST_POINTS = 512


class AgreementCurves:
    """Accuracy over decisions for every gold column. Takes the decisions of one chain in the order of the journal.

    At every point the naming is the one that fits gold best at that moment, unless `fixed_names`; accuracy counts the
    items that have both a label and gold. A curve keeps at most 512 points, equally many decisions
    apart, and ends with the present state.
    """

    def __init__(self, items: Sequence[Item], gold: Gold, *, fixed_names: bool, n_labels: int = 2) -> None:
        """`n_labels` is the number of label sets; labels are numbers below it."""
        self.columns = list(gold.columns)
        self._place = {name: number for number, name in enumerate(self.columns)}
        size = max([n_labels, *(len(gold.classes[name]) for name in self.columns)])
        self._gold = np.full((len(items), len(self.columns)), -1, dtype=np.int64)
        for column, name in enumerate(self.columns):
            values = gold.columns[name]
            self._gold[:, column] = [values.get(item.uid, -1) for item in items]
        self._fixed = fixed_names
        # By item: the columns that have gold for it, and its class in each.
        self._known: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._tables = np.zeros((len(self.columns), size, size), dtype=np.int64)
        self._points: list[tuple[int, NDArray[np.float64]]] = []
        self._stride = 1
        self._since = 0
        self._n = 0

    def add(self, n: int, changes: Iterable[LabelChange]) -> None:
        """Adds decision `n` with its changes (item, label before, label after); None is unlabelled."""
        for item, before, after in changes:
            columns, classes = self._of(item)
            if before is not None:
                self._tables[columns, before, classes] -= 1
            if after is not None:
                self._tables[columns, after, classes] += 1
        self._n = n
        self._since += 1
        if self._since >= self._stride:
            self._since = 0
            self._points.append((n, self._accuracies()))
            if len(self._points) >= MOST_POINTS:
                self._points = self._points[1::2]
                self._stride *= 2

    def curve(self, column: str) -> list[tuple[int, float]]:
        """(decision, accuracy) of a column, oldest first, from the first labelled item with gold on."""
        place = self._place[column]
        points = [(n, float(values[place])) for n, values in self._points]
        if self._since:
            points.append((self._n, float(self._accuracies()[place])))
        return [(n, value) for n, value in points if not np.isnan(value)]

    def now(self, column: str) -> float | None:
        """The present accuracy of a column; None before any item with gold was labelled."""
        value = float(self._accuracies()[self._place[column]])
        return None if np.isnan(value) else value

    def _of(self, item: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        known = self._known.get(item)
        if known is None:
            row = self._gold[item]
            columns = np.flatnonzero(row >= 0)
            known = self._known[item] = (columns, row[columns])
        return known

    def _accuracies(self) -> NDArray[np.float64]:
        if not self.columns:
            return np.empty(0)
        tables = self._tables.astype(np.float64)
        namings = best_namings(tables, self._fixed)
        correct = np.take_along_axis(tables, namings[:, :, None], axis=2).sum(axis=(1, 2))
        total = tables.sum(axis=(1, 2))
        accuracies: NDArray[np.float64] = np.full(len(total), np.nan)
        np.divide(correct, total, out=accuracies, where=total > 0)
        return accuracies
