"""How much a run has spent and how far it has come, counted from its records, live or read back."""

from collections import deque
from statistics import median

import msgspec

from icm_tui.run_dir.records import (
    AnswerRecord,
    AnyRecord,
    CommandRecord,
    DecisionRecord,
    EndpointRecord,
    ExplanationRecord,
    ReaskRecord,
    StartRecord,
    StopRecord,
)

# The commands that end a pause.
_MOVING = ("resume", "step", "to", "skip")
# The time of a typical call is the median of this many last calls.
_LAST_CALLS = 32


class Tally(msgspec.Struct):
    """Counts over a run's whole life. `calls` are those of the search; `calls_reasked` (which a person re-asked)
    and `explanations` cost money and tokens, too. `seconds` is the time that its runners were at work and not paused,
    by their records. `dearest_call` and `dearest_explanation` are in USD, None while no cost was reported; `unpriced`
    is set once a call was answered without a cost."""

    calls: int = 0
    calls_cached: int = 0
    calls_failed: int = 0
    calls_reasked: int = 0
    explanations: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    dearest_call: float | None = None
    dearest_explanation: float | None = None
    unpriced: bool = False
    decisions: int = 0
    last_decision_seq: int = -1
    _last_t: float | None = None
    _at_rest: bool = False
    _lasted: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=_LAST_CALLS))

    def seconds_at(self, now: float) -> float:
        """Return what `seconds` will be if a record comes `now` (unix seconds)."""
        passed = 0.0 if self._last_t is None or self._at_rest else now - self._last_t
        return self.seconds + max(0.0, passed)

    @property
    def seconds_a_call(self) -> float:
        """The seconds that a typical call takes: the median of the last ones, 0 before the first."""
        return median(self._lasted) if self._lasted else 0.0

    def add(self, record: AnyRecord) -> None:
        """Count a record."""
        if isinstance(record, ReaskRecord | ExplanationRecord | EndpointRecord):
            # These may come when no runner is at work, so they say nothing about its time.
            self._add_apart(record)
            return
        if isinstance(record, StartRecord):
            self._at_rest = False
        else:
            self.seconds = self.seconds_at(record.t)
        self._last_t = record.t
        if isinstance(record, StopRecord):
            self._at_rest = True
        elif isinstance(record, CommandRecord) and record.what in _MOVING and record.outcome == "done":
            self._at_rest = False
        if isinstance(record, AnswerRecord):
            self.calls += 1
            self.calls_cached += record.cached
            self.calls_failed += record.failed is not None
            self._add_call(record)
        elif isinstance(record, DecisionRecord):
            self.decisions = record.n + 1
            self.last_decision_seq = record.seq

    def _add_apart(self, record: ReaskRecord | ExplanationRecord | EndpointRecord) -> None:
        if isinstance(record, ReaskRecord):
            self.calls_reasked += 1
            self._add_call(record)
        elif isinstance(record, ExplanationRecord):
            self.explanations += 1
            self.tokens_out += record.tokens or 0
            self.cost_usd += record.cost or 0.0
            if record.cost is not None:
                self.dearest_explanation = max(record.cost, self.dearest_explanation or 0.0)

    def _add_call(self, record: AnswerRecord | ReaskRecord) -> None:
        self.tokens_in += record.tokens_in or 0
        self.tokens_out += record.tokens_out or 0
        self.tokens_cached += record.tokens_cached or 0
        self.cost_usd += record.cost or 0.0
        if record.cached:
            return  # it says nothing about the cost of another call
        if record.logprobs is not None:
            self._lasted.append(record.seconds)
            self.unpriced = self.unpriced or record.cost is None
        if record.cost is not None:
            self.dearest_call = max(record.cost, self.dearest_call or 0.0)
