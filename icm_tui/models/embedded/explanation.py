"""The embedded model's vote in words: which n-grams of an item's own text carried it.

The vote is linear in the places that n-grams are hashed to, so each place has a share of it, and the shares of all
places add up to the vote. A place speaks through the n-gram of the text that weighs most there, and letters inside a
word through the word. What no n-gram of the text stands for is told as words that it lacks: the rest of its group and
the mean of all items are taken off its row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from icm_tui.models.embedded.features import PLACES, Features, Gram, grams_of

SPEAKER = "embedded model (word patterns, no language model)"
_MOST_FOR = 3
_MOST_AGAINST = 2
# What rounds to nothing is not named.
_LEAST = 0.005


class Vote(NamedTuple):
    """The log-odds (nats) of `label` against the mean of the other labels, in shares of the 4096 places, from `shown`
    labelled items."""

    label: int
    shares: NDArray[np.float64]
    shown: int

    @property
    def total(self) -> float:
        """The whole vote (nats)."""
        return float(self.shares.sum())


def vote_of(products: NDArray[np.float64], scale: float, label: int | None, shown: int) -> Vote:
    """The vote for `label`, or for the label with the most if None.

    `products` (labels, 4096) are an item's row times the summed rows of each label's items; `scale` turns their sums
    into scores.
    """
    scores = products * scale
    if label is None:
        label = int(scores.sum(axis=1).argmax())
    others = np.delete(scores, label, axis=0)
    return Vote(label, scores[label] - others.mean(axis=0), shown)


def phrases(vote: Vote, text: str, features: Features, labels: Sequence[str]) -> Iterator[str]:
    """What carried the vote on an item with this text, a phrase at a time, in the names of the labels.

    The numbers named add up to the vote as it is told.
    """
    name = labels[vote.label]
    items = f"{vote.shown} labelled item{'' if vote.shown == 1 else 's'}"
    if not vote.shares.any():
        why = f"it has nothing in common with {items}" if vote.shown else "no labelled item is shown"
        yield f"Nothing speaks for {name} or against it: {why}."
        return
    shares = _shares(vote, text, features)
    other = f"for {labels[1 - vote.label]}" if len(labels) == 2 else f"against {name}"
    lacked = round(vote.total - sum(shares.values()), 2)
    rest = round(vote.total, 2) - lacked
    separator = ""
    for side, most, sign in ((f"For {name}", _MOST_FOR, 1), (other, _MOST_AGAINST, -1)):
        for place, (word, share) in enumerate(_strongest(shares, most, sign=sign)):
            before = ", " if place else f"{separator}{side}: "
            yield f'{before}"{word}" {share:+.2f}'
            rest -= round(share, 2)
            separator = "; "
    if not separator:
        yield "No word of it stands out"
    if abs(rest) >= _LEAST:
        yield f"; its other words {rest:+.2f}"
    if lacked:
        yield f"; words it lacks {lacked:+.2f}"
    # Added to 0, what rounds to -0 loses its sign.
    yield f". Vote for {name}: {round(vote.total, 2) + 0.0:+.2f} nats, from {items}."


def _shares(vote: Vote, text: str, features: Features) -> dict[str, float]:
    """The share of the vote (nats) of every word of the text, its letters counted in, and of every pair of words."""
    times, inside = grams_of(text)
    codes = [gram.code for gram in times]
    weights = features.weights(codes, list(times.values())).tolist()
    speaks: dict[int, tuple[float, Gram]] = {}
    for gram, code, weight in zip(times, codes, weights, strict=True):
        if weight > speaks.get(code % PLACES, (0.0, gram))[0]:
            speaks[code % PLACES] = (weight, gram)
    shares: dict[str, float] = {}
    for place, (_, gram) in speaks.items():
        name = inside.get(gram, gram.text)
        shares[name] = shares.get(name, 0.0) + float(vote.shares[place])
    return shares


def _strongest(shares: Mapping[str, float], most: int, *, sign: int) -> list[tuple[str, float]]:
    """The words and pairs with the largest shares of one sign."""
    counted = [(name, share) for name, share in shares.items() if sign * share >= _LEAST]
    return sorted(counted, key=lambda named: (-abs(named[1]), named[0]))[:most]
