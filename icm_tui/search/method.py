"""What every search method offers to whoever runs it.

A method does no input or output, reads no clock, and draws no number that is not keyed by the seed. The runner asks
the questions that it `wants`, `tell`s the answers in whatever order they come, and takes decisions one by one:
`propose`, then `commit`. What a journal holds is given back with `adopt_block`, `tell`, `adopt_decision` and `relabel`,
in the journal's order, before anything else is called; nothing of it is computed again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from icm_tui.domain.decisions import Context, Decision, LabelChange, Proposal, Question
from icm_tui.search.problem import Problem


class Search(Protocol):
    """A search method under way. `n` is the number of the next decision, `decisions` how many are expected in all."""

    n: int
    decisions: int
    problem: Problem

    def wants(self) -> Iterator[Question]:
        """The questions that may be asked now, the next decision's first. Tell nothing while iterating."""

    def missing(self) -> list[Question]:
        """The questions that the next decision still waits for."""

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        """Keep an answer (nats a label; None if the item was refused). Raises KeyError for a question not asked."""

    def drain_contexts(self) -> list[Context]:
        """The contexts drawn since the last call; they belong into the journal before a question about them goes
        out."""

    def propose(self) -> Proposal | None:
        """The next decision before it is taken, or None while answers are missing or the search is over."""

    def commit(self, proposal: Proposal, override: Mapping[int, int | None] | None = None) -> Decision:
        """Take a decision as drawn, or with a person's labels for some of its items."""

    def restore_context(self, context: Context) -> None:
        """Take a context from the journal."""

    def restore_decision(self, decision: Decision) -> None:
        """Take a decision from the journal as it was taken."""

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Set labels of a chain outside of any decision, as a person does: all that belong together at once. Contexts
        drawn before keep the labels that they show; take them first, so that the journal has them first."""

    def chains_with(self, item: int) -> list[int]:
        """The chains in which a person's label for `item` counts now: it is labelled there, or the phase covers it."""

    @property
    def done(self) -> bool:
        """Whether every decision was taken."""

    @property
    def labels(self) -> list[int | None]:
        """The labels now, an item each; None is unlabelled."""

    def labels_of(self, chain: int) -> list[int | None]:
        """The labels of one chain, an item each."""

    @property
    def leading(self) -> int:
        """The chain whose labels are `labels`."""

    @property
    def coherence_bits(self) -> float | None:
        """The held-out coherence (bits) now; None if it is not measured."""

    @property
    def phase(self) -> str:
        """The phase of the next decision, or "done"."""
