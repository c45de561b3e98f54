"""How a run is named to a person."""

import shlex

from icm_tui.files import runs_dir
from icm_tui.run_dir.layout import RunDir
from icm_tui.text import one_line


def to_type(run: RunDir) -> str:
    """What to type for RUN: the name where the run lies among the others, else its path, quoted for a shell."""
    among_others = run.path.parent.resolve() == runs_dir().resolve()
    return shlex.quote(one_line(run.name if among_others else str(run.path)))
