"""The data that passes between the search and whoever runs it.

Items and labels are integers: an item is its row in the task, a label the index of its set name (0 is "A").
Log-probabilities are in nats; coherence is in bits.
"""

from enum import StrEnum
from typing import Literal

import msgspec

Demonstrations = list[tuple[int, int]] | Literal["all"]
# An item, its label before and after; None is unlabelled.
LabelChange = tuple[int, int | None, int | None]


class PhaseName(StrEnum):
    """The phases of method `icm`, in order. Other methods begin with SEEDS, if they have seeds, then run in a phase of
    their own name and end with DONE."""

    SEEDS = "seeds"
    LABEL_BIAS = "label_bias"
    TOURNAMENT = "tournament"
    SELECTION = "selection"
    SWEEPS = "sweeps"
    SECOND_LOOK = "second_look"
    DONE = "done"

    @property
    def number(self) -> int:
        """Its place in the order, by which draws are keyed."""
        return list(PhaseName).index(self)


class Context(msgspec.Struct):
    """One context, drawn once and shared by the questions of consecutive decisions.

    `demonstrations` holds (item, label shown) in the order shown, or "all": every item labelled in the chain at the
    time of asking except the group of the item asked about.
    """

    id: int
    phase: str
    chain: int
    demonstrations: Demonstrations


class Question(msgspec.Struct, frozen=True):
    """Which label does the model expect for `item` after the demonstrations of `context_id`? Decision `n` waits for the
    answer. The id only names the question; nothing is read from it."""

    id: str
    context_id: int
    item: int
    n: int


class Option(msgspec.Struct, frozen=True):
    """One assignment that the decision could take: a label for each of its items, in their order, and its value in
    nats. A null label leaves an item unlabelled that never had an answer."""

    labels: list[int | None]
    value: float


class Proposal(msgspec.Struct):
    """The next decision before it is taken: what commit() does unless it is overruled.

    `options` holds the eight best assignments and the one drawn; `chosen` is the drawn one's place in it; `draw` is the
    uniform number that drew it. `log_normaliser` is the logarithm of the sum of exp(value / temperature) over all
    assignments, so that every option's probability can be computed.
    """

    n: int
    phase: str
    chain: int
    items: list[int]
    options: list[Option]
    chosen: int
    log_normaliser: float
    temperature: float
    draw: float
    accepted: bool
    score: dict[str, float]


class Decision(Proposal, kw_only=True):
    """A decision as taken: number `n` of the run, for `items`.

    `options` are the eight best assignments and the one drawn, best first, `chosen` the drawn one's place among them;
    `draw` is the uniform number that drew it at `temperature`, and `log_normaliser` the logarithm of the sum of
    exp(value / temperature) over all assignments. `changes` are (item, label before, label after), null meaning
    unlabelled. `score` holds the method's own terms after the decision, such as coherence_bits (held out) or, in phase
    "label_bias", the model's label bias (nats). `overridden` is set if a person's labels replaced the draw.
    """

    changes: list[LabelChange]
    overridden: bool = False
