"""Asking about an item again if no runner is at work: the run's journal and reasoning grow, its state stays."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from icm_tui.errors import RunFailed
from icm_tui.run_dir.inbox import read_item
from icm_tui.run_dir.journal import Journal, JournalUnwritable
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.reasoning import ReasoningPiece
from icm_tui.run_dir.records import AnyRecord, ContextRecord, EndpointRecord, ExplanationRecord, ReaskRecord
from icm_tui.runner.assembly import is_paid, make_model_client
from icm_tui.runner.budget import Limits
from icm_tui.runner.contexts import read_contexts
from icm_tui.runner.explanations import Explanations
from icm_tui.runner.session import MakeModelClient, newly, read_back


def ask_here(
    path: Path,
    item: int,
    *,
    observe: Callable[[ReasoningPiece], None] = lambda piece: None,
    model_client_of: MakeModelClient = make_model_client,
) -> tuple[ReaskRecord, ExplanationRecord | None]:
    """Ask about an item of the run in `path` again, with the context that it was last asked with, and have the answer
    explained; `observe` is called with the pieces as they come. Neither is a part of the search.

    Returns what the journal holds of it now; without an answer there is no explanation. Raises UserError if the run
    cannot be read or has a runner, RunFailed if the item cannot be asked about or the disk takes no record of it.
    """
    run = RunDir(path)
    with RunLock(run):
        back = read_back(run, [], model_client_of)
        kept: list[AnyRecord] = []

        def append(record: AnyRecord) -> None:
            journal.append(record)
            journal.flush_now()
            back.restored.tally.add(record)
            kept.append(record)

        def context_of(number: int) -> ContextRecord:
            return (
                restored.contexts.get(number) or read_contexts(run.journal, restored.context_offsets, [number])[number]
            )

        async def ask() -> None:
            held = back.restored.endpoint
            try:
                endpoint = newly(await back.model_client.open(held), held)
                if endpoint is not None:
                    append(EndpointRecord(endpoint=endpoint))
                refuse(explanations.ask(item, ""))
                await explanations.settle()
            finally:
                with contextlib.suppress(JournalUnwritable):
                    await explanations.end("interrupted")
                await back.model_client.close()

        restored = back.restored
        limits = Limits(back.settings.run, restored.tally)
        explanations = Explanations(
            run.reasoning, back.search, back.model_client, restored.last_asked, context_of, append, limits, observe
        )
        try:
            read_item({"item": item}, back.problem.n_items)
        except ValueError as error:
            refuse(str(error))
        refuse(explanations.why_not(item))
        journal = Journal.open(run.journal, durability="paid" if is_paid(back.frozen) else "free")
        try:
            asyncio.run(ask())
        finally:
            journal.close()
    reask = next(record for record in kept if isinstance(record, ReaskRecord))
    return reask, next((record for record in kept if isinstance(record, ExplanationRecord)), None)


def refuse(why: str) -> None:
    """Raise RunFailed if there is a reason why not."""
    if why:
        raise RunFailed(f"ask: refused ({why}).")
