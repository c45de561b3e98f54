"""Methods that take one decision after another: all questions of a decision are answered before the next one begins.

Questions and proposals depend on the labels, the answers and the seed alone, in whatever order the answers came. A
proposal is weighed against the present labels by the rule of simulated annealing (Kirkpatrick et al., 1983): it is
taken if it is better, else with probability exp(difference / temperature).
"""

import math
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

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
from icm_tui.search.choice import Choice
from icm_tui.search.draws import Purpose
from icm_tui.search.method import SingleChain, drawn_labels
from icm_tui.search.problem import Problem


class Sequential(SingleChain):
    """A run of one of these methods over `problem`: decision 0 labels the seeds, and `iterations` more follow.

    Raises ValueError unless there are two labels.
    """

    def __init__(self, problem: Problem, name: str, seed: int, iterations: int) -> None:
        if problem.n_labels != 2:
            raise ValueError(f'method "{name}" is for 2 labels, not {problem.n_labels}')
        super().__init__(problem, seed)
        self.decisions = 1 + iterations
        self._name = name
        self._proposal: Proposal | None = None
        self._open: dict[str, Question] = {}
        # For the decision under way: the contexts that it shows, and restored ones that no question has claimed yet.
        self._shown: dict[Hashable, int] = {}
        self._restored: deque[int] = deque()

    # Questions and answers

    def wants(self) -> Iterator[Question]:
        self._advance()
        yield from self._open.values()

    def missing(self) -> list[Question]:
        return list(self.wants())

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        if question not in self._open:
            self._advance()
        item = self._open.pop(question).item
        self._keep(question, item, None if logprobs is None else centred(logprobs))

    # Decisions

    def propose(self) -> Proposal | None:
        self._advance()
        return self._proposal

    # Restoring from a journal

    def restore_context(self, context: Context) -> None:
        """Take a context from the journal; a decision's contexts come in the order in which it drew them."""
        self._contexts = context.id + 1
        self._restored.append(context.id)

    # What a person sets

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Set labels of chain 0 outside of any decision. The decision under way keeps its questions and is worked out
        again from the new labels. Raises IndexError for another chain."""
        self.labels_of(chain)
        # While a journal is restored, questions about the labels before the change may not be open yet.
        self._advance()
        self._set_labels({item: after for item, _, after in changes})
        self._proposal = None

    # What a viewer or a summary asks

    @property
    def phase(self) -> str:
        if self.done:
            return PhaseName.DONE
        return self._name if self.n else PhaseName.SEEDS

    # What a method brings

    @abstractmethod
    def _seeds(self) -> tuple[list[int], list[int]]:
        """The items that start with a label, in the order in which they get it, and their labels."""

    @abstractmethod
    def _work_out(self) -> Proposal | None:
        """The next proposal, or None after asking for the answers that are missing."""

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
        """Open a question about a context. `shown` identifies the context within the decision; `draw` makes it unless
        it was restored."""
        if shown not in self._shown:
            self._shown[shown] = self._restored.popleft() if self._restored else self._publish(self._name, 0, draw()).id
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
        options = [Option(labels, round(difference, 6)), Option([self._labels[item] for item in items], 0.0)]
        choice = Choice(options, 0 if accepted else 1, round(max(difference, 0.0) / temperature, 6))
        return choice.proposal(self.n, self._name, 0, items, temperature, draw, accepted=accepted, score=score)

    def _as_it_was(self, items: list[int], temperature: float, score: dict[str, float], *, accepted: bool) -> Proposal:
        """A decision with nothing to weigh: the proposal changes no label (`accepted`), or there is none."""
        choice = Choice([Option([self._labels[item] for item in items], 0.0)])
        return choice.proposal(self.n, self._name, 0, items, temperature, accepted=accepted, score=score)

    # Inside

    def _advance(self) -> None:
        if self._open or self._proposal is not None or self.done:
            return
        if self.n:
            self._proposal = self._work_out()
        else:
            items, labels = self._seeds()
            self._proposal = Choice([Option(list(labels), 0.0)]).proposal(0, PhaseName.SEEDS, 0, items)

    def _take(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        self._apply(decision, labels)
        self.n += 1
        self._proposal = None
        self._open.clear()
        self._shown.clear()
        self._restored.clear()
        # A journal has the score already.
        return {} if isinstance(decision, Decision) else self._terms(decision, labels != drawn_labels(decision))


def logarithmic(n: int, initial: float, final: float, beta: float) -> float:
    """max(final, initial / (1 + beta ln n)) for n = 1, 2, …: the original's "log" scheduler."""
    return max(final, initial / (1 + beta * math.log(n)))


def exponential(n: int, initial: float, final: float, decay: float) -> float:
    """max(final, initial * decay^n): the original's "exp" scheduler."""
    return float(max(final, initial * decay**n))
