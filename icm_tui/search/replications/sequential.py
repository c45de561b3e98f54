"""Methods that take one decision after another: all that a decision asks is answered before the next one begins.

What is asked and what is proposed follow from the labels, the answers and the seed alone, in whatever order the answers
came. A proposal is weighed against the labels as they are by the rule of simulated annealing (Kirkpatrick et al.,
1983): taken if it is better, else with probability exp(difference / temperature).
"""

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

import msgspec

from icm_tui.domain.decisions import (
    Context,
    Decision,
    Demonstrations,
    LabelChange,
    Option,
    PhaseName,
    Proposal,
    Question,
)
from icm_tui.domain.scores import Scores, centred
from icm_tui.search.draws import Draws, Purpose
from icm_tui.search.problem import Problem


class Sequential(ABC):
    """A run of one of these methods over `problem`: decision 0 labels the seeds, then follow `iterations` more.

    Raises ValueError unless there are two labels.
    """

    def __init__(self, problem: Problem, name: str, seed: int, iterations: int) -> None:
        if problem.n_labels != 2:
            raise ValueError(f'method "{name}" is for 2 labels, not {problem.n_labels}')
        self.problem = problem
        self.n = 0
        self.decisions = 1 + iterations
        self._name = name
        self._draws = Draws(seed)
        self._labels: list[int | None] = [None] * problem.n_items
        self._proposal: Proposal | None = None
        self._open: dict[str, Question] = {}
        self._drawn: list[Context] = []
        self._contexts = 0
        # Of the decision under way: the contexts it shows, and the journal's that no question has claimed yet.
        self._shown: dict[Hashable, int] = {}
        self._restored: deque[int] = deque()

    # Questions and answers

    def wants(self) -> Iterator[Question]:
        """The questions that may be asked now. Tell nothing while iterating."""
        self._advance()
        yield from self._open.values()

    def missing(self) -> list[Question]:
        """The questions that the next decision still waits for, as far as the answers so far tell."""
        return list(self.wants())

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        """Keep an answer (nats a label; None if the item was refused). Raises KeyError for a question not asked."""
        if question not in self._open:
            self._advance()
        item = self._open.pop(question).item
        self._keep(question, item, None if logprobs is None else centred(logprobs))

    def drain_contexts(self) -> list[Context]:
        """The contexts drawn since the last call; they belong into the journal before a question about them goes
        out."""
        self._advance()
        drawn, self._drawn = self._drawn, []
        return drawn

    # Decisions

    def propose(self) -> Proposal | None:
        """The next decision before it is taken, or None while answers are missing or the search is over."""
        self._advance()
        return self._proposal

    def commit(self, proposal: Proposal, override: Mapping[int, int | None] | None = None) -> Decision:
        """Take a decision as drawn, or with a person's labels for some of its items."""
        if proposal.n != self.n:
            raise ValueError(f"decision {proposal.n} is not the next one, {self.n}")
        drawn = dict(zip(proposal.items, proposal.options[proposal.chosen].labels, strict=True))
        labels = {**drawn, **override} if override else drawn
        changes = [(item, self._labels[item], label) for item, label in labels.items() if self._labels[item] != label]
        self._take(proposal, labels)
        fields = msgspec.structs.asdict(proposal) | {"score": self._terms(proposal, labels != drawn)}
        return Decision(**fields, changes=changes, overridden=labels != drawn)

    # Adopting a journal

    def restore_context(self, context: Context) -> None:
        """Take a context from the journal; a decision's contexts come in the order in which it drew them."""
        self._contexts = context.id + 1
        self._restored.append(context.id)

    def restore_decision(self, decision: Decision) -> None:
        """Take a decision from the journal as it was taken."""
        if decision.overridden:
            labels = {item: self._labels[item] for item in decision.items}
            labels |= {item: after for item, _, after in decision.changes}
        else:
            labels = dict(zip(decision.items, decision.options[decision.chosen].labels, strict=True))
        self._take(decision, labels)

    # What a person sets

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Set labels of chain 0 outside of any decision. What the decision under way has asked stays asked, and it is
        worked out again from the new labels. Raises IndexError for another chain."""
        self.labels_of(chain)
        # A journal that is read back opens its questions late: these are of the labels as they were.
        self._advance()
        self._set_labels({item: after for item, _, after in changes})
        self._proposal = None

    def chains_with(self, item: int) -> list[int]:
        """The chains in which a person's label for `item` counts now: the one there is."""
        return [0]

    # What a viewer or a summary asks

    @property
    def done(self) -> bool:
        """Whether every decision was taken."""
        return self.n >= self.decisions

    @property
    def labels(self) -> list[int | None]:
        """The labels now. Items that the method never came to are None even when it is done."""
        return self._labels

    def labels_of(self, chain: int) -> list[int | None]:
        """The labels of the one chain there is, 0. Raises IndexError for another."""
        return [self._labels][chain]

    @property
    def leading(self) -> int:
        """The one chain there is."""
        return 0

    @property
    def coherence_bits(self) -> float | None:
        """None: no answer is held out from the labels it is drawn into."""
        return None

    @property
    def phase(self) -> str:
        """The phase of the next decision, or "done"."""
        if self.done:
            return PhaseName.DONE
        return self._name if self.n else PhaseName.SEEDS

    # What a method brings

    @abstractmethod
    def _seeds(self) -> tuple[list[int], list[int]]:
        """The items that start with a label, in the order in which they get it, and their labels."""

    @abstractmethod
    def _work_out(self) -> Proposal | None:
        """The next proposal; or None, having asked for the answers it still lacks."""

    @abstractmethod
    def _keep(self, question: str, item: int, scores: Scores | None) -> None:
        """Keep an answer for `_work_out`."""

    @abstractmethod
    def _set_labels(self, labels: Mapping[int, int | None]) -> None:
        """Give items these labels."""

    @abstractmethod
    def _apply(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> None:
        """Change the state by a decision."""

    @abstractmethod
    def _terms(self, proposal: Proposal, overridden: bool) -> dict[str, float]:
        """The score terms of the decision just applied."""

    # What a method uses

    def _ask(self, question: str, item: int, shown: Hashable, draw: Callable[[], Demonstrations]) -> None:
        """Open a question about a context; `shown` tells the contexts of one decision apart, `draw` gives one that no
        journal brought."""
        if shown not in self._shown:
            self._shown[shown] = self._restored.popleft() if self._restored else self._publish(draw())
        self._open[question] = Question(question, self._shown[shown], item, self.n)

    def _weigh(
        self, items: list[int], labels: list[int | None], difference: float, temperature: float, score: dict[str, float]
    ) -> Proposal:
        """Weigh `labels` for `items`, better by `difference`, against those they have.

        Option 0 is the proposed one, and log_normaliser makes exp(value / T - log_normaliser) the probability with
        which it is taken; option 1 is "as it was".
        """
        draw = self._draws.uniform(Purpose.ACCEPTANCE, self.n)
        accepted = difference > 0 or draw < math.exp(difference / temperature)
        return Proposal(
            n=self.n,
            phase=self._name,
            chain=0,
            items=items,
            options=[Option(labels, round(difference, 6)), Option([self._labels[item] for item in items], 0.0)],
            chosen=0 if accepted else 1,
            log_normaliser=round(max(difference, 0.0) / temperature, 6),
            temperature=temperature,
            draw=draw,
            accepted=accepted,
            score=score,
        )

    def _as_it_was(self, items: list[int], temperature: float, score: dict[str, float], *, accepted: bool) -> Proposal:
        """A decision with nothing to weigh: the proposal changes no label (`accepted`), or there is none."""
        return self._plain(items, [self._labels[item] for item in items], temperature, score, accepted=accepted)

    # Inside

    def _advance(self) -> None:
        if self._open or self._proposal is not None or self.done:
            return
        if self.n:
            self._proposal = self._work_out()
        else:
            items, labels = self._seeds()
            self._proposal = self._plain(items, list(labels), 0.0, {}, accepted=True)

    def _plain(
        self, items: list[int], labels: list[int | None], temperature: float, score: dict[str, float], *, accepted: bool
    ) -> Proposal:
        return Proposal(
            n=self.n,
            phase=self.phase,
            chain=0,
            items=items,
            options=[Option(labels, 0.0)],
            chosen=0,
            log_normaliser=0.0,
            temperature=temperature,
            draw=0.0,
            accepted=accepted,
            score=score,
        )

    def _publish(self, demonstrations: Demonstrations) -> int:
        context = Context(self._contexts, self._name, 0, demonstrations)
        self._contexts += 1
        self._drawn.append(context)
        return context.id

    def _take(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> None:
        self._apply(decision, labels)
        self.n += 1
        self._proposal = None
        self._open.clear()
        self._shown.clear()
        self._restored.clear()


def logarithmic(n: int, initial: float, final: float, beta: float) -> float:
    """max(final, initial / (1 + beta ln n)) for n = 1, 2, …: the original's "log" scheduler."""
    return max(final, initial / (1 + beta * math.log(n)))


def exponential(n: int, initial: float, final: float, decay: float) -> float:
    """max(final, initial * decay^n): the original's "exp" scheduler."""
    return float(max(final, initial * decay**n))
