"""Asks the embedded model, a slice of time at once, so that the event loop stays awake."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence

from icm_tui.domain.endpoint import Endpoint
from icm_tui.domain.reply import Reply
from icm_tui.models.embedded.explanation import SPEAKER
from icm_tui.models.embedded.model import EmbeddedModel
from icm_tui.models.interface import Asked, Change, Piece, Unanswered
from icm_tui.profile.schema import Model, Reasoning

_SLICE = 0.02
# Enough to be at work for a slice, few enough to heed a pause at once.
_ROOM = 1024


class InProcessAsker:
    """An Asker over a model that computes its replies here; `labels` are the names that it explains labels by."""

    def __init__(self, model: EmbeddedModel, labels: Sequence[str]) -> None:
        self._model = model
        self._labels = labels
        self._waiting: deque[Asked] = deque()

    room = _ROOM
    warms = False
    patience = 0.0

    async def open(self, held: Endpoint | None) -> None:
        """Nothing needs to be made ready."""

    async def close(self) -> None:
        """Nothing is held."""

    def adopt(self, model: Model, reasoning: Reasoning) -> None:
        """No setting of a server matters here."""

    def expected_cost(self, asked: Asked) -> float:
        """Nothing: it is computed here."""
        return 0.0

    def expected_thought_cost(self, asked: Asked) -> float:
        """Nothing, likewise."""
        return 0.0

    def ask(self, asked: Asked) -> None:
        """Put a question in line."""
        self._waiting.append(asked)

    async def replies(self, seconds: float) -> list[tuple[Asked, Reply | Unanswered]]:
        """Compute replies for a slice of time, in the order asked; with nothing to do, wait `seconds`."""
        if not self._waiting:
            await asyncio.sleep(seconds)
            return []
        await asyncio.sleep(0)
        answered: list[tuple[Asked, Reply | Unanswered]] = []
        end = time.monotonic() + min(_SLICE, seconds)
        while self._waiting and (not answered or time.monotonic() < end):
            asked = self._waiting.popleft()
            answered.append((asked, self._answer(asked)))
        return answered

    def relabel(self, chain: int, changes: Iterable[Change]) -> None:
        """Follow a chain's labels."""
        self._model.relabel(chain, changes)

    @property
    def speaker(self) -> str:
        """The model, and that it is no language model."""
        return SPEAKER

    async def explain(self, asked: Asked, label: int | None) -> AsyncIterator[Piece]:
        """Name what carried the vote, a phrase at a time; where all is shown, by the labels at the first piece."""
        if asked.demonstrations == "all":
            vote = self._model.vote_by_all(asked.item, asked.chain, label)
        else:
            vote = self._model.vote_by_list(asked.item, asked.demonstrations, label)
        for phrase in self._model.explain(vote, asked.item, self._labels):
            yield Piece(phrase)
            await asyncio.sleep(0)

    def _answer(self, asked: Asked) -> Reply:
        if asked.demonstrations == "all":
            return self._model.answer_all(asked.item, asked.chain)
        return self._model.answer_list(asked.item, asked.block, asked.demonstrations)
