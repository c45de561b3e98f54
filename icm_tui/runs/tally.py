"""What a run has spent and how far it has come, counted from its records, live or read back."""

import msgspec

from icm_tui.profiles.schema import Run
from icm_tui.runs.records import (
    AnswerRecord,
    AnyRecord,
    CommandRecord,
    DecisionRecord,
    ExtraRecord,
    StartRecord,
    StopRecord,
    ThoughtRecord,
)

# The commands that end a pause.
_MOVING = ("resume", "step", "to", "skip")


class Tally(msgspec.Struct):
    """Counts over a run's whole life. `calls` are those of the search; `calls_extra` those about items that a person
    had asked about again, and `thoughts` the explanations, which cost money and tokens all the same. `seconds` is the
    time its runners were at work and not paused, from their records."""

    calls: int = 0
    calls_cached: int = 0
    calls_failed: int = 0
    calls_extra: int = 0
    thoughts: int = 0
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
        if isinstance(record, ExtraRecord | ThoughtRecord):
            # They may come when no runner is at work, so they tell nothing of its time.
            self._add_apart(record)
            return
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
            self._add_tokens(record)
        elif isinstance(record, DecisionRecord):
            self.decisions = record.n + 1
            self.last_decision_seq = record.seq

    def _add_apart(self, record: ExtraRecord | ThoughtRecord) -> None:
        if isinstance(record, ExtraRecord):
            self.calls_extra += 1
            self._add_tokens(record)
        else:
            self.thoughts += 1
            self.tokens_out += record.tokens or 0
            self.cost_usd += record.cost or 0.0

    def _add_tokens(self, record: AnswerRecord | ExtraRecord) -> None:
        self.tokens_in += record.tokens_in or 0
        self.tokens_out += record.tokens_out or 0
        self.tokens_cached += record.tokens_cached or 0
        self.cost_usd += record.cost or 0.0


def budget_reached(limits: Run, tally: Tally) -> str:
    """Why no more may be spent, in words, where the budget is used up; else an empty text."""
    if limits.budget_usd is None or not 0 < tally.cost_usd >= limits.budget_usd:
        return ""
    return f"run.budget_usd = {limits.budget_usd:g} is reached; raise it with --set run.budget_usd=USD"
