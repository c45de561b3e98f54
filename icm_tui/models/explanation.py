"""The embedded model's vote in words: which n-grams of an item's own text carried it.

The vote is linear in the places that n-grams are hashed to, so each place has a share of it, and the shares of all
places add up to the vote. A place speaks through the n-gram of the text that weighs most there. What no n-gram of the
text stands for (places that only the rest of its group or the mean of all items fill) is told as "all else".
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from icm_tui.models.features import Features, Gram, grams_of

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
    """What carried the vote on an item with this text, a phrase at a time, in the names of the labels."""
    name = labels[vote.label]
    items = f"{vote.shown} labelled item{'' if vote.shown == 1 else 's'}"
    if not vote.shares.any():
        yield f"Nothing speaks for {name} or against it: the text has nothing in common with {items}."
        return
    shares = _shares(vote, text, features)
    rest = round(vote.total, 2)
    sides = [
        (f"For {name}", _strongest(shares, _MOST_FOR, sign=1)),
        (
            f"for {labels[1 - vote.label]}" if len(labels) == 2 else f"against {name}",
            _strongest(shares, _MOST_AGAINST, sign=-1),
        ),
    ]
    separator = ""
    for side, named in sides:
        for place, (gram, share) in enumerate(named):
            before = ", " if place else f"{separator}{side}: "
            yield f'{before}"{gram}" {share:+.2f}'
            rest -= round(share, 2)
            separator = "; "
    if not separator:
        yield "No word of it stands out."
    else:
        yield f"; all else {rest:+.2f}." if abs(rest) >= _LEAST else "."
    # Added to 0, what rounds to -0 loses its sign.
    yield f" Vote for {name}: {round(vote.total, 2) + 0.0:+.2f} nats, from {items}."


class _Share(NamedTuple):
    """An n-gram's share of the vote, and the words it is inside of if it is one of characters."""

    gram: Gram
    inside: list[str]
    share: float


def _shares(vote: Vote, text: str, features: Features) -> list[_Share]:
    """The shares that n-grams of the text speak for, the strongest first; one a place."""
    times, inside = grams_of(text)
    speaks: dict[int, tuple[float, Gram]] = {}
    for gram, count in times.items():
        weight = features.weight(gram.code, count)
        if weight > speaks.get(gram.place, (0.0, gram))[0]:
            speaks[gram.place] = (weight, gram)
    shares = [_Share(gram, inside.get(gram, []), float(vote.shares[place])) for place, (_, gram) in speaks.items()]
    return sorted(shares, key=lambda share: (-abs(share.share), share.gram))


def _strongest(shares: Sequence[_Share], most: int, *, sign: int) -> list[tuple[str, float]]:
    """The strongest n-grams of one sign as a person reads them: words and pairs, then characters of words not named."""
    counted = [share for share in shares if sign * share.share >= _LEAST]
    chosen = [share for share in counted if share.gram.kind != "c"][:most]
    named = {word for share in chosen for word in share.gram.text.split()}
    for share in counted:
        if len(chosen) < most and share.gram.kind == "c" and named.isdisjoint(share.inside):
            chosen.append(share)
            named.update(share.inside)
    return [(_shown(share.gram), share.share) for share in chosen]


def _shown(gram: Gram) -> str:
    """Characters with a hyphen where the word goes on."""
    if gram.kind != "c":
        return gram.text
    start, end = ("" if gram.text[0] == "^" else "-"), ("" if gram.text[-1] == "$" else "-")
    return f"{start}{gram.text.strip('^$')}{end}"
