"""A run as a viewer sees it: takes in records and gives out what screens draw. It does no input or output."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from copy import copy
from typing import NamedTuple

from icm_tui.domain.decisions import PhaseName
from icm_tui.domain.items import Item
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.labels import UNLABELLED, Labels
from icm_tui.run_dir.reasoning import ReasoningPiece
from icm_tui.run_dir.records import (
    AnswerRecord,
    AnyRecord,
    CommandRecord,
    ContextRecord,
    DecisionRecord,
    DoneRecord,
    EndpointRecord,
    ErrorRecord,
    ExplanationRecord,
    ReaskRecord,
    StartRecord,
    StopRecord,
)
from icm_tui.run_dir.status import Status
from icm_tui.tui.run.log import Explanation, Log
from icm_tui.tui.text.numbers import Curve

# The phases whose decisions are no sweep of a chain.
_WITHOUT_FLIPS = frozenset((PhaseName.SEEDS, PhaseName.LABEL_BIAS, PhaseName.SELECTION))


class Facts(NamedTuple):
    """An item in a few words. `label` is -1 and `p` None if there is none."""

    item: int
    text: str
    group: int | None
    label: int
    flips: int
    p: float | None
    pinned: bool


class Ask(NamedTuple):
    """A command that was sent, its `outcome` ("done", "no change" or "refused"; empty until it is known), the reason,
    and the decision at which it took effect."""

    what: str
    outcome: str = ""
    why: str = ""
    n: int = -1


class ChainCurves:
    """Series of one chain: `coherence` in bits, `energy`, which methods paper and fork raise, and flips per sweep."""

    def __init__(self) -> None:
        self.coherence = Curve()
        self.energy = Curve()
        self.sweeps = SweepFlips()


class SweepFlips:
    """The flips of every pass over the items. A pass ends when an item comes up for the second time or another phase
    begins."""

    def __init__(self) -> None:
        self.passes: list[int] = []
        self._seen: set[int] = set()
        self._phase: Hashable = None
        self._flips = 0

    def add(self, phase: Hashable, item: int, flips: int) -> None:
        """Count a decision of `phase` about `item` (the first of its group) that flipped `flips` labels."""
        if self._seen and (item in self._seen or phase != self._phase):
            self.passes.append(self._flips)
            self._seen.clear()
            self._flips = 0
        self._phase = phase
        self._seen.add(item)
        self._flips += flips

    def counts(self) -> list[int]:
        """Return the flips of every pass; the last one may still be under way."""
        return [*self.passes, self._flips] if self._seen else list(self.passes)


class RunView(Labels):
    """A run's labels and what a screen shows beside them, from its items, records, reasoning and status as they come.

    `last_seq` is the number of the last record taken in. `state` is the run's as a viewer sees it. `reask` has the
    last answer about each item that a person re-asked about, `explanations` the streamed texts by call; `curves` is by
    chain.
    """

    def __init__(self, profile: Profile, items: Sequence[Item]) -> None:
        self.profile = profile
        self.items = items
        self.label_names = profile.prompt.labels
        self._members = _members(items)
        self.status: Status | None = None
        self.state = "starting"
        self.problem = ""
        # For each item, the share of the runs under all seeds that give it the most frequent label.
        self.seeds_agree: Sequence[float | None] = ()
        # The profile may limit the number of chains.
        super().__init__(len(items), self.label_names, *filter(None, [profile.search.chains]))

    def clear(self) -> None:
        """Forget what was read of the journal and of the reasoning, because both begin again."""
        super().clear()
        self.curves: defaultdict[int, ChainCurves] = defaultdict(ChainCurves)
        self.last_seq = -1
        self.temperature = Curve()
        self.log = Log()
        self.reask: dict[int, ReaskRecord] = {}
        self.context_offsets: dict[int, int] = {}
        self.skips_next = False
        self.started = 0
        self.sent: dict[str, Ask] = {}
        self.latest: str | None = None
        self.explanations: dict[int, Explanation] = {}
        self._item_calls: dict[int, list[int]] = {}
        # When each unfinished call last sent a piece, and when a runner last started or ended.
        self._unended: dict[int, float] = {}
        self._ended: set[int] = set()
        self._turned_at = 0.0

    # Taking in

    def apply(self, records: Iterable[tuple[int, AnyRecord]]) -> None:
        """Take in records with their byte offsets.

        Raises KeyError, IndexError, OverflowError or ValueError for one that does not fit the run; `last_seq` is its
        number then.
        """
        for offset, record in records:
            self.last_seq = record.seq
            if isinstance(record, AnswerRecord):
                self.add_answer(offset, record)
            elif isinstance(record, DecisionRecord):
                self._decision(offset, record)
            elif isinstance(record, ContextRecord):
                self.context_offsets[record.id] = offset
                self.add_context(record)
            elif isinstance(record, CommandRecord):
                self._command(offset, record)
            elif isinstance(record, ExplanationRecord):
                self._explanation_ended(record)
            elif isinstance(record, ReaskRecord):
                self.reask[record.item] = record
                self.log.add_record(offset)
            elif isinstance(record, StartRecord):
                self.started += 1
                self._turned_at = record.t
                self.log.add_record(offset)
            elif isinstance(record, EndpointRecord | ErrorRecord):
                self.log.add_record(offset)
            elif isinstance(record, DoneRecord):
                self._turned_at = record.t
                self.log.add_record(offset)
            elif isinstance(record, StopRecord):
                if record.state != "paused":
                    self._turned_at = record.t
                if record.state != "done":  # the done record before it says so and says more
                    self.log.add_record(offset)

    def apply_reasoning(self, pieces: Iterable[ReasoningPiece]) -> None:
        """Take in pieces of explanations; a piece of the model's own reasoning counts like any other."""
        for piece in pieces:
            known = self.explanations.get(piece.call)
            if known is None:
                known = Explanation(piece.call, piece.item, piece.n, piece.speaker, "")
                self._item_calls.setdefault(piece.item, []).append(piece.call)
            text, ended = known.text + piece.text, known.ended or piece.end
            self.explanations[piece.call] = known._replace(text=text, ended=ended)
            if piece.call not in self._ended:
                self._unended[piece.call] = piece.t

    def forget_reasoning(self) -> None:
        """Forget all explanations, because the file of reasoning begins again."""
        self.log = copy(self.log)  # rows are counted again for another log
        self.explanations.clear()
        self._unended.clear()
        self._item_calls.clear()

    def apply_status(self, status: Status | None, state: str) -> None:
        """Take in the heartbeat, and the state as an observer sees it."""
        self.status = status
        self.state = state

    def ask(self, command: str, what: str) -> None:
        """Note that a command was put into the inbox."""
        self.sent[command] = Ask(what)
        self.latest = command

    # Reading out

    @property
    def open_calls(self) -> list[int]:
        """The calls that stream now: those without an end that are not older than the runner's last start or end."""
        return [call for call, t in self._unended.items() if t >= self._turned_at]

    def facts(self, item: int) -> Facts:
        """Return what is known of an item in the chain shown."""
        chain, about = self.shown, self.items[item]
        p = chain.p(item, self.label_bias)
        return Facts(item, about.text, about.group, chain.labels[item], chain.flips[item], p, item in self.pins)

    def label_name(self, label: int | None) -> str:
        """Return the name of a label; a dot for none."""
        return "·" if label is None or label == UNLABELLED else self.label_names[label]

    @property
    def latest_explanation(self) -> Explanation | None:
        """The last explanation, which may still be streaming; None if there is none."""
        return next(reversed(self.explanations.values()), None)

    def explanations_on(self, item: int) -> list[Explanation]:
        """Return the explanations about an item, oldest first."""
        return [self.explanations[call] for call in self._item_calls.get(item, ())]

    def seed_agreement(self, item: int) -> float | None:
        """Return the share of the runs under several seeds that agree on an item; None if it is not known."""
        return self.seeds_agree[item] if self.seeds_agree else None

    def companions(self, item: int) -> list[int]:
        """Return the other members of the item's group."""
        group = self.items[item].group
        return [] if group is None else [other for other in self._members[group] if other != item]

    # Inside

    def _decision(self, offset: int, record: DecisionRecord) -> None:
        self.log.add_record(offset)
        flips = self.add_decision(record)
        curves = self.curves[record.chain]
        if record.items:
            self.skips_next = False
            if record.phase not in _WITHOUT_FLIPS:
                self._count_flips(curves, record, flips)
                self.temperature.add(record.temperature)
        if "energy" in record.score:
            curves.energy.add(record.score["energy"])
        if "coherence_bits" in record.score:
            curves.coherence.add(record.score["coherence_bits"])

    def _count_flips(self, curves: ChainCurves, record: DecisionRecord, flips: int) -> None:
        if self.profile.search.method == "icm":
            curves.sweeps.add(record.phase, record.items[0], flips)
        else:
            # The other methods draw items with replacement: a pass is as many decisions as there are items.
            curves.sweeps.add(record.n // len(self.items), record.n, flips)

    def _command(self, offset: int, record: CommandRecord) -> None:
        self.log.add_record(offset)
        self.sent[record.id] = Ask(record.what, record.outcome, record.why, record.n)
        self.add_command(record)
        if record.what == "skip" and record.outcome == "done":
            self.skips_next = True

    def _explanation_ended(self, record: ExplanationRecord) -> None:
        self._ended.add(record.call)
        self._unended.pop(record.call, None)
        self.log.add_explanation(record.call)


def _members(items: Sequence[Item]) -> dict[int, tuple[int, ...]]:
    # The garbage collector need not visit tuples of numbers.
    members: dict[int, tuple[int, ...]] = {}
    for number, item in enumerate(items):
        if item.group is not None:
            members[item.group] = (*members.get(item.group, ()), number)
    return members
