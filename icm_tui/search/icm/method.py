"""Method `icm`: a state machine without input or output.

Theory of operation. A run is a sequence of decisions, numbered from 0. It goes through the stages of the table STAGES
at the end of this file, in the order of the table. A stage of length 0 is skipped.

| stage       | decisions                  | each decision                                                            |
|-------------|----------------------------|--------------------------------------------------------------------------|
| seeds       | a chain each               | gives a chain its first labels, at random                                |
| label bias  | 1, if it is measured       | takes the model's label bias off all chains                              |
| tournament  | chain sweeps x the subset  | draws labels for a unit of one chain; the chains take turns              |
| selection   | 1                          | keeps the chain whose labels are predicted best from each other          |
| sweeps      | sweeps x all units         | draws labels for a unit of the chain that was kept                       |
| second look | the least certain units    | draws them once more; others, at random, measure the labels              |

`wants` names questions, `tell` keeps answers, `propose` draws the next decision once its answers are there, and
`commit` takes it: the stage applies it and, after its last decision, the next stage begins. The questions of a whole
window of decisions are open at once, so many can be in flight. Those of the label bias and of the tournament are open
together, since neither needs the other's answers. A journal is restored, never computed again: contexts come from it,
and only after its end are missing ones drawn.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from icm_tui.domain.decisions import Context, Decision, LabelChange, Option, PhaseName, Proposal, Question
from icm_tui.domain.scores import margin
from icm_tui.search.choice import Choice, choose
from icm_tui.search.draws import Purpose
from icm_tui.search.icm.bias import LabelBias
from icm_tui.search.icm.labelling import HeldOut, Labelling, as_asked
from icm_tui.search.icm.phase import Phase, Plan
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings

SMALLEST_MARGIN = 0.15
AT_RANDOM = 0.05


class Icm(Search):
    """A run of method `icm` over `problem`."""

    def __init__(self, problem: Problem, settings: Settings) -> None:
        super().__init__(problem, settings.seed)
        self._settings = settings
        self._restoring = False
        subset = self._subset()
        self._covered = frozenset(item for unit in subset for item in problem.units[unit])
        self._chains = max(1, settings.chains)
        self._labellings = [Labelling(problem, settings.average) for _ in range(self._chains)]
        first = self._chains
        self._label_bias: LabelBias | None = None
        if settings.label_bias_contexts and settings.shots != "all":
            self._label_bias = LabelBias(
                problem, self._draws, settings.label_bias_contexts, settings.shots, first, self._publish
            )
            first += 1
        self._tournament = [self._chain(number, subset, first) for number in range(self._chains)]
        self._main: Labelling | None = None
        # The phases whose questions may be in flight.
        self._phases = self._tournament
        self._margins: dict[int, float] = {}
        self._at_random: list[int] = []
        self._stage = PhaseName.SEEDS
        self.decisions = sum(stage.length(self) for stage in STAGES.values())
        self._left = STAGES[self._stage].length(self)

    # Questions and answers

    def wants(self) -> Iterator[Question]:
        self._advance()
        if self._label_bias:
            yield from (question for question, _ in self._label_bias.open.values())
        for row in zip_longest(*(phase.open.values() for phase in self._phases)):
            for entry in row:
                if entry is not None:
                    yield entry[0]

    def missing(self) -> list[Question]:
        self._advance()
        return [] if self.done else STAGES[self._stage].missing(self)

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        if self._label_bias and question in self._label_bias.open:
            self._label_bias.tell(question, logprobs)
            return
        for phase in self._phases:
            if question in phase.open:
                phase.tell(question, logprobs)
                return
        raise KeyError(question)

    # Decisions

    def propose(self) -> Proposal | None:
        self._advance()
        return None if self.done else STAGES[self._stage].propose(self)

    # Restoring from a journal

    def restore_context(self, context: Context) -> None:
        self._restoring = True
        self._contexts = context.id + 1
        if context.phase == PhaseName.LABEL_BIAS:
            assert self._label_bias is not None
            self._label_bias.restore_context(context)
            return
        next(phase for phase in self._phases if phase.plan.chain == context.chain).restore_context(context)

    def restore_decision(self, decision: Decision) -> None:
        self._restoring = True
        super().restore_decision(decision)

    # What a person sets

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        for item, _, after in changes:
            self._labellings[chain].set_label(item, after)

    def chains_with(self, item: int) -> list[int]:
        """All chains while the tournament covers `item`, then the one that was kept."""
        if self._main is not None:
            return [self.leading]
        return list(range(self._chains)) if item in self._covered else []

    # What a viewer or a summary asks

    @property
    def labels(self) -> list[int | None]:
        """The labels now; during the tournament those of the chain in the lead."""
        return self._shown().labels

    def labels_of(self, chain: int) -> list[int | None]:
        return self._labellings[chain].labels

    @property
    def leading(self) -> int:
        return self._labellings.index(self._shown())

    @property
    def coherence_bits(self) -> float | None:
        """The held-out coherence now; None while fewer than 30 items were scored."""
        return self._shown().held_out.bits

    @property
    def phase(self) -> str:
        return self._stage

    # Inside

    def _shown(self) -> Labelling:
        if self._main is not None:
            return self._main
        return max(self._labellings, key=lambda labelling: labelling.held_out.bits or -math.inf)

    def _phase(self) -> Phase:
        """The phase of the next decision: the chains of the tournament take turns."""
        return self._phases[(self.n - self._phases[0].plan.first) % len(self._phases)]

    def _advance(self) -> None:
        """After a journal was restored, draw the contexts that it lacked; until then nothing is drawn."""
        if self._restoring or self.n == 0:
            self._restoring = False
            self._admit()

    def _admit(self) -> None:
        """Open the questions that the window admits; while a journal is restored, contexts come from it alone."""
        if self._stage == PhaseName.SEEDS:
            return
        if self._label_bias and not self._restoring:
            self._label_bias.admit()
        for phase in self._phases:
            phase.admit(draw=not self._restoring)

    def _take(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        """Change the state by a decision and return its score terms."""
        score = STAGES[self._stage].apply(self, decision, labels)
        self.n += 1
        self._left -= 1
        if not self._left:
            self._begin_next_stage()
        self._admit()
        return score

    def _begin_next_stage(self) -> None:
        """Begin the next stage that has decisions; after the last one the run is done."""
        order = list(STAGES)
        for stage in order[order.index(self._stage) + 1 :]:
            self._stage = stage
            self._left = STAGES[stage].length(self)
            if self._left:
                STAGES[stage].begin(self)
                return
        self._stage = PhaseName.DONE

    def _subset(self) -> list[int]:
        """Whole units, at random, of at least `subset` items together."""
        order = self._draws.generator(Purpose.SUBSET).permutation(len(self.problem.units)).tolist()
        return self._first_units(order, self._settings.subset)

    def _first_units(self, order: Sequence[int], items: int) -> list[int]:
        units: list[int] = []
        reached = 0
        for unit in order:
            if reached >= items:
                break
            units.append(unit)
            reached += len(self.problem.units[unit])
        return units

    def _chain(self, number: int, subset: list[int], first: int) -> Phase:
        shows_all = self._settings.shots == "all"
        plan = Plan(
            name=PhaseName.TOURNAMENT,
            chain=number,
            units=subset,
            sweeps=self._settings.chain_sweeps,
            share=min(self._settings.chain_share, max(1, len(subset) // 4)),
            # A third, not a quarter as in the sweeps: it keeps more slots busy at 400 items, and labels are no worse.
            window=1 if shows_all else min(self._settings.window, max(1, len(subset) // 3)),
            first=first + number,
            stride=self._chains,
        )
        return Phase(plan, self._labellings[number], self._settings, self._draws, self._publish)

    def _main_phase(self, name: PhaseName, units: list[int], sweeps: int, held_out: frozenset[int] | None) -> Phase:
        assert self._main is not None
        plan = Plan(
            name=name,
            chain=self._labellings.index(self._main),
            units=units,
            sweeps=sweeps,
            share=min(self._settings.share, max(1, len(units) // 4)),
            window=1 if self._settings.shots == "all" else self._settings.window,
            first=self.n,
            held_out=held_out,
        )
        return Phase(plan, self._main, self._settings, self._draws, self._publish)

    # The stages

    def _apply_seeds(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        for item, label in labels.items():
            self._labellings[decision.chain].set_label(item, label)
        return {}

    def _propose_seeds(self) -> Proposal:
        """Random labels that obey the rule and are spread evenly, for whole units of at least `seeds` items."""
        problem = self.problem
        generator = self._draws.generator(Purpose.SEEDS, self.n)
        units = generator.permutation(self._tournament[0].plan.units).tolist()
        chosen = self._first_units(units, problem.n_items if self._settings.shots == "all" else self._settings.seeds)
        even = generator.permutation([place % problem.n_labels for place in range(len(chosen))]).tolist()
        draws = generator.random(len(chosen)).tolist()
        items: list[int] = []
        labels: list[int | None] = []
        for unit, label, draw in zip(chosen, even, draws, strict=True):
            members = problem.units[unit]
            items.extend(members)
            if len(members) == 1:
                labels.append(label)
                continue
            keys = [problem.keys[item] for item in members]
            choice = choose(
                [None] * len(members), [True] * len(members), keys, problem.rule, problem.n_labels, 1.0, draw
            )
            labels.extend(choice.options[choice.chosen].labels)
        return self._plain(PhaseName.SEEDS, self.n, items, [Option(labels, 0.0)])

    def _missing_label_bias(self) -> list[Question]:
        assert self._label_bias is not None
        return [question for question, _ in self._label_bias.open.values()]

    def _propose_label_bias(self) -> Proposal | None:
        assert self._label_bias is not None
        return self._plain(PhaseName.LABEL_BIAS, 0, [], [Option([], 0.0)]) if self._label_bias.ready() else None

    def _apply_label_bias(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        if isinstance(decision, Decision):
            score = decision.score
        else:
            assert self._label_bias is not None
            score = {f"label_bias_{label}": value for label, value in enumerate(self._label_bias.bias())}
        for labelling in self._labellings:
            labelling.bias = tuple(score[f"label_bias_{label}"] for label in range(self.problem.n_labels))
        return dict(score)

    def _propose_selection(self) -> Proposal:
        """Keep the chain with the highest coherence as asked: a label is scored by the answer it was drawn from."""
        items = [item for unit in self._tournament[0].plan.units for item in self.problem.units[unit]]
        options: list[Option] = []
        for labelling in self._labellings:
            labels = [labelling.labels[item] for item in items]
            known = [(item, label) for item, label in zip(items, labels, strict=True) if label is not None]
            scored = [(label, scores) for item, label in known if (scores := labelling.latest(item)) is not None]
            options.append(Option(labels, as_asked(scored, self.problem.n_labels)))
        best = max(range(len(options)), key=lambda chain: options[chain].value)
        return self._plain(PhaseName.SELECTION, best, items, options, chosen=best)

    def _apply_selection(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        self._main = self._labellings[decision.chain]
        self._label_bias = None
        self._phases = []
        return {}

    def _missing_drawn(self) -> list[Question]:
        return self._phase().missing()

    def _propose_drawn(self) -> Proposal | None:
        phase = self._phase()
        return phase.propose() if phase.ready() else None

    def _apply_drawn(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        phase = self._phase()
        phase.commit([labels[item] for item in decision.items])
        bits = phase.labelling.held_out.bits
        return {} if bits is None else {"coherence_bits": bits}

    def _begin_sweeps(self) -> None:
        assert self._main is not None
        self._main.forget_answers()
        self._main.held_out = HeldOut(self.problem.n_labels)
        units = list(range(len(self.problem.units)))
        measured = frozenset[int]() if self._settings.second_look else None
        self._phases = [self._main_phase(PhaseName.SWEEPS, units, self._settings.sweeps, measured)]

    def _apply_sweep(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        phase = self._phase()
        self._margins[phase.unit_at(phase.committed)] = _gap(decision.options)
        return self._apply_drawn(decision, labels)

    def _second_look_units(self) -> list[int]:
        """The units with the smallest margins, and some at random that measure the labels."""
        least = sorted(self._margins, key=lambda unit: (self._margins[unit], unit))
        generator = self._draws.generator(Purpose.SECOND_LOOK)
        units = generator.permutation(len(self.problem.units))[: self._share_of_units(AT_RANDOM)]
        self._at_random = units.tolist()
        return sorted({*least[: self._share_of_units(SMALLEST_MARGIN)], *self._at_random})

    def _second_look_length(self) -> int:
        """How many units are decided again; an estimate until the sweeps are done."""
        if not (self._settings.second_look and self._settings.sweeps):
            return 0
        if self._stage == PhaseName.SECOND_LOOK:
            return len(self._second_look_units())
        return self._share_of_units(SMALLEST_MARGIN) + self._share_of_units(AT_RANDOM)

    def _begin_second_look(self) -> None:
        units = self._second_look_units()
        self._phases = [self._main_phase(PhaseName.SECOND_LOOK, units, 1, frozenset(self._at_random))]
        self.decisions = self.n + len(units)

    def _share_of_units(self, share: float) -> int:
        return math.ceil(share * len(self.problem.units))

    def _plain(self, name: PhaseName, chain: int, items: list[int], options: list[Option], chosen: int = 0) -> Proposal:
        """A decision that is computed rather than drawn."""
        return Choice(options, chosen).proposal(self.n, name, chain, items)


def _gap(options: Sequence[Option]) -> float:
    """How far the best assignment is ahead of the second (nats)."""
    values = [option.value for option in options]
    return margin(values) if len(values) > 1 else 0.0


class Stage(NamedTuple):
    """A stage of the method as functions of the search: how many decisions it takes, the questions that its next
    decision still waits for, that decision (None while answers are missing), what a decision changes (returns its score
    terms), and what is made ready when the stage begins."""

    length: Callable[[Icm], int]
    missing: Callable[[Icm], list[Question]]
    propose: Callable[[Icm], Proposal | None]
    apply: Callable[[Icm, Proposal | Decision, Mapping[int, int | None]], dict[str, float]]
    begin: Callable[[Icm], None] = lambda icm: None


# In the order in which they follow each other.
STAGES: dict[PhaseName, Stage] = {
    PhaseName.SEEDS: Stage(
        length=lambda icm: icm._chains,
        missing=lambda icm: [],
        propose=Icm._propose_seeds,
        apply=Icm._apply_seeds,
    ),
    PhaseName.LABEL_BIAS: Stage(
        length=lambda icm: int(icm._label_bias is not None),
        missing=Icm._missing_label_bias,
        propose=Icm._propose_label_bias,
        apply=Icm._apply_label_bias,
    ),
    PhaseName.TOURNAMENT: Stage(
        length=lambda icm: sum(phase.total for phase in icm._tournament),
        missing=Icm._missing_drawn,
        propose=Icm._propose_drawn,
        apply=Icm._apply_drawn,
    ),
    PhaseName.SELECTION: Stage(
        length=lambda icm: 1,
        missing=lambda icm: [],
        propose=Icm._propose_selection,
        apply=Icm._apply_selection,
    ),
    PhaseName.SWEEPS: Stage(
        length=lambda icm: icm._settings.sweeps * len(icm.problem.units),
        missing=Icm._missing_drawn,
        propose=Icm._propose_drawn,
        apply=Icm._apply_sweep,
        begin=Icm._begin_sweeps,
    ),
    PhaseName.SECOND_LOOK: Stage(
        length=Icm._second_look_length,
        missing=Icm._missing_drawn,
        propose=Icm._propose_drawn,
        apply=Icm._apply_drawn,
        begin=Icm._begin_second_look,
    ),
}
