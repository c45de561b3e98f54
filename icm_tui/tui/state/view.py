"""A run as a viewer knows it: the journal's records in, what there is to draw out. No input or output happens here."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from icm_tui.profiles.schema import Profile
from icm_tui.runs.reasoning import ReasoningPiece
from icm_tui.runs.records import (
    AnswerRecord,
    AnyRecord,
    BlockRecord,
    CommandRecord,
    DecisionRecord,
    DoneRecord,
    ErrorRecord,
    ExtraRecord,
    StartRecord,
    StopRecord,
    ThoughtRecord,
)
from icm_tui.runs.status import Status
from icm_tui.tasks.item import Item
from icm_tui.tui.state.chain import UNLABELLED, ChainLabels, Change
from icm_tui.tui.state.curve import Curve
from icm_tui.tui.state.filters import Facts
from icm_tui.tui.state.log import Log, Thought


class Pin(NamedTuple):
    """A person's word on an item: the label's index and a note."""

    label: int
    note: str


class Ask(NamedTuple):
    """A command that was sent and what came of it: empty, "done", "no change" or "refused", why, and at which
    decision."""

    what: str
    outcome: str = ""
    why: str = ""
    n: int = -1


class RunView:
    """A run, told of its items, records, reasoning and status as they come.

    `chain` is the chain shown: the one that was kept, before that the one in the lead. `n` is the number of the next
    decision, `last_seq` the last record taken in. `state` is the run's as an onlooker must take it.
    """

    def __init__(self, profile: Profile, items: Sequence[Item]) -> None:
        self.profile = profile
        self.items = items
        self.label_names = profile.prompt.labels
        self.members = _members(items)
        self.status: Status | None = None
        self.state = "starting"
        self.problem = ""
        self.clear()

    def clear(self) -> None:
        """Forget the journal: it begins anew."""
        self.chains: dict[int, ChainLabels] = {}
        self.chain = 0
        self.kept: int | None = None
        self.leaning: list[float] | None = None
        self.n = 0
        self.phase = ""
        self.last_seq = -1
        self.temperature = Curve()
        self.log = Log()
        self.pins: dict[int, Pin] = {}
        self.extra: dict[int, ExtraRecord] = {}
        self.block_offsets: dict[int, int] = {}
        self.skips_next = False
        self.started = 0
        self.sent: dict[str, Ask] = {}
        self.latest: str | None = None
        self.thoughts: dict[str, Thought] = {}
        self.open_calls: list[str] = []
        self._ended_calls: set[str] = set()
        self._item_calls: dict[int, list[str]] = {}
        self._chain_of: dict[int, int] = {}

    # Coming in

    def apply(self, records: Iterable[tuple[int, AnyRecord]]) -> None:
        """Take in records with their byte offsets."""
        for offset, record in records:
            self.last_seq = record.seq
            if isinstance(record, AnswerRecord):
                self._answer(offset, record)
            elif isinstance(record, DecisionRecord):
                self._decision(offset, record)
            elif isinstance(record, BlockRecord):
                self.block_offsets[record.id] = offset
                self._chain_of[record.id] = -1 if record.phase == "leaning" else record.chain
            elif isinstance(record, CommandRecord):
                self._command(offset, record)
            elif isinstance(record, ThoughtRecord):
                self._thought_ended(record)
            elif isinstance(record, ExtraRecord):
                self.extra[record.item] = record
                self.log.add_record(offset)
            elif isinstance(record, StartRecord):
                self.started += 1
                self.log.add_record(offset)
            elif isinstance(record, StopRecord | ErrorRecord | DoneRecord):
                self.log.add_record(offset)

    def apply_reasoning(self, pieces: Iterable[ReasoningPiece]) -> None:
        """Take in pieces of streamed reasoning; a piece of the model's own thinking counts like any other."""
        for piece in pieces:
            known = self.thoughts.get(piece.call)
            if known is None:
                known = Thought(piece.call, piece.item, piece.n, piece.speaker, "")
                self._item_calls.setdefault(piece.item, []).append(piece.call)
                if piece.call not in self._ended_calls:
                    self.open_calls.append(piece.call)
            self.thoughts[piece.call] = known._replace(text=known.text + piece.text)

    def forget_reasoning(self) -> None:
        """The file of reasoning begins anew."""
        self.thoughts.clear()
        self.open_calls.clear()
        self._item_calls.clear()

    def apply_status(self, status: Status | None, state: str) -> None:
        """Take in the heartbeat, and the state as an onlooker must take it."""
        self.status = status
        self.state = state
        if state in ("done", "stopped", "failed", "died"):
            self.open_calls.clear()

    def ask(self, command: str, what: str) -> None:
        """A command was put into the inbox."""
        self.sent[command] = Ask(what)
        self.latest = command

    # Looking

    @property
    def shown(self) -> ChainLabels:
        """The labels of the chain shown."""
        return self._chain(self.chain)

    @property
    def in_tournament(self) -> bool:
        """Whether several chains still compete."""
        return self.kept is None and len(self.chains) > 1

    def facts(self, item: int, *, with_p: bool = True) -> Facts:
        """What a filter tests an item by; `p` costs the most, so that it can be left out."""
        chain, about = self.shown, self.items[item]
        p = chain.p(item, self.leaning) if with_p else None
        return Facts(item, about.text, about.group, chain.labels[item], chain.flips[item], p, item in self.pins)

    def label_name(self, label: int | None) -> str:
        """A label as the profile spells it; a dot for none."""
        return "·" if label is None or label == UNLABELLED else self.label_names[label]

    def thoughts_on(self, item: int) -> list[Thought]:
        """What was said about an item, oldest first."""
        return [self.thoughts[call] for call in self._item_calls.get(item, ())]

    def companions(self, item: int) -> list[int]:
        """The other members of the item's group."""
        group = self.items[item].group
        return [] if group is None else [other for other in self.members[group] if other != item]

    # Inside

    def _chain(self, number: int) -> ChainLabels:
        if number not in self.chains:
            self.chains[number] = ChainLabels(len(self.items), len(self.label_names))
        return self.chains[number]

    def _answer(self, offset: int, record: AnswerRecord) -> None:
        chain = self._chain_of.get(record.block, -1)
        if chain >= 0 and record.logprobs is not None:
            self._chain(chain).answer(record.item, record.block, record.logprobs, offset)

    def _decision(self, offset: int, record: DecisionRecord) -> None:
        self.n = record.n + 1
        self.phase = record.phase
        self.log.add_record(offset)
        if record.phase == "leaning":
            self.leaning = list(record.score.values())
            return
        chain = self._chain(record.chain)
        if record.phase == "selection":
            self.kept = self.chain = record.chain
        flips = 0
        for item, before, after in record.changes:
            flips += chain.change(item, Change(record.n, before, after))
        if record.items:
            self.skips_next = False
            if record.phase not in ("seeds", "selection"):
                chain.sweeps.add(record.items[0], flips)
                self.temperature.add(record.temperature)
        bits = record.score.get("coherence_bits")
        if bits is not None:
            chain.coherence.add(bits)
            chain.coherence_bits = bits
            if self.kept is None:
                self._follow_the_lead(record.chain, bits)

    def _follow_the_lead(self, number: int, bits: float) -> None:
        leading = self._chain(self.chain).coherence_bits
        if number == self.chain:
            best = max(self.chains, key=lambda chain: self.chains[chain].coherence_bits or float("-inf"))
            self.chain = best
        elif leading is None or bits > leading:
            self.chain = number

    def _command(self, offset: int, record: CommandRecord) -> None:
        self.log.add_record(offset)
        self.sent[record.id] = Ask(record.what, record.outcome, record.why, record.n)
        if record.outcome != "done":
            return
        for chain, item, before, after in record.changes:
            self._chain(chain).change(item, Change(record.n, before, after, by_person=True))
        if record.what == "skip":
            self.skips_next = True
        if record.what == "pin":
            item, name = record.args.get("item"), record.args.get("label")
            if not isinstance(item, int):
                return
            if name in self.label_names:
                self.pins[item] = Pin(self.label_names.index(name), str(record.args.get("note") or ""))
            else:
                self.pins.pop(item, None)

    def _thought_ended(self, record: ThoughtRecord) -> None:
        self._ended_calls.add(record.call)
        if record.call in self.open_calls:
            self.open_calls.remove(record.call)
        self.log.add_thought(record.call)


def _members(items: Sequence[Item]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for number, item in enumerate(items):
        if item.group is not None:
            members.setdefault(item.group, []).append(number)
    return members
