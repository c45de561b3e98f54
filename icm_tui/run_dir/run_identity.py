"""How a journal begins, and whether it belongs to the files beside it."""

import os
import socket
from typing import NamedTuple

from icm_tui import __version__
from icm_tui.errors import UserError
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import FORMAT, AnyRecord, StartRecord


class Digests(NamedTuple):
    """SHA-256 of items.jsonl and profile.toml, to be told apart from those of another run."""

    items: str
    profile: str


def start_record(window: int, labels: list[str], digests: Digests) -> StartRecord:
    """The record that a runner begins with."""
    return StartRecord(
        format=FORMAT,
        engine=__version__,
        window=window,
        labels=labels,
        items_digest=digests.items,
        profile_digest=digests.profile,
        host=socket.gethostname(),
        pid=os.getpid(),
    )


def refuse_other_run(start: AnyRecord, digests: Digests, run: RunDir) -> None:
    """Refuse to go on with a journal that does not begin as one, or was made of other items or settings than those in
    the directory. `start` is its first record."""
    if not isinstance(start, StartRecord):
        raise UserError(
            f"The journal {run.journal} does not begin with the start of a run. Put it back as it was written."
        )
    if start.items_digest != digests.items:
        raise UserError(f"{run.items} is not what the run began with. Put it back as it was, or start a new run.")
    if start.profile_digest != digests.profile:
        raise UserError(f"{run.profile} is not what the run began with. Put it back as it was, or start a new run.")
