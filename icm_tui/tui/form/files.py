"""Drafts in and out of files, and the editor that a person prefers."""

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from icm_tui.errors import UserError
from icm_tui.tui.form.draft import Draft

_USUAL = ("vi", "nano")
_HEADER = "# Settings of a run; `icm-tui profiles check` knows the names. Comments are not kept.\n\n"


def read_draft(path: Path, name: str | None = None) -> Draft:
    """The draft of a profile's file; `name` is what it is called, the file's own name without one. Raises UserError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text.") from error
    return Draft.from_toml(text, name or path.stem)


def write_draft(folder: Path, draft: Draft) -> Path:
    """Puts the draft into a folder under the name that its run is to have. Raises OSError."""
    path = folder / f"{draft.run_name}.toml"
    path.write_text(draft.to_toml(), encoding="utf-8", newline="\n")
    return path


def write_for_editor(folder: Path, draft: Draft) -> Path:
    """As `write_draft`, with a word to who edits it."""
    path = write_draft(folder, draft)
    path.write_text(_HEADER + draft.to_toml(), encoding="utf-8", newline="\n")
    return path


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
