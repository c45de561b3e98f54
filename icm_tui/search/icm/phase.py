"""A phase: decisions over one labelling, taken in order while their questions wait for answers in any order.

Decision m may have questions in flight once m < committed + window. A context is shared by consecutive decisions. It is
drawn by the very commit that admits the first of them, from the labels at that moment, so a trajectory depends on the
answers and never on when they came.
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from icm_tui.domain.decisions import Context, Demonstrations, Option, PhaseName, Proposal, Question
from icm_tui.domain.scores import Scores, centred, log_softmax
from icm_tui.search.choice import Choice, choose
from icm_tui.search.draws import Draws, Purpose
from icm_tui.search.icm.bias import Calibration
from icm_tui.search.icm.demonstrations import draw_context
from icm_tui.search.icm.labelling import Labelling
from icm_tui.search.settings import Settings


class Plan(msgspec.Struct, frozen=True):
    """What a phase covers: `units` (places in problem.units), `sweeps` times, decision m being number
    first + m * stride of the run. Labels of the units in `held_out` are scored before they are asked again."""

    name: PhaseName
    chain: int
    units: list[int]
    sweeps: int
    share: int
    window: int
    first: int
    stride: int = 1
    held_out: frozenset[int] | None = None


class Phase:
    """The decisions of `plan` over `labelling`; `publish` numbers a context and hands it to the journal."""

    def __init__(
        self,
        plan: Plan,
        labelling: Labelling,
        settings: Settings,
        draws: Draws,
        publish: Callable[[str, int, Demonstrations], Context],
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.labelling = labelling
        self.total = len(plan.units) * plan.sweeps
        self.committed = 0
        self.open: dict[str, tuple[Question, int]] = {}
        self._settings = settings
        self._draws = draws
        self._publish = publish
        self._orders: dict[int, list[int]] = {}
        self._admitted = 0
        self._ready_until = 0
        self._context: Context | None = None
        self._answers: dict[int, dict[int, Scores | None]] = {}
        self._last_in_context: dict[int, int] = {}
        self._offsets: dict[int, Scores] = {}
        calibrated = not settings.balanced and settings.shots != "all"
        self._calibration = Calibration(labelling.problem.n_labels) if calibrated else None

    def number(self, place: int) -> int:
        """The number in the run of the decision at `place`."""
        return self.plan.first + place * self.plan.stride

    def unit_at(self, place: int) -> int:
        """Which unit the decision at `place` labels; every sweep has a keyed order of its own."""
        sweep, within = divmod(place, len(self.plan.units))
        if sweep not in self._orders:
            generator = self._draws.generator(Purpose.ORDER, self.plan.name.number, self.plan.chain, sweep)
            self._orders[sweep] = generator.permutation(self.plan.units).tolist()
            self._orders.pop(sweep - 2, None)
        return self._orders[sweep][within]

    def members(self, place: int) -> list[int]:
        """The items that the decision at `place` labels."""
        return self.labelling.problem.units[self.unit_at(place)]

    def admit(self, *, draw: bool) -> None:
        """Open the questions of every decision that the window now admits, drawing their contexts.

        While a journal is restored, `draw` is false and contexts come from the journal. If all labelled items are
        shown, the only context is the one that says so.
        """
        shows_all = self._settings.shots == "all"
        while self._admitted < min(self.total, self.committed + self.plan.window):
            first = self._admitted
            last = min(first + (1 if shows_all else self.plan.share), self.total)
            if not shows_all:
                if not draw:
                    return
                self._open(first, last, self._publish(self.name, self.plan.chain, self._draw_context(first, last)))
                continue
            if self._context is None:
                if not draw:
                    return
                self._context = self._publish(self.name, self.plan.chain, "all")
            self._open(first, last, self._context)

    def restore_context(self, context: Context) -> None:
        """Take a context from the journal for the decisions that share it."""
        if context.demonstrations == "all":
            self._context = context
            self.admit(draw=False)
            return
        self._open(self._admitted, min(self._admitted + self.plan.share, self.total), context)

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        """Keep an answer (nats a label; None if the item was refused)."""
        asked, place = self.open.pop(question)
        self._answers[place][asked.item] = None if logprobs is None else centred(logprobs)

    def ready(self) -> bool:
        """Whether the next decision has all its answers and, if contexts are calibrated, its whole context has."""
        place = self.committed
        if place >= self._admitted:
            return False
        if place >= self._ready_until:
            last = self._last_in_context[place] if self._calibration else place + 1
            if any(len(self._answers[other]) < len(self.members(other)) for other in range(place, last)):
                return False
            self._ready_until = last
        return True

    def missing(self) -> list[Question]:
        """The questions that the next decision still waits for."""
        place = self.committed
        last = self._last_in_context.get(place, place) if self._calibration else place + 1
        return [question for question, other in self.open.values() if place <= other < last]

    def propose(self) -> Proposal:
        """Draw the next decision, which must be `ready`."""
        place = self.committed
        members = self.members(place)
        number = self.number(place)
        temperature = self._temperature(place)
        draw = self._draws.uniform(Purpose.DECISION, number)
        choice = self._choose(place, members, temperature, draw)
        return choice.proposal(number, self.name, self.plan.chain, list(members), temperature, draw)

    def commit(self, labels: Sequence[int | None]) -> None:
        """Take the next decision: its answers count from now on and its members carry `labels`."""
        place = self.committed
        answers = self._adjusted(place)
        measured = self.plan.held_out is None or self.unit_at(place) in self.plan.held_out
        for item, scores in answers.items():
            if scores is not None:
                if measured:
                    self.labelling.score_held_out(item, scores)
                self.labelling.keep_answer(item, scores)
        for item, label in zip(self.members(place), labels, strict=True):
            self.labelling.set_label(item, label)
        last = self._last_in_context.pop(place)
        if last == place + 1:
            self._offsets.pop(last, None)
        del self._answers[place]
        self.committed += 1

    def _open(self, first: int, last: int, context: Context) -> None:
        for place in range(first, last):
            number = self.number(place)
            self._answers[place] = {}
            self._last_in_context[place] = last
            for item in self.members(place):
                name = f"{self.name}/{self.plan.chain}/{number}/{item}/0"
                self.open[name] = (Question(name, context.id, item, number), place)
        self._admitted = last

    def _draw_context(self, first: int, last: int) -> list[tuple[int, int]]:
        problem = self.labelling.problem
        share = last - first
        outside = {problem.group_of[item] for place in range(first, first + share) for item in self.members(place)}
        shots = self._settings.shots
        assert shots != "all"
        return draw_context(
            self.labelling.pool,
            problem,
            self._draws.generator(Purpose.DEMONSTRATIONS, self.plan.name.number, self.plan.chain, first),
            outside=outside,
            shots=shots,
            balanced=self._settings.balanced,
            confident=self._settings.confident,
        )

    def _adjusted(self, place: int) -> dict[int, Scores | None]:
        """A decision's answers, less the bias of its context if contexts are calibrated."""
        answers = self._answers[place]
        if self._calibration is None:
            return answers
        last = self._last_in_context[place]
        if last not in self._offsets:
            together = [scores for other in range(place, last) for scores in self._answers[other].values()]
            self._offsets[last] = self._calibration.offsets([scores for scores in together if scores is not None])
        offsets = self._offsets[last]
        return {
            item: None if scores is None else tuple(a - b for a, b in zip(scores, offsets, strict=True))
            for item, scores in answers.items()
        }

    def _choose(self, place: int, members: Sequence[int], temperature: float, draw: float) -> Choice:
        labelling, problem = self.labelling, self.labelling.problem
        answers = self._adjusted(place)
        counts = [labelling.pool.count(label) for label in range(problem.n_labels)]
        for item in members:
            label = labelling.labels[item]
            if label is not None:
                counts[label] -= 1
        shares = [0.5 * math.log(count + 1) for count in counts]
        values: list[Scores | None] = []
        for item in members:
            scores = labelling.with_answer(item, answers[item])
            values.append(None if scores is None else log_softmax([s - e for s, e in zip(scores, shares, strict=True)]))
        if not any(values):
            kept = [labelling.labels[item] if labelling.answered[item] else None for item in members]
            return Choice([Option(kept, 0.0)])
        return choose(
            values,
            [value is not None or bool(labelling.answered[item]) for value, item in zip(values, members, strict=True)],
            [problem.keys[item] for item in members],
            problem.rule,
            problem.n_labels,
            temperature,
            draw,
        )

    def _temperature(self, place: int) -> float:
        """The final temperature in the first sweep, then geometric from the initial to the final one."""
        first_sweep = len(self.plan.units)
        if place < first_sweep:
            return self._settings.final_t
        return geometric(
            place - first_sweep, self.total - first_sweep, self._settings.initial_t, self._settings.final_t
        )


def geometric(place: int, places: int, initial: float, final: float) -> float:
    """From `initial` at place 0 to `final` at the last of `places`, by a constant factor a step."""
    if places <= 1:
        return final
    return float(initial * (final / initial) ** (place / (places - 1)))
