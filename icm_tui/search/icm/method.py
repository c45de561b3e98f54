"""Method `icm`: label bias, a tournament of chains on a subset, sweeps over everything, and a second look.

A state machine without input or output: `wants` names questions, `tell` keeps answers, `propose` draws the next
decision once its answers are there, `commit` takes it. What a journal holds is adopted, never computed again.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

import msgspec

from icm_tui.domain.decisions import Context, Decision, Demonstrations, LabelChange, Option, Proposal, Question
from icm_tui.domain.phases import PhaseName
from icm_tui.domain.scores import margin
from icm_tui.search.choice import choose
from icm_tui.search.draws import Draws, Purpose
from icm_tui.search.icm.coherence import HeldOut, as_asked
from icm_tui.search.icm.label_bias import LabelBias
from icm_tui.search.icm.labelling import Labelling
from icm_tui.search.icm.phase import Phase, Plan
from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings

SMALLEST_MARGIN = 0.15
AT_RANDOM = 0.05


class Icm:
    """A run of method `icm` over `problem`."""

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self.problem = problem
        self.n = 0
        self._settings = settings
        self._draws = Draws(settings.seed)
        self._drawn: list[Context] = []
        self._contexts = 0
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
        self._selected_at = first + self._chains * self._tournament[0].total
        self._main: Labelling | None = None
        self._sweeps: Phase | None = None
        self._second_look: Phase | None = None
        self._margins: dict[int, float] = {}
        self.decisions = self._selected_at + 1 + settings.sweeps * len(problem.units)
        if settings.second_look:
            self.decisions += self._second_look_size()

    # Questions and answers

    def wants(self) -> Iterator[Question]:
        """The questions that may be asked now, the next decision's first. Tell nothing while iterating."""
        self._admitted()
        if self._label_bias:
            yield from (question for question, _ in self._label_bias.open.values())
        for row in zip_longest(*(phase.open.values() for phase in self._phases())):
            for entry in row:
                if entry is not None:
                    yield entry[0]

    def missing(self) -> list[Question]:
        """The questions that the next decision still waits for."""
        self._admitted()
        if self.n < self._chains or self.done:
            return []
        if self._label_bias and self.n == self._chains:
            return [question for question, _ in self._label_bias.open.values()]
        return self._phase().lacking() if self.n != self._selected_at else []

    def tell(self, question: str, logprobs: Sequence[float] | None) -> None:
        """Keep the answer to a question asked (nats a label; None if the item was refused)."""
        if self._label_bias and question in self._label_bias.open:
            self._label_bias.tell(question, logprobs)
            return
        for phase in self._phases():
            if question in phase.open:
                phase.tell(question, logprobs)
                return
        raise KeyError(question)

    def drain_contexts(self) -> list[Context]:
        """The contexts drawn since the last call; they belong into the journal before a question about them goes
        out."""
        self._admitted()
        drawn, self._drawn = self._drawn, []
        return drawn

    # Decisions

    def propose(self) -> Proposal | None:
        """The next decision before it is taken, or None while answers are missing or the search is over."""
        self._admitted()
        if self.done:
            return None
        if self.n < self._chains:
            return self._propose_seeds()
        if self._label_bias and self.n == self._chains:
            return self._propose_label_bias() if self._label_bias.ready() else None
        if self.n == self._selected_at:
            return self._propose_selection()
        phase = self._phase()
        return phase.propose() if phase.ready() else None

    def commit(self, proposal: Proposal, override: Mapping[int, int | None] | None = None) -> Decision:
        """Take a decision as drawn, or with a person's labels for some of its items."""
        if proposal.n != self.n:
            raise ValueError(f"decision {proposal.n} is not the next one, {self.n}")
        drawn = dict(zip(proposal.items, proposal.options[proposal.chosen].labels, strict=True))
        labels = {**drawn, **override} if override else drawn
        before = self._labellings[proposal.chain].labels
        changes = [(item, before[item], label) for item, label in labels.items() if before[item] != label]
        score = self._apply(proposal, labels)
        fields = msgspec.structs.asdict(proposal) | {"score": score}
        return Decision(**fields, changes=changes, overridden=labels != drawn)

    # Adopting a journal

    def restore_context(self, context: Context) -> None:
        """Take a context from the journal."""
        self._restoring = True
        self._contexts = context.id + 1
        if context.phase == PhaseName.LABEL_BIAS:
            assert self._label_bias is not None
            self._label_bias.restore_context(context)
            return
        phases = self._tournament if context.phase == PhaseName.TOURNAMENT else self._phases()
        next(phase for phase in phases if phase.plan.chain == context.chain).restore_context(context)

    def restore_decision(self, decision: Decision) -> None:
        """Take a decision from the journal as it was taken."""
        self._restoring = True
        labels = dict(zip(decision.items, decision.options[decision.chosen].labels, strict=True))
        if decision.overridden:
            before = self._labellings[decision.chain].labels
            labels = {item: before[item] for item in decision.items}
            labels |= {item: after for item, _, after in decision.changes}
        self._apply(decision, labels)

    # What a person sets

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        """Set labels of a chain outside of any decision; contexts drawn so far show what they showed."""
        for item, _, after in changes:
            self._labellings[chain].set_label(item, after)

    def chains_with(self, item: int) -> list[int]:
        """The chains in which a person's label for `item` counts now: all while the tournament covers it, then the one
        that was kept."""
        if self._main is not None:
            return [self.leading]
        return list(range(self._chains)) if item in self._covered else []

    # What a viewer or a summary asks

    @property
    def done(self) -> bool:
        """Whether every decision was taken."""
        return self.n >= self.decisions

    @property
    def labels(self) -> list[int | None]:
        """The labels now; during the tournament those of the chain in the lead."""
        return self._shown().labels

    def labels_of(self, chain: int) -> list[int | None]:
        """The labels of one chain, an item each."""
        return self._labellings[chain].labels

    @property
    def leading(self) -> int:
        """The chain whose labels are `labels`."""
        return self._labellings.index(self._shown())

    @property
    def coherence_bits(self) -> float | None:
        """The held-out coherence now; None while fewer than 30 items were scored."""
        return self._shown().held_out.bits

    @property
    def phase(self) -> str:
        """The phase of the next decision, or "done"."""
        if self.done:
            return PhaseName.DONE
        if self.n < self._chains:
            return PhaseName.SEEDS
        if self._label_bias and self.n == self._chains:
            return PhaseName.LABEL_BIAS
        return PhaseName.SELECTION if self.n == self._selected_at else self._phase().name

    # Inside

    def _shown(self) -> Labelling:
        if self._main is not None:
            return self._main
        return max(self._labellings, key=lambda labelling: labelling.held_out.bits or -math.inf)

    def _publish(self, phase: str, chain: int, demonstrations: Demonstrations) -> Context:
        context = Context(self._contexts, phase, chain, demonstrations)
        self._contexts += 1
        self._drawn.append(context)
        return context

    def _phases(self) -> list[Phase]:
        """The phases whose questions may be out."""
        if self._main is None:
            return self._tournament
        return [phase for phase in (self._second_look or self._sweeps,) if phase is not None]

    def _phase(self) -> Phase:
        """The phase of the next decision."""
        if self._main is None:
            return self._tournament[(self.n - self._tournament[0].plan.first) % self._chains]
        return self._phases()[0]

    def _admitted(self) -> None:
        """Once a journal is read, draw what it did not bring; the state is then as at the last decision in it."""
        if self._restoring or self.n == 0:
            self._restoring = False
            if self.n >= self._chains:
                self._open_window()

    def _open_window(self) -> None:
        if self._label_bias and self._main is None:
            self._label_bias.admit()
        for phase in self._phases():
            phase.admit(draw=True)

    def _apply(self, decision: Proposal | Decision, labels: Mapping[int, int | None]) -> dict[str, float]:
        """Change the state by a decision and return its score terms."""
        score: dict[str, float] = {}
        if decision.phase == PhaseName.SEEDS:
            for item, label in labels.items():
                self._labellings[decision.chain].set_label(item, label)
        elif decision.phase == PhaseName.LABEL_BIAS:
            score = self._apply_label_bias(decision)
        elif decision.phase == PhaseName.SELECTION:
            self._apply_selection(decision.chain)
        else:
            phase = self._phase()
            unit = phase.unit_at(phase.committed)
            phase.commit([labels[item] for item in decision.items])
            if phase.name == PhaseName.SWEEPS:
                self._margins[unit] = _gap(decision.options)
            bits = phase.labelling.held_out.bits
            if bits is not None:
                score["coherence_bits"] = bits
        self.n += 1
        if self._sweeps is not None and self._second_look is None and self._settings.second_look:
            self._begin_second_look()
        if self.n == self._chains:
            if not self._restoring:
                self._open_window()
        elif self.n > self._chains:
            for phase in self._phases():
                phase.admit(draw=not self._restoring)
        return score

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

    def _main_phase(
        self, name: PhaseName, units: list[int], sweeps: int, first: int, held_out: frozenset[int] | None
    ) -> Phase:
        assert self._main is not None
        plan = Plan(
            name=name,
            chain=self._labellings.index(self._main),
            units=units,
            sweeps=sweeps,
            share=min(self._settings.share, max(1, len(units) // 4)),
            window=1 if self._settings.shots == "all" else self._settings.window,
            first=first,
            held_out=held_out,
        )
        return Phase(plan, self._main, self._settings, self._draws, self._publish)

    def _propose_seeds(self) -> Proposal:
        """Random labels, obeying the rule and spread evenly, for whole units of at least `seeds` items."""
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

    def _propose_label_bias(self) -> Proposal:
        assert self._label_bias is not None
        return self._plain(PhaseName.LABEL_BIAS, 0, [], [Option([], 0.0)])

    def _apply_label_bias(self, decision: Proposal | Decision) -> dict[str, float]:
        if isinstance(decision, Decision):
            score = decision.score
        else:
            assert self._label_bias is not None
            score = {f"label_bias_{label}": value for label, value in enumerate(self._label_bias.bias())}
        for labelling in self._labellings:
            labelling.bias = tuple(score[f"label_bias_{label}"] for label in range(self.problem.n_labels))
        return dict(score)

    def _propose_selection(self) -> Proposal:
        """Keep the chain whose labels hang together best, each scored by the answer it was drawn from."""
        items = [item for unit in self._tournament[0].plan.units for item in self.problem.units[unit]]
        options: list[Option] = []
        for labelling in self._labellings:
            labels = [labelling.labels[item] for item in items]
            known = [(item, label) for item, label in zip(items, labels, strict=True) if label is not None]
            scored = [(label, scores) for item, label in known if (scores := labelling.latest(item)) is not None]
            options.append(Option(labels, as_asked(scored, self.problem.n_labels)))
        best = max(range(len(options)), key=lambda chain: options[chain].value)
        return self._plain(PhaseName.SELECTION, best, items, options, chosen=best)

    def _apply_selection(self, chain: int) -> None:
        self._main = self._labellings[chain]
        self._label_bias = None
        if not self._settings.sweeps:
            return
        self._main.forget_answers()
        self._main.held_out = HeldOut(self.problem.n_labels)
        units = list(range(len(self.problem.units)))
        measured = frozenset[int]() if self._settings.second_look else None
        self._sweeps = self._main_phase(PhaseName.SWEEPS, units, self._settings.sweeps, self._selected_at + 1, measured)

    def _begin_second_look(self) -> None:
        """Ask again about the units with the smallest margins, and about some at random, which measure the labels."""
        assert self._sweeps is not None
        if self._sweeps.committed < self._sweeps.total:
            return
        least = sorted(self._margins, key=lambda unit: (self._margins[unit], unit))
        uncertain = least[: self._share_of_units(SMALLEST_MARGIN)]
        generator = self._draws.generator(Purpose.SECOND_LOOK)
        at_random = generator.permutation(len(self.problem.units))[: self._share_of_units(AT_RANDOM)].tolist()
        units = sorted({*uncertain, *at_random})
        self._second_look = self._main_phase(PhaseName.SECOND_LOOK, units, 1, self.n, frozenset(at_random))
        self.decisions = self.n + self._second_look.total

    def _second_look_size(self) -> int:
        return self._share_of_units(SMALLEST_MARGIN) + self._share_of_units(AT_RANDOM)

    def _share_of_units(self, share: float) -> int:
        return math.ceil(share * len(self.problem.units))

    def _plain(self, name: PhaseName, chain: int, items: list[int], options: list[Option], chosen: int = 0) -> Proposal:
        """A decision that is computed rather than drawn."""
        return Proposal(
            n=self.n,
            phase=name,
            chain=chain,
            items=items,
            options=options,
            chosen=chosen,
            log_normaliser=0.0,
            temperature=0.0,
            draw=0.0,
            accepted=True,
            score={},
        )


def _gap(options: Sequence[Option]) -> float:
    """How far the best assignment is ahead of the second (nats)."""
    values = [option.value for option in options]
    return margin(values) if len(values) > 1 else 0.0
