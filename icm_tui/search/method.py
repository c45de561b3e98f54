"""The interface that every search method offers to the runner.

A method does no input or output, reads no clock, and draws no number that is not keyed by the seed. The runner asks
the questions that it `wants`, `tell`s the answers in whatever order they come, and takes decisions one by one:
`propose`, then `commit`. A journal is restored with `restore_context`, `tell`, `restore_decision` and `relabel`, in the
journal's order, before anything else is called; nothing in it is computed again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from icm_tui.domain.decisions import Context, Decision, Demonstrations, LabelChange, Proposal, Question
from icm_tui.search.draws import Draws
from icm_tui.search.problem import Problem


class Search(ABC):
    """A search method under way. `n` is the number of the next decision, `decisions` how many are expected in all."""

    decisions: int

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem = problem
        self.n = 0
        self._draws = Draws(seed)
        self._drawn: list[Context] = []
        self._contexts = 0

    # Questions and answers

    @abstractmethod
    def wants(self) -> Iterator[Question]:
        """The questions that may be asked now, the next decision's first. Do not call `tell` while iterating."""

    @abstractmethod
    def missing(self) -> list[Question]:
        """The questions that the next decision still waits for, as far as is known yet."""

    @abstractmethod
    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        """Keep an answer (nats a label; None if the item was refused). Raises KeyError for a question not asked."""

    def drain_contexts(self) -> list[Context]:
        """The contexts drawn since the last call. They must be in the journal before a question about them is sent."""
        self._advance()
        drawn, self._drawn = self._drawn, []
        return drawn

    # Decisions

    @abstractmethod
    def propose(self) -> Proposal | None:
        """The next decision before it is taken, or None while answers are missing or the search is over."""

    def commit(self, proposal: Proposal, override: Mapping[int, int | None] | None = None) -> Decision:
        """Take a decision as drawn, or with a person's labels for some of its items."""
        if proposal.n != self.n:
            raise ValueError(f"decision {proposal.n} is not the next one, {self.n}")
        drawn = drawn_labels(proposal)
        labels = {**drawn, **override} if override else drawn
        before = self.labels_of(proposal.chain)
        changes = [(item, before[item], label) for item, label in labels.items() if before[item] != label]
        fields = msgspec.structs.asdict(proposal) | {"score": self._take(proposal, labels)}
        return Decision(**fields, changes=changes, overridden=labels != drawn)

    # Restoring from a journal

    @abstractmethod
    def restore_context(self, context: Context) -> None:
        """Take a context from the journal."""

    def restore_decision(self, decision: Decision) -> None:
        """Take a decision from the journal as it was taken."""
        labels = drawn_labels(decision)
        if decision.overridden:
            before = self.labels_of(decision.chain)
            labels = {item: before[item] for item in decision.items}
            labels |= {item: after for item, _, after in decision.changes}
        self._take(decision, labels)

    # What a person sets

    @abstractmethod
    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Set labels of a chain outside of any decision, as a person does; changes that belong together go into one
        call. Contexts drawn before keep the labels that they show, so drain them first: the journal needs them before
        the change. Raises IndexError for a chain that does not exist."""

    @abstractmethod
    def chains_with(self, item: int) -> list[int]:
        """The chains in which a person's label for `item` counts now: it is labelled there, or the phase covers it."""

    # What a viewer or a summary asks

    @property
    def done(self) -> bool:
        """Whether every decision was taken."""
        return self.n >= self.decisions

    @property
    @abstractmethod
    def labels(self) -> list[int | None]:
        """The labels now, an item each; None is unlabelled."""

    @abstractmethod
    def labels_of(self, chain: int) -> list[int | None]:
        """The labels of one chain, an item each. Raises IndexError for a chain that does not exist."""

    @property
    @abstractmethod
    def leading(self) -> int:
        """The chain whose labels are `labels`."""

    @property
    @abstractmethod
    def coherence_bits(self) -> float | None:
        """The held-out coherence (bits) now; None if it is not measured."""

    @property
    @abstractmethod
    def phase(self) -> str:
        """The phase of the next decision, or "done"."""

    # What a method implements

    @abstractmethod
    def _advance(self) -> None:
        """Draw the contexts and open the questions that are due."""

    @abstractmethod
    def _take(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        """Change the state by a decision that sets `labels`, and return its score terms."""

    def _publish(self, phase: str, chain: int, demonstrations: Demonstrations) -> Context:
        """Number a context and keep it for the journal."""
        context = Context(self._contexts, phase, chain, demonstrations)
        self._contexts += 1
        self._drawn.append(context)
        return context


class SingleChain(Search):
    """A method with one chain, 0, whose coherence is not measured."""

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        self._labels: list[int | None] = [None] * problem.n_items

    def chains_with(self, item: int) -> list[int]:
        return [0]

    @property
    def labels(self) -> list[int | None]:
        return self._labels

    def labels_of(self, chain: int) -> list[int | None]:
        return [self._labels][chain]

    @property
    def leading(self) -> int:
        return 0

    @property
    def coherence_bits(self) -> float | None:
        return None


def drawn_labels(decision: Proposal) -> dict[int, int | None]:
    """The labels that a decision drew, by item."""
    return dict(zip(decision.items, decision.options[decision.chosen].labels, strict=True))
