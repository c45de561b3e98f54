"""Reading a journal back into a fresh search, so that a run goes on where it was."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.reply import Endpoint
from icm_tui.run_dir.inbox import read_pin
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
from icm_tui.runner.changes import renew_endpoint
from icm_tui.search.method import Search


class Restored(msgspec.Struct):
    """What a journal says besides the search's own state: the counts, the contexts that show all, at which byte each
    other context stands, which context each item was last asked with, the endpoint that the next answers are to come
    from (None if none was found yet, or another one is to be), the ids of the commands obeyed, the settings changed on
    the way, the names of the label sets, the label that each pinned item is pinned to, whether the next decision is to
    be skipped, and whether the run is done."""

    tally: Tally = msgspec.field(default_factory=Tally)
    last_asked: LastAsked = msgspec.field(default_factory=LastAsked)
    endpoint: Endpoint | None = None
    contexts: dict[int, ContextRecord] = {}
    context_offsets: dict[int, int] = {}
    obeyed: set[str] = set()
    sets: list[str] = []
    set_names: list[str] = []
    pinned: dict[int, int] = {}
    skip: bool = False
    done: bool = False


def fold(
    records: Iterable[tuple[int, AnyRecord]],
    search: Search,
    journal: Path,
    relabel: Callable[[int, list[LabelChange]], None],
) -> Restored:
    """Give a journal back to a fresh search: contexts, answers, decisions and what a person set are adopted, none is
    computed again.

    `records` come with their byte offsets. `relabel` follows every chain's changes. Raises UserError if the records
    do not fit the search, naming the first that does not.
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
        restored.set_names = record.labels
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
        restored.skip = restored.skip and not record.items
    elif isinstance(record, CommandRecord):
        restored.obeyed.add(record.id)
        if record.what == "resume" and record.outcome == "done":
            sets = record.args.get("set", [])
            restored.sets += sets
            if renew_endpoint(sets):
                restored.endpoint = None
        if record.what == "skip" and record.outcome == "done":
            restored.skip = True
        if record.what == "pin" and record.outcome == "done":
            item, label = read_pin(record.args, restored.set_names, search.problem.n_items)
            restored.pinned.pop(item, None)
            if label is not None:
                restored.pinned[item] = label
    elif isinstance(record, DoneRecord):
        restored.done = True


def _by_chain(command: CommandRecord) -> dict[int, list[LabelChange]]:
    changes: dict[int, list[LabelChange]] = {}
    for chain, item, before, after in command.changes:
        changes.setdefault(chain, []).append((item, before, after))
    return changes
