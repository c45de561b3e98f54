"""What the runner asks of a model, whoever serves it."""

from collections.abc import AsyncIterator, Iterable
from typing import Literal, Protocol

import msgspec

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.profile.schema import Model, Reasoning


class Query(msgspec.Struct, frozen=True):
    """A question with all that a model needs to answer it: the item, and the context it is shown (`context_id` numbers
    it). Decision `n` of the run waits for the answer, if one does.

    `again` is set if a person wants to hear it asked again, so that no answer kept from before will do.
    """

    question: str
    item: int
    chain: int
    context_id: int
    demonstrations: list[tuple[int, int]] | Literal["all"]
    again: bool = False
    n: int | None = None


class Piece(msgspec.Struct, frozen=True):
    """A piece of an explanation as it comes: the answer's words, or a reasoning model's own thinking (`thought`).

    The last piece, which may have no text, carries what the whole explanation took: the tokens written and the cost in
    USD, None if the model reports none.
    """

    text: str
    reasoning: bool = False
    tokens: int | None = None
    cost: float | None = None


class Unavailable(msgspec.Struct, frozen=True):
    """A question that got no answer, though not by its own fault: it stays open, and the run pauses. `why` is one
    sentence that says what to mend."""

    why: str


class ModelClient(Protocol):
    """Takes questions and gives back replies as they come, and explains them.

    Between `open` and `close` it may hold connections and processes; the other methods are called between them, but for
    `relabel` and `adopt`.
    """

    async def open(self, held: Endpoint | None) -> Endpoint | None:
        """Make ready to be asked. `held` is the endpoint that the run's answers so far came from; without one, what the
        server can do is found out first. Returns the endpoint asked from now on, None for a model in this process.

        Raises UserError if it cannot be asked, in a sentence that says what to change.
        """

    async def close(self) -> None:
        """Let go of connections and processes. What is under way is lost."""

    def apply_settings(self, model: Model, reasoning: Reasoning) -> None:
        """Go on with settings that a person changed: timeouts, prices, concurrency, the key's variable, reasoning."""

    @property
    def concurrency_limit(self) -> int:
        """How many questions may be in flight now; it follows what the server takes."""

    @property
    def warms(self) -> bool:
        """Whether the first question of a context should be answered before its others are sent, since the server then
        need not read the context again."""

    @property
    def shutdown_grace(self) -> float:
        """Seconds that explanations under way are given when a run ends."""

    def expected_cost(self, query: Query) -> float | None:
        """What an answer may cost at most, in USD, as far as can be told before it; None without a price."""

    def expected_explanation_cost(self, query: Query) -> float | None:
        """What an explanation may cost at most, in USD; None without a price."""

    @property
    def speaker(self) -> str:
        """Who speaks in an explanation, in words for a person."""

    def ask(self, query: Query) -> None:
        """Send a question."""

    async def replies(self, seconds: float) -> list[tuple[Query, Reply | Unavailable]]:
        """The replies that came since the last call; waits for one, at most so long."""

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Follow a chain's labels, for models that are shown all of them."""

    def explain(self, query: Query, label: int | None) -> AsyncIterator[Piece]:
        """Explain why the item of a question has `label`, or the label that it would be answered with, given what the
        question shows; piece by piece, with the event loop free in between."""
