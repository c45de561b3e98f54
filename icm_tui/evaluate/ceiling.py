"""What a supervised learner reaches with the embedded model's features: about the most that the features allow."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from icm_tui.evaluate.agreement import Floats
from icm_tui.models.embedded.features import PLACES, Features

_FOLDS = 5
_PENALTY = 1.0
_BATCH = 256


def ceiling(
    texts: Sequence[str],
    groups: Sequence[int],
    gold: Mapping[int, int],
    *,
    classes: int,
    centred: bool,
    seed: int,
    most_by_kernel: int = PLACES,
) -> dict[int, int]:
    """Predictions by item from ridge regression on gold's one-hot classes, cross-validated: 5 folds of whole groups, so
    that no item is predicted from its own group. `centred` as for the embedded model. Items without gold take no part.

    Up to `most_by_kernel` items the kernel form is solved, above it the primal one; they are equal (Hoerl and Kennard
    1970).
    """
    items = sorted(gold)
    numbers = sorted({groups[item] for item in items})
    folds = min(_FOLDS, len(numbers))
    if folds < 2:
        return {}
    order = np.random.default_rng(seed).permutation(len(numbers)).tolist()
    fold_of = {numbers[number]: place % folds for place, number in enumerate(order)}
    fold = np.array([fold_of[groups[item]] for item in items])
    target = np.eye(classes)[[gold[item] for item in items]]
    features = Features(texts, groups if centred else range(len(texts)))
    solve = _by_kernel if len(items) <= most_by_kernel else _by_places
    scores = solve(features, items, target, fold, folds)
    return dict(zip(items, scores.argmax(axis=1).tolist(), strict=True))


def _by_kernel(features: Features, items: list[int], target: Floats, fold: NDArray[np.int64], folds: int) -> Floats:
    rows = features.dense(items)
    kernel = rows @ rows.T
    scores = np.empty_like(target)
    for number in range(folds):
        out = fold == number
        mean = target[~out].mean(axis=0)
        inside = kernel[np.ix_(~out, ~out)] + _PENALTY * np.eye(int((~out).sum()))
        scores[out] = kernel[np.ix_(out, ~out)] @ np.linalg.solve(inside, target[~out] - mean) + mean
    return scores


def _by_places(features: Features, items: list[int], target: Floats, fold: NDArray[np.int64], folds: int) -> Floats:
    scores = np.empty_like(target)
    # A column of ones adds the sums of the rows. Products of features are exact, and so is subtracting them.
    answers = np.hstack([target, np.ones((len(items), 1))])
    gram, sums = _products(features, items, answers, np.arange(len(items)))
    for number in range(folds):
        out = np.flatnonzero(fold == number)
        mean = target[fold != number].mean(axis=0)
        own_gram, own_sums = _products(features, items, answers, out)
        inside = sums - own_sums
        own_gram -= gram
        np.negative(own_gram, out=own_gram)
        own_gram[np.diag_indices(PLACES)] += _PENALTY
        weights = np.linalg.solve(own_gram, inside[:, :-1] - inside[:, -1:] * mean)
        for batch in _batches(out):
            scores[batch] = features.dense([items[place] for place in batch]) @ weights + mean
    return scores


def _products(
    features: Features, items: list[int], answers: Floats, places: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """The sums of x xT and of x yT over some of the items."""
    gram, sums = np.zeros((PLACES, PLACES)), np.zeros((PLACES, answers.shape[1]))
    for batch in _batches(places):
        rows = features.dense([items[place] for place in batch])
        gram += rows.T @ rows
        sums += rows.T @ answers[batch]
    return gram, sums


def _batches(places: NDArray[np.int64]) -> list[list[int]]:
    return [places[start : start + _BATCH].tolist() for start in range(0, len(places), _BATCH)]
