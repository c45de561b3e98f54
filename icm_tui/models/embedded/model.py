"""The embedded model: an in-context learner of surface patterns that needs no key, download or server.

It is a kernel vote, not a language model. With w_j = x_i . x_j for the demonstrations j outside the item's group, the
score of label c is c0 * sum_j w_j (1[y_j = c] - 1/K) / |w|, c0 = min(1, 16 / sqrt(k)) for k demonstrations; for two
labels their difference is c0 * (w . y) / |w|. The vote is linear, so with every labelled item shown it is a running sum
in feature space and costs the same however many are shown.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.domain.scores import logsumexp
from icm_tui.models.client import Piece, Query, Unavailable
from icm_tui.models.embedded.explanation import SPEAKER, Vote, phrases, vote_of
from icm_tui.models.embedded.features import PLACES, Features
from icm_tui.profile.schema import Model, Reasoning

# Up to so many items, all dot products at once cost less than one context after another.
_KERNEL_ITEMS = 1024
_NORM_ITEMS = 1024
_NORM_BATCH = 256
_NORM_KEY = 20
# Seconds of work between two turns of the event loop.
_SLICE = 0.02
# Enough work for a slice, and few enough to pause at once.
_CONCURRENCY = 1024


class EmbeddedModel:
    """Votes over `texts`; `groups` are the numbers of the items' groups (a single item has its own).

    `centred` subtracts the mean of its group from every item, so that differences within a group decide. That is wrong
    if all members share a label: then what they have in common is the signal, and the rows of a group would cancel.
    """

    def __init__(self, texts: Sequence[str], groups: Sequence[int], n_labels: int, *, centred: bool = True) -> None:
        self._texts = texts
        self._features = Features(texts, groups if centred else range(len(texts)))
        self._groups = groups
        self._groups_array = np.asarray(groups, dtype=np.int64)
        self._n_labels = n_labels
        self._members: dict[int, list[int]] = {}
        for item, group in enumerate(groups):
            self._members.setdefault(group, []).append(item)
        self._list: tuple[int, _ShownList] | None = None
        self._kernel: NDArray[np.float64] | None = None
        self._chains: dict[int, _ShownAll] = {}
        self._norms = _Norms(self._features, groups)

    def answer_list(self, item: int, context_id: int, demonstrations: Sequence[tuple[int, int]]) -> Reply:
        """Vote by a context of (item, label). Consecutive questions with one context share the work."""
        if self._list is None or self._list[0] != context_id:
            self._list = (context_id, _ShownList(demonstrations, self._n_labels))
        shown = self._list[1]
        if len(self._groups) <= _KERNEL_ITEMS:
            if self._kernel is None:
                rows = self._features.dense(range(len(self._groups)))
                self._kernel = rows @ rows.T
            weights = self._kernel[item, shown.items]
        else:
            weights = shown.weights(self._features, item)
        outside = self._groups_array[shown.items] != self._groups[item]
        weights = weights * outside
        return self._reply(weights @ shown.one_hot, math.sqrt(float(weights @ weights)), int(outside.sum()))

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Follow a chain's labels: `answer_all` shows every labelled item of the chain."""
        self._chain(chain).relabel(changes)

    def answer_all(self, item: int, chain: int) -> Reply:
        """Vote by all items labelled in `chain` outside the item's group."""
        shown = self._chain(chain)
        own = [other for other in self._members[self._groups[item]] if other in shown.labels]
        votes = shown.votes(item, own)
        count = len(shown.labels) - len(own)
        return self._reply(votes, math.sqrt(count) * self._norms.root_mean_square(item), count)

    def vote_by_list(self, item: int, demonstrations: Sequence[tuple[int, int]], label: int | None) -> Vote:
        """The shares of the vote of `answer_list` for a label, or if None for the one with the highest score."""
        outside = [pair for pair in demonstrations if self._groups[pair[0]] != self._groups[item]]
        row = self._features.dense([item])[0]
        sums = np.zeros((self._n_labels, PLACES))
        weights = np.zeros(len(outside))
        for number, (other, shown) in enumerate(outside):
            places, values = self._features.row(other)
            sums[shown, places] += values
            sums[shown] -= self._features.mean
            weights[number] = row[places] @ values.astype(np.float64)
        weights -= row @ self._features.mean
        return vote_of(row * sums, _scale(math.sqrt(float(weights @ weights)), len(outside)), label, len(outside))

    def vote_by_all(self, item: int, chain: int, label: int | None) -> Vote:
        """The shares of the vote of `answer_all` for a label, or if None for the one with the highest score."""
        shown = self._chain(chain)
        own = [other for other in self._members[self._groups[item]] if other in shown.labels]
        count = len(shown.labels) - len(own)
        norm = math.sqrt(count) * self._norms.root_mean_square(item)
        row = self._features.dense([item])[0]
        return vote_of(row * shown.sums(own), _scale(norm, count), label, count)

    def explain(self, vote: Vote, item: int, labels: Sequence[str]) -> Iterator[str]:
        """Name what carried a vote on `item`, a phrase at a time."""
        return phrases(vote, self._texts[item], self._features, labels)

    def _chain(self, chain: int) -> "_ShownAll":
        return self._chains.setdefault(chain, _ShownAll(self._features, self._n_labels))

    def _reply(self, votes: NDArray[np.float64], norm: float, count: int) -> Reply:
        scores = ((votes - votes.mean()) * _scale(norm, count)).tolist()
        log_total = logsumexp(scores)
        return Reply([round(score - log_total, 6) for score in scores], mass=1.0, endpoint="embedded")


class EmbeddedClient:
    """A ModelClient that computes replies in slices of time, so that the event loop keeps running; `labels` are the
    names for explanations."""

    def __init__(self, model: EmbeddedModel, labels: Sequence[str]) -> None:
        self._model = model
        self._labels = labels
        self._waiting: deque[Query] = deque()

    concurrency_limit = _CONCURRENCY
    warms = False
    # An explanation comes a piece at each turn of the event loop, so this is ample.
    shutdown_grace = 2.0

    async def open(self, held: Endpoint | None) -> None:
        """Do nothing: the model is ready."""

    async def close(self) -> None:
        """Do nothing."""

    def apply_settings(self, model: Model, reasoning: Reasoning) -> None:
        """Do nothing: no setting of a server matters here."""

    def expected_cost(self, query: Query) -> float:
        """Nothing: answers are computed here."""
        return 0.0

    def expected_explanation_cost(self, query: Query) -> float:
        """Nothing: explanations are computed here, too."""
        return 0.0

    def ask(self, query: Query) -> None:
        """Queue a question."""
        self._waiting.append(query)

    async def replies(self, seconds: float) -> list[tuple[Query, Reply | Unavailable]]:
        """Compute replies for a slice of time, in the order asked. Without questions, wait `seconds`."""
        if not self._waiting:
            await asyncio.sleep(seconds)
            return []
        await asyncio.sleep(0)
        answered: list[tuple[Query, Reply | Unavailable]] = []
        end = time.monotonic() + min(_SLICE, seconds)
        while self._waiting and (not answered or time.monotonic() < end):
            query = self._waiting.popleft()
            answered.append((query, self._answer(query)))
        return answered

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Follow a chain's labels."""
        self._model.relabel(chain, changes)

    @property
    def speaker(self) -> str:
        """The model's name, which says that it is no language model."""
        return SPEAKER

    async def explain(self, query: Query, label: int | None) -> AsyncIterator[Piece]:
        """Name what carried the vote, a phrase at a time. With all items shown, by their labels at that moment."""
        if query.demonstrations == "all":
            vote = self._model.vote_by_all(query.item, query.chain, label)
        else:
            vote = self._model.vote_by_list(query.item, query.demonstrations, label)
        for phrase in self._model.explain(vote, query.item, self._labels):
            yield Piece(phrase)
            await asyncio.sleep(0)

    def _answer(self, query: Query) -> Reply:
        if query.demonstrations == "all":
            return self._model.answer_all(query.item, query.chain)
        return self._model.answer_list(query.item, query.context_id, query.demonstrations)


def _scale(norm: float, count: int) -> float:
    """The factor c0 / |w| that turns a sum of `count` weights into a score; 0 if all weights are 0."""
    return min(1.0, 16 / math.sqrt(count)) / norm if norm else 0.0


class _Norms:
    """For every item, the root mean square of w over the items outside its group; over a keyed sample of 1024 if there
    are more than twice as many. Computed for 256 items at once, since that costs little more than a single one, and in
    float32, since it only scales the answers."""

    def __init__(self, features: Features, groups: Sequence[int]) -> None:
        self._features = features
        self._groups = np.asarray(groups, dtype=np.int64)
        self._known: dict[int, NDArray[np.float32]] = {}
        self._sample: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None

    def root_mean_square(self, item: int) -> float:
        """The norm |w|, divided by the square root of the number of shown items."""
        batch, place = divmod(item, _NORM_BATCH)
        if batch not in self._known:
            start = batch * _NORM_BATCH
            self._known[batch] = self._of(np.arange(start, min(start + _NORM_BATCH, len(self._groups))))
        return float(self._known[batch][place])

    def _of(self, items: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._sample is None:
            self._sample = self._draw()
        chosen, rows = self._sample
        weights = self._features.dense(items.tolist(), np.float32) @ rows.T
        outside = self._groups[items][:, None] != self._groups[chosen][None, :]
        squares = np.einsum("ij,ij,ij->i", weights, weights, outside.astype(np.float32))
        return np.asarray(np.sqrt(squares / np.maximum(outside.sum(axis=1), 1)), dtype=np.float32)

    def _draw(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        count = len(self._groups)
        chosen = np.arange(count)
        if count > 2 * _NORM_ITEMS:
            chosen = np.random.Generator(np.random.Philox(key=_NORM_KEY)).permutation(count)[:_NORM_ITEMS]
        return chosen, self._features.dense(chosen.tolist(), np.float32)


class _ShownList:
    """A context; without a kernel also as a matrix with a column for each item, made when first needed."""

    def __init__(self, demonstrations: Sequence[tuple[int, int]], n_labels: int) -> None:
        self.items = np.array([item for item, _ in demonstrations], dtype=np.int64)
        self.one_hot = np.zeros((len(demonstrations), n_labels))
        self.one_hot[np.arange(len(demonstrations)), [label for _, label in demonstrations]] = 1.0
        self._columns: NDArray[np.float64] | None = None

    def weights(self, features: Features, item: int) -> NDArray[np.float64]:
        """The dot products of an item with every demonstration, both less the mean of all rows."""
        if self._columns is None:
            self._columns = np.ascontiguousarray(features.dense(self.items.tolist()).T)
            self._by_mean = features.mean @ self._columns
        places, values = features.row(item)
        return np.asarray(values @ self._columns[places] - self._by_mean)


class _ShownAll:
    """The running sum of a chain's labelled rows, one row for each label."""

    def __init__(self, features: Features, n_labels: int) -> None:
        self.labels: dict[int, int] = {}
        self._features = features
        self._sums = np.zeros((n_labels, PLACES))
        self._counts = np.zeros(n_labels)
        self._by_mean = np.zeros(n_labels)

    def relabel(self, changes: Iterable[LabelChange]) -> None:
        for item, _, after in changes:
            before = self.labels.pop(item, None)
            if before is not None:
                self._add(item, before, -1.0)
            if after is not None:
                self._add(item, after, 1.0)
                self.labels[item] = after

    def _add(self, item: int, label: int, sign: float) -> None:
        places, values = self._features.row(item)
        self._sums[label, places] += sign * values
        self._counts[label] += sign
        self._by_mean[label] += sign * float(values.astype(np.float64) @ self._features.mean[places])

    def votes(self, item: int, own: Sequence[int]) -> NDArray[np.float64]:
        """The sum of w over each label's items, without those of `own`."""
        places, values = self._features.row(item)
        mean = self._features.mean
        by_mean = float(values @ mean[places])
        votes = self._sums[:, places] @ values.astype(np.float64)
        votes += -self._counts * by_mean - self._by_mean + self._counts * self._features.mean_square
        if own:
            dense = np.zeros(PLACES)
            dense[places] = values
            for other in own:
                other_places, other_values = self._features.row(other)
                weight = float(other_values @ dense[other_places])
                weight -= by_mean + float(other_values @ mean[other_places]) - self._features.mean_square
                votes[self.labels[other]] -= weight
        return np.asarray(votes)

    def sums(self, own: Sequence[int]) -> NDArray[np.float64]:
        """The summed rows (labels, 4096) of each label's items, without those of `own`."""
        sums = self._sums - self._counts[:, None] * self._features.mean
        for other in own:
            places, values = self._features.row(other)
            sums[self.labels[other], places] -= values
            sums[self.labels[other]] += self._features.mean
        return np.asarray(sums)
