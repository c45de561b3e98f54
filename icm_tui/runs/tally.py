"""What a run has spent and how far it has come, counted from its records, live or read back."""

import msgspec

from icm_tui.runs.records import AnswerRecord, AnyRecord, CommandRecord, DecisionRecord, StartRecord, StopRecord

# The commands that end a pause.
_MOVING = ("resume", "step", "to", "skip")


class Tally(msgspec.Struct):
    """Counts over a run's whole life. `seconds` is the time its runners were at work and not paused, from their
    records."""

    calls: int = 0
    calls_cached: int = 0
    calls_failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    decisions: int = 0
    last_decision_seq: int = -1
    _last_t: float | None = None
    _at_rest: bool = False

    def add(self, record: AnyRecord) -> None:
        """Count a record."""
        if isinstance(record, StartRecord):
            self._at_rest = False
        elif self._last_t is not None and not self._at_rest:
            self.seconds += max(0.0, record.t - self._last_t)
        self._last_t = record.t
        if isinstance(record, StopRecord):
            self._at_rest = True
        elif isinstance(record, CommandRecord) and record.what in _MOVING and record.outcome == "done":
            self._at_rest = False
        if isinstance(record, AnswerRecord):
            self.calls += 1
            self.calls_cached += record.cached
            self.calls_failed += record.failed is not None
            self.tokens_in += record.tokens_in or 0
            self.tokens_out += record.tokens_out or 0
            self.tokens_cached += record.tokens_cached or 0
            self.cost_usd += record.cost or 0.0
        elif isinstance(record, DecisionRecord):
            self.decisions = record.n + 1
            self.last_decision_seq = record.seq
