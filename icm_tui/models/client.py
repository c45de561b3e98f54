"""What the runner asks of a model, whoever serves it."""

from collections.abc import AsyncIterator, Iterable
from typing import Literal, Protocol

import msgspec

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.profile.schema import Model, Reasoning


class Query(msgspec.Struct, frozen=True):
    """A question with all that a model needs to answer it: the item and its context, numbered by `context_id`.

    Decision `n` of the run waits for the answer, if any does. `fresh` bypasses the answer cache; set when a person
    re-asks.
    """

    question: str
    item: int
    chain: int
    context_id: int
    demonstrations: list[tuple[int, int]] | Literal["all"]
    fresh: bool = False
    n: int | None = None


class Piece(msgspec.Struct, frozen=True):
    """A piece of an explanation as it comes: words of the answer, or of a reasoning model's chain of thought.

    The last piece, which may have no text, carries the totals of the explanation: tokens written and cost in USD, None
    if the model reports none.
    """

    text: str
    reasoning: bool = False
    tokens: int | None = None
    cost: float | None = None


class Unavailable(msgspec.Struct, frozen=True):
    """Why a question got no answer through no fault of its own, in one sentence that says how to mend it. The question
    stays open, and the run pauses."""

    why: str


class ModelClient(Protocol):
    """Takes questions, returns replies as they come, and explains labels.

    Call `open` first and `close` last. Only `relabel` and `apply_settings` may come before `open`.
    """

    async def open(self, held: Endpoint | None) -> Endpoint | None:
        """Make ready. `held` is the endpoint that the run's answers so far came from; without one, find out what the
        server can do. Return the endpoint to be asked from now on, None for a model in this process.

        Raises UserError if the model cannot be asked, in a sentence that says what to change.
        """

    async def close(self) -> None:
        """Close connections and processes. Queries in flight are lost."""

    def apply_settings(self, model: Model, reasoning: Reasoning) -> None:
        """Go on with changed settings: timeouts, prices, concurrency, the key's variable, reasoning."""

    @property
    def concurrency_limit(self) -> int:
        """How many questions may be in flight now; it adapts to the server."""

    @property
    def warms(self) -> bool:
        """Whether to wait for the first answer of a context before sending its other questions, because the server
        then reuses what it has read."""

    @property
    def shutdown_grace(self) -> float:
        """Seconds that explanations under way are given when a run ends."""

    def expected_cost(self, query: Query) -> float | None:
        """The most that an answer may cost, in USD, estimated before it is asked; None without a price."""

    def expected_explanation_cost(self, query: Query) -> float | None:
        """The most that an explanation may cost, in USD; None without a price."""

    @property
    def speaker(self) -> str:
        """Who speaks in an explanation, in words for a person."""

    def ask(self, query: Query) -> None:
        """Send a question."""

    async def replies(self, seconds: float) -> list[tuple[Query, Reply | Unavailable]]:
        """The replies since the last call. Waits for one, but no longer than `seconds`."""

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Follow a chain's labels, for models that are shown all of them."""

    def explain(self, query: Query, label: int | None) -> AsyncIterator[Piece]:
        """Explain, a piece at a time, why the item has `label` given the context of the question; with None, the label
        that the model would answer. The event loop is free between pieces."""
