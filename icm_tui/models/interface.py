"""What the runner asks of a model, whoever serves it."""

from collections.abc import AsyncIterator, Iterable
from typing import Literal, Protocol

import msgspec

from icm_tui.models.reply import Reply

Change = tuple[int, int | None, int | None]


class Asked(msgspec.Struct, frozen=True):
    """A question with all that a model needs to answer it: the item, and the list it is shown (`block` numbers it)."""

    question: str
    item: int
    chain: int
    block: int
    demonstrations: list[tuple[int, int]] | Literal["all"]


class Piece(msgspec.Struct, frozen=True):
    """A piece of an explanation as it comes: the answer's words, or a reasoning model's own thinking (`thought`).

    The last piece, which may have no text, carries what the whole explanation took: the tokens written and the cost in
    USD, None where the model reports none.
    """

    text: str
    thought: bool = False
    tokens: int | None = None
    cost: float | None = None


class Asker(Protocol):
    """Takes questions and gives back replies as they come, and explains them."""

    @property
    def speaker(self) -> str:
        """Who speaks in an explanation, in words for a person."""

    def ask(self, asked: Asked) -> None:
        """Send a question."""

    async def replies(self, seconds: float) -> list[tuple[Asked, Reply]]:
        """The replies that came since the last call; waits for one, at most so long."""

    def relabel(self, chain: int, changes: Iterable[Change]) -> None:
        """Follow a chain's labels, for models that are shown all of them."""

    def explain(self, asked: Asked, label: int | None) -> AsyncIterator[Piece]:
        """Explain why the item of a question has `label`, or the label that it would be answered with, given what the
        question shows; piece by piece, with the event loop free in between."""
