"""The run directory: the names of its files, how it is made and found, and how a file is written atomically."""

import contextlib
import errno
import hashlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from icm_tui import files
from icm_tui.domain.items import Item
from icm_tui.errors import RunFailed, UserError
from icm_tui.files import make_private

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

_MOST_NAMES = 8
_LONGEST_NAME = 60

_PUT_BACK = "Put back the file as it was written."
_HOW_TO_NAME = "Give a run's directory or the start of its name; `icm-tui runs` lists them."
_MENDING = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "raise the disk quota or delete other files",
    errno.EROFS: "make that disk writable, or choose a directory on another one",
    errno.EACCES: "get the permission to write there, or choose another directory",
    errno.EPERM: "get the permission to write there, or choose another directory",
    errno.EIO: "check that disk, or move the directory to another one",
}

_encoder = msgspec.json.Encoder()
_item_decoder = msgspec.json.Decoder(Item)


class RunDir(msgspec.Struct, frozen=True):
    """A run's directory and the paths of its files, whether or not they exist."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def profile(self) -> Path:
        """The frozen settings."""
        return self.path / "profile.toml"

    @property
    def items(self) -> Path:
        """What the search sees, one item per line."""
        return self.path / "items.jsonl"

    @property
    def held_out(self) -> Path:
        """The test split: items that the search never sees, one per line; missing if the profile keeps none back."""
        return self.path / "held_out.jsonl"

    @property
    def gold(self) -> Path:
        """Gold labels; only the evaluation opens it."""
        return self.path / "gold.jsonl"

    @property
    def journal(self) -> Path:
        """Everything that happened, one record per line."""
        return self.path / "journal.jsonl"

    @property
    def reasoning(self) -> Path:
        """Explanations in pieces, as they were streamed."""
        return self.path / "reasoning.jsonl"

    @property
    def status(self) -> Path:
        """The runner's heartbeat."""
        return self.path / "status.json"

    @property
    def inbox(self) -> Path:
        """The directory that viewers put commands into."""
        return self.path / "inbox"

    @property
    def log(self) -> Path:
        """What went wrong, in words, without secrets."""
        return self.path / "runner.log"

    @property
    def looked(self) -> Path:
        """The mark of a blind run whose gold a person has looked at."""
        return self.path / "looked"

    @property
    def comparisons(self) -> Path:
        """Answers to questions that no search asked, for comparing what examples are worth."""
        return self.path / "comparisons.jsonl"

    @property
    def baselines(self) -> Path:
        """The last table of methods that need no search."""
        return self.path / "baselines.json"

    @property
    def curves(self) -> Path:
        """The last table of what labels are worth as examples."""
        return self.path / "held_out_curves.json"

    @property
    def lock(self) -> Path:
        """The file whose lock the runner holds."""
        return self.path / "lock"

    def is_run(self) -> bool:
        """Whether the directory holds a run: its frozen profile and its items or its journal."""
        return self.profile.is_file() and (self.items.is_file() or self.journal.is_file())


def create(path: Path) -> RunDir:
    """Make a run directory and its inbox, both with mode 0700.

    Raises UserError if the path exists and is not an empty directory, and UserError or RunFailed if the system refuses.
    """
    run = RunDir(path)
    made = False
    try:
        make_private(path.parent)
        try:
            path.mkdir(mode=DIRECTORY_MODE)
            made = True
        except FileExistsError:
            if not path.is_dir():
                raise UserError(f"{path} is a file, not a directory. Choose another directory for the run.") from None
            if any(path.iterdir()):
                raise _taken(path) from None
        path.chmod(DIRECTORY_MODE)
        # If two runs start in the same empty directory, making the inbox succeeds for only one of them.
        try:
            run.inbox.mkdir(mode=DIRECTORY_MODE)
        except FileExistsError:
            raise _taken(path) from None
    except OSError as error:
        if made:
            with contextlib.suppress(OSError):
                path.rmdir()
        kind = RunFailed if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) else UserError
        raise kind(unwritable("The run directory", path, error)) from error
    return run


def _taken(path: Path) -> UserError:
    return UserError(
        f"The directory {path} is not empty, and a run needs one of its own. "
        "Choose another directory, or empty this one."
    )


def unwritable(what: str, path: Path, error: OSError) -> str:
    """Say in words that the system refused a write: what, where, why, and how to mend it."""
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    mending = _MENDING.get(error.errno or 0, "choose another directory")
    return f"{what} {path} cannot be written: {reason}. To mend it, {mending}."


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of a file by `data`; readers and crashes see either the old bytes or the new ones.

    The file gets mode 0600; on return its bytes and its name are on disk. Raises RunFailed if the system refuses.
    """
    try:
        files.write(path, data, FILE_MODE)
    except OSError as error:
        raise RunFailed(unwritable("The file", path, error)) from error


def digest(data: bytes) -> str:
    """Return the SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def write_items(run: RunDir, items: Sequence[Item]) -> str:
    """Write items.jsonl, one item per line, and return the digest of its bytes."""
    data = _encoder.encode_lines(items)
    write_atomically(run.items, data)
    return digest(data)


def write_held_out(run: RunDir, items: Sequence[Item]) -> None:
    """Write the test split to held_out.jsonl, one item per line; no file if it is empty."""
    if items:
        write_atomically(run.held_out, _encoder.encode_lines(items))


def read_held_out(run: RunDir) -> list[Item]:
    """Return the test split of a run, empty if it has no such file. Raises UserError if a line is not an item."""
    if not run.held_out.exists():
        return []
    return _read_items(run.held_out)[0]


def read_items(run: RunDir) -> tuple[list[Item], str]:
    """Return the items of a run and the digest of the bytes that they were read from.

    Raises UserError if the file is missing or a line of it is not an item.
    """
    return _read_items(run.items)


def _read_items(path: Path) -> tuple[list[Item], str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path} cannot be read: {reason}. Without its items a run cannot be used.") from error
    try:
        return _item_decoder.decode_lines(data), digest(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _first_bad_item(path, data) from None


def _first_bad_item(path: Path, data: bytes) -> UserError:
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            if line.strip():
                _item_decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return UserError(f"{path}, line {number} is not an item ({error}). {_PUT_BACK}")
    return UserError(f"{path} is not a list of items, one per line. {_PUT_BACK}")


def new_run_path(runs_dir: Path, name: str, now: float) -> Path:
    """Return a path in `runs_dir` that does not exist, such as demo-20261123-161906: `name`, made fit for a file, and
    the local time of `now` (unix seconds). A second run in the same second gets -2, and so on."""
    fit = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-_")[:_LONGEST_NAME] or "run"
    first = runs_dir / f"{fit}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"
    path, number = first, 1
    while os.path.lexists(path):
        number += 1
        path = first.with_name(f"{first.name}-{number}")
    return path


def run_paths(runs_dir: Path) -> list[Path]:
    """Return the directories in `runs_dir` that hold a run, by name; none if `runs_dir` does not exist yet. Hidden
    directories are half made or half deleted. Raises UserError if `runs_dir` cannot be read."""
    try:
        return sorted(path for path in runs_dir.iterdir() if path.name[0] != "." and RunDir(path).is_run())
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"The directory of runs {runs_dir} cannot be read: {reason}.") from error


def find_run(text: str, runs_dir: Path) -> RunDir:
    """Return the run that `text` means: a directory of a run, a name in `runs_dir`, or the start of exactly one name.

    Raises UserError with the candidates if the text fits no run or several.
    """
    if not text:
        raise UserError(f"The name of a run is empty. {_HOW_TO_NAME}")
    if RunDir(Path(text)).is_run():
        return RunDir(Path(text).resolve())
    if os.sep in text:
        raise UserError(f"{text} is not a run: it holds no profile.toml and journal.jsonl. {_HOW_TO_NAME}")
    names = [path.name for path in run_paths(runs_dir)]
    fitting = [text] if text in names else [name for name in names if name.startswith(text)]
    if len(fitting) == 1:
        return RunDir(runs_dir / fitting[0])
    if not names:
        raise UserError(f"There is no run {text!r}: there are no runs in {runs_dir} yet. {_HOW_TO_NAME}")
    if not fitting:
        raise UserError(f"No run's name starts with {text!r}. The runs are {_enumerate(names)}. {_HOW_TO_NAME}")
    raise UserError(f"{text!r} is the start of {len(fitting)} runs: {_enumerate(fitting)}. Type more of the name.")


def _enumerate(names: list[str]) -> str:
    listed = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{listed} and {more} more" if more > 0 else listed
