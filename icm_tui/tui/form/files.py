"""Drafts in and out of files, and the editor that a person prefers."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from icm_tui.errors import RunFailed, UserError
from icm_tui.files import read_text
from icm_tui.tui.form.draft import Draft

_USUAL = ("vi", "nano")
FOR_EDITOR = "# Settings of a run; `icm-tui profiles check` knows the names. Comments are not kept.\n\n"


def read_draft(path: Path, name: str | None = None) -> Draft:
    """The draft of a profile's file; `name` is what it is called, the file's own name without one. Raises UserError."""
    return Draft.from_toml(read_text(path), name or path.stem)


def write_draft(draft: Draft, header: str = "") -> Path:
    """Puts the draft, behind a header, into a folder of its own that nobody else can read; `remove` takes it away.

    The file has the name that a run of it is to have. Raises RunFailed.
    """
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="icm-tui-"))
        path = folder / f"{draft.run_name}.toml"
        path.write_text(header + draft.to_toml(), encoding="utf-8", newline="\n")
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise RunFailed(f"{tempfile.gettempdir()}: cannot be written: {error.strerror}; nothing was done.") from error
    return path


def remove(path: Path) -> None:
    """Removes what `write_draft` made, with all that an editor put beside it."""
    shutil.rmtree(path.parent, ignore_errors=True)


def editor(environ: Mapping[str, str], found: str | None = None) -> list[str]:
    """The words that start a person's editor: $VISUAL, else $EDITOR, else vi or nano. Raises UserError for none.

    `found` is the search path for the last two, that of the process without one.
    """
    for variable in ("VISUAL", "EDITOR"):
        written = environ.get(variable, "").strip()
        if written:
            try:
                return shlex.split(written)
            except ValueError as error:
                raise UserError(f"${variable} has a quotation mark without its other half; mend it.") from error
    for name in _USUAL:
        path = shutil.which(name, path=found)
        if path is not None:
            return [os.fspath(path)]
    raise UserError("there is no editor: neither $VISUAL nor $EDITOR is set, and neither vi nor nano is installed.")
