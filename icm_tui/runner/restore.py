"""Restores a fresh search from a journal, so that a run goes on where it was."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.reply import Endpoint
from icm_tui.run_dir.labels import LastAsked, misfit
from icm_tui.run_dir.records import (
    AnswerRecord,
    AnyRecord,
    CommandRecord,
    ContextRecord,
    DecisionRecord,
    DoneRecord,
    EndpointRecord,
    StartRecord,
)
from icm_tui.run_dir.tally import Tally
from icm_tui.runner.controls import Orders, renews_endpoint
from icm_tui.search.method import Search


class Restored(msgspec.Struct):
    """What a journal holds besides the search's own state.

    `contexts` are those that show all, `context_offsets` the bytes at which the others are, by their numbers.
    `endpoint` is the one that the next answers are to come from, None if one is still to be found. `label_names` are
    those of the run.
    """

    tally: Tally = msgspec.field(default_factory=Tally)
    last_asked: LastAsked = msgspec.field(default_factory=LastAsked)
    orders: Orders = msgspec.field(default_factory=Orders)
    endpoint: Endpoint | None = None
    contexts: dict[int, ContextRecord] = {}
    context_offsets: dict[int, int] = {}
    label_names: list[str] = []
    done: bool = False


def fold(
    records: Iterable[tuple[int, AnyRecord]],
    search: Search,
    journal: Path,
    relabel: Callable[[int, list[LabelChange]], None],
) -> Restored:
    """Restore a fresh search from a journal: contexts, answers, decisions and commands are taken over, and none is
    computed again.

    `records` come with their byte offsets. `relabel` is called with every chain's changes. Raises UserError if the
    records do not fit the search, and names the first that does not.
    """
    restored = Restored()
    for offset, record in records:
        try:
            _restore(record, search, restored)
            if isinstance(record, ContextRecord):
                if record.demonstrations == "all":
                    restored.contexts[record.id] = record
                else:
                    restored.context_offsets[record.id] = offset
            if isinstance(record, DecisionRecord):
                relabel(record.chain, record.changes)
            elif isinstance(record, CommandRecord):
                for chain, changes in _by_chain(record).items():
                    search.relabel(chain, changes)
                    relabel(chain, changes)
        except (KeyError, IndexError, ValueError, AssertionError, StopIteration) as error:
            raise misfit(journal, record, error) from error
        restored.tally.add(record)
        restored.last_asked.add(record)
    return restored


def _restore(record: AnyRecord, search: Search, restored: Restored) -> None:
    if isinstance(record, StartRecord):
        restored.label_names = record.labels
    elif isinstance(record, EndpointRecord):
        restored.endpoint = record.endpoint
    elif isinstance(record, ContextRecord):
        search.restore_context(record)
    elif isinstance(record, AnswerRecord):
        search.tell(record.question, record.logprobs)
    elif isinstance(record, DecisionRecord):
        if record.n != search.n:
            raise ValueError(f"decision {record.n} where {search.n} was expected")
        search.restore_decision(record)
        restored.orders.skip = restored.orders.skip and not record.items
    elif isinstance(record, CommandRecord):
        orders = restored.orders
        known = len(orders.sets)
        orders.restore(record, restored.label_names, search.problem.n_items)
        if renews_endpoint(orders.sets[known:]):
            restored.endpoint = None
    elif isinstance(record, DoneRecord):
        restored.done = True


def _by_chain(command: CommandRecord) -> dict[int, list[LabelChange]]:
    changes: dict[int, list[LabelChange]] = {}
    for chain, item, before, after in command.changes:
        changes.setdefault(chain, []).append((item, before, after))
    return changes
