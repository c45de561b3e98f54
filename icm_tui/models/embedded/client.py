"""Asks the embedded model in slices of time, so that the event loop keeps running."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.models.client import Piece, Query, Unavailable
from icm_tui.models.embedded.explanation import SPEAKER
from icm_tui.models.embedded.model import EmbeddedModel
from icm_tui.profile.schema import Model, Reasoning

_SLICE = 0.02
# Enough work for a slice, and few enough to pause at once.
_CONCURRENCY = 1024


class EmbeddedClient:
    """A ModelClient over a model in this process; `labels` are the names that it explains labels by."""

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
        """Do nothing: no connection is open."""

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
