"""Blind runs: gold stays hidden until a person asks for it, and then the run's directory is marked as looked at.

The mark is a file that any viewer can make; no runner is needed for it.
"""

import contextlib
import os

from icm_tui.errors import RunFailed, UserError
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.layout import FILE_MODE, RunDir, unwritable


def is_hidden(run: RunDir, profile: Profile) -> bool:
    """Whether nobody has looked at the gold of a blind run yet."""
    return profile.run.blind and not run.looked.exists()


def mark_looked(run: RunDir) -> None:
    """Mark the run as looked at; once is enough. Raises RunFailed if the system refuses."""
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(run.looked, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
    except OSError as error:
        raise RunFailed(unwritable("The mark", run.looked, error)) from error


def open_gold(run: RunDir, profile: Profile, *, look: bool) -> None:
    """Before gold is shown: marks a blind run if the person said `look`. Raises UserError if they did not."""
    if not is_hidden(run, profile):
        return
    if not look:
        raise UserError(
            f"{run.name} is a blind run, and nobody has looked at its gold yet; --look shows it and marks the run as "
            "looked at for good."
        )
    mark_looked(run)
