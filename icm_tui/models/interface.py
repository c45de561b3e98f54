"""What the runner asks of a model, whoever serves it."""

from collections.abc import Iterable
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


class Asker(Protocol):
    """Takes questions and gives back replies as they come."""

    def ask(self, asked: Asked) -> None:
        """Send a question."""

    async def replies(self, seconds: float) -> list[tuple[Asked, Reply]]:
        """The replies that came since the last call; waits for one, at most so long."""

    def relabel(self, chain: int, changes: Iterable[Change]) -> None:
        """Follow a chain's labels, for models that are shown all of them."""
