"""The embedded model's vote in words: which n-grams of an item's own text carried it.

The vote is linear in the places that n-grams are hashed to, so each place has a share of it, and all shares add up to
the vote. A place is named by the n-gram of the text that weighs most there, and letters by the word that contains them.
Since the means of the group and of all items are subtracted from an item's row, words that it does not contain have a
share, too; that is given as one sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from icm_tui.models.embedded.features import PLACES, Features, Gram, grams_of

SPEAKER = "embedded model (word patterns, no language model)"
_MOST_FOR = 3
_MOST_AGAINST = 2
# A smaller share (nats) is not named.
_LEAST = 0.005


class Vote(NamedTuple):
    """The log-odds (nats) of `label` against the mean of the other labels as shares of the 4096 places, computed from
    `shown` labelled items."""

    label: int
    shares: NDArray[np.float64]
    shown: int

    @property
    def total(self) -> float:
        """The sum of the shares (nats)."""
        return float(self.shares.sum())


def vote_of(products: NDArray[np.float64], scale: float, label: int | None, shown: int) -> Vote:
    """The vote for `label`, or if None for the label with the highest score.

    `products` (labels, 4096) are an item's row times the summed rows of each label's items; times `scale`, their sums
    are scores.
    """
    scores = products * scale
    if label is None:
        label = int(scores.sum(axis=1).argmax())
    others = np.delete(scores, label, axis=0)
    return Vote(label, scores[label] - others.mean(axis=0), shown)


def phrases(vote: Vote, text: str, features: Features, labels: Sequence[str]) -> Iterator[str]:
    """Name what carried the vote on an item with this text, a phrase at a time.

    The numbers add up to the vote as it is printed.
    """
    name = labels[vote.label]
    items = f"{vote.shown} labelled item{'' if vote.shown == 1 else 's'}"
    if not vote.shares.any():
        why = f"it has nothing in common with {items}" if vote.shown else "no labelled item is shown"
        yield f"Nothing is for or against {name}: {why}."
        return
    shares = _shares(vote, text, features)
    other = f"for {labels[1 - vote.label]}" if len(labels) == 2 else f"against {name}"
    absent = round(vote.total - sum(shares.values()), 2)
    rest = round(vote.total, 2) - absent
    separator = ""
    for side, most, sign in ((f"For {name}", _MOST_FOR, 1), (other, _MOST_AGAINST, -1)):
        for place, (word, share) in enumerate(_strongest(shares, most, sign=sign)):
            before = ", " if place else f"{separator}{side}: "
            yield f'{before}"{word}" {share:+.2f}'
            rest -= round(share, 2)
            separator = "; "
    if not separator:
        yield "No word stands out"
    if abs(rest) >= _LEAST:
        yield f"; its other words {rest:+.2f}"
    if absent:
        yield f"; words not in it {absent:+.2f}"
    # Adding 0 turns -0 into 0.
    yield f". Vote for {name}: {round(vote.total, 2) + 0.0:+.2f} nats, from {items}."


def _shares(vote: Vote, text: str, features: Features) -> dict[str, float]:
    """The share of the vote (nats) of every word of the text, with its letters, and of every pair of words."""
    times, inside = grams_of(text)
    codes = [gram.code for gram in times]
    weights = features.weights(codes, list(times.values())).tolist()
    strongest_at: dict[int, tuple[float, Gram]] = {}
    for gram, code, weight in zip(times, codes, weights, strict=True):
        if weight > strongest_at.get(code % PLACES, (0.0, gram))[0]:
            strongest_at[code % PLACES] = (weight, gram)
    shares: dict[str, float] = {}
    for place, (_, gram) in strongest_at.items():
        name = inside.get(gram, gram.text)
        shares[name] = shares.get(name, 0.0) + float(vote.shares[place])
    return shares


def _strongest(shares: Mapping[str, float], most: int, *, sign: int) -> list[tuple[str, float]]:
    """The words and pairs with the largest shares of one sign."""
    counted = [(name, share) for name, share in shares.items() if sign * share >= _LEAST]
    return sorted(counted, key=lambda named: (-abs(named[1]), named[0]))[:most]
