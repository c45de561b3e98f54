"""With which list every item was last asked about, counted from a run's records, live or read back."""

from icm_tui.run_dir.records import AnswerRecord, AnyRecord, ContextRecord


class LastAsked:
    """The newest list that an item of a chain was asked with; the lists that find the model's leaning do not count."""

    def __init__(self) -> None:
        self._chain_of: dict[int, int] = {}
        self._newest: dict[int, dict[int, int]] = {}

    def add(self, record: AnyRecord) -> None:
        """Count a record."""
        if isinstance(record, AnswerRecord):
            chain = self._chain_of.get(record.context_id)
            if chain is not None:
                newest = self._newest.setdefault(chain, {})
                # Two sweeps' answers about an item may come in either order; their lists were drawn in one.
                newest[record.item] = max(record.context_id, newest.get(record.item, -1))
        elif isinstance(record, ContextRecord) and record.phase != "label_bias":
            self._chain_of[record.id] = record.chain

    def context(self, chain: int, item: int) -> int | None:
        """The number of the list that `item` was last asked with in `chain`, or None if it never was."""
        return self._newest.get(chain, {}).get(item)

    def context_anywhere(self, item: int) -> int | None:
        """The number of the newest list that `item` was asked with in whatever chain, or None if it never was asked."""
        return max((newest[item] for newest in self._newest.values() if item in newest), default=None)
