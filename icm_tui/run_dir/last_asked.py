"""With which context every item was last asked about, counted from a run's records, live or read back."""

from icm_tui.domain.phases import PhaseName
from icm_tui.run_dir.records import AnswerRecord, AnyRecord, ContextRecord


class LastAsked:
    """The newest context that an item of a chain was asked with; the contexts that find the model's label bias do not
    count."""

    def __init__(self) -> None:
        self._chain_of: dict[int, int] = {}
        self._newest: dict[int, dict[int, int]] = {}

    def add(self, record: AnyRecord) -> None:
        """Count a record."""
        if isinstance(record, AnswerRecord):
            chain = self._chain_of.get(record.context_id)
            if chain is not None:
                newest = self._newest.setdefault(chain, {})
                # Two sweeps' answers about an item may come in either order; their contexts were drawn in one.
                newest[record.item] = max(record.context_id, newest.get(record.item, -1))
        elif isinstance(record, ContextRecord) and record.phase != PhaseName.LABEL_BIAS:
            self._chain_of[record.id] = record.chain

    def context(self, chain: int, item: int) -> int | None:
        """The number of the context that `item` was last asked with in `chain`, or None if it never was."""
        return self._newest.get(chain, {}).get(item)

    def context_anywhere(self, item: int) -> int | None:
        """The number of the newest context that `item` was asked with in whatever chain, or None if it never was
        asked."""
        return max((newest[item] for newest in self._newest.values() if item in newest), default=None)
