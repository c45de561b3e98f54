"""Asking about an item again where no runner is at work: the run's journal and reasoning grow, its state stays."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from icm_tui.errors import RunFailed
from icm_tui.run_dir.journal import Journal, JournalUnwritable
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.pins import read_item
from icm_tui.run_dir.reasoning import ReasoningPiece
from icm_tui.run_dir.records import AnyRecord, BlockRecord, EndpointRecord, ExtraRecord, ThoughtRecord
from icm_tui.runner.assembly import is_paid, make_asker
from icm_tui.runner.budget import Limits
from icm_tui.runner.contexts import read_blocks
from icm_tui.runner.explanations import Thinking
from icm_tui.runner.session import MakeAsker, newly, read_back


def ask_here(
    path: Path,
    item: int,
    *,
    observe: Callable[[ReasoningPiece], None] = lambda piece: None,
    asker_of: MakeAsker = make_asker,
) -> tuple[ExtraRecord, ThoughtRecord | None]:
    """Ask about an item of the run in `path` again, with the list that it was last asked with, and have the answer
    explained; `observe` is called with the pieces as they come. Neither is a part of the search.

    Returns what the journal holds of it now; without an answer there is no explanation. Raises UserError where the run
    cannot be read or has a runner, RunFailed where the item cannot be asked about or the disk takes no record of it.
    """
    run = RunDir(path)
    with RunLock(run):
        back = read_back(run, [], asker_of)
        kept: list[AnyRecord] = []

        def append(record: AnyRecord) -> None:
            journal.append(record)
            journal.flush_now()
            back.replayed.tally.add(record)
            kept.append(record)

        def block_of(number: int) -> BlockRecord:
            return replayed.blocks.get(number) or read_blocks(run.journal, replayed.block_offsets, [number])[number]

        async def ask() -> None:
            held = back.replayed.endpoint
            try:
                endpoint = newly(await back.asker.open(held), held)
                if endpoint is not None:
                    append(EndpointRecord(endpoint=endpoint))
                refuse(thinking.ask(item, ""))
                await thinking.settle()
            finally:
                with contextlib.suppress(JournalUnwritable):
                    await thinking.end("interrupted")
                await back.asker.close()

        replayed = back.replayed
        limits = Limits(back.settings.run, replayed.tally)
        thinking = Thinking(
            run.reasoning, back.search, back.asker, replayed.last_asked, block_of, append, limits, observe
        )
        try:
            read_item({"item": item}, back.problem.n_items)
        except ValueError as error:
            refuse(str(error))
        refuse(thinking.why_not(item))
        journal = Journal.open(run.journal, durability="paid" if is_paid(back.frozen) else "free")
        try:
            asyncio.run(ask())
        finally:
            journal.close()
    extra = next(record for record in kept if isinstance(record, ExtraRecord))
    return extra, next((record for record in kept if isinstance(record, ThoughtRecord)), None)


def refuse(why: str) -> None:
    """Raise RunFailed where there is a reason why not."""
    if why:
        raise RunFailed(f"ask: refused ({why}).")
