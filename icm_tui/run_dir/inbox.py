"""The inbox: commands from viewers to the runner, one per file, and what the arguments of some of them mean."""

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from icm_tui.errors import RunFailed
from icm_tui.run_dir.layout import DIRECTORY_MODE, RunDir, unwritable, write_atomically

_SUFFIX = ".json"
_LARGEST = 1 << 16
_LONGEST_ID = 100

# The kinds of commands, as a Command names them in `what`.
KINDS = ("pause", "resume", "step", "to", "skip", "stop", "throttle", "pin", "ask")


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a viewer asks of the runner. `seen_seq` is the last record of the journal that the person had seen.

    For a file in the inbox that is not a command, `refused` says why not, and `what` is empty.
    """

    id: str
    what: str
    args: dict[str, Any] = {}
    seen_seq: int | None = None
    refused: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Command)


def send(run: RunDir, what: str, args: dict[str, Any], seen_seq: int | None = None) -> str:
    """Put a command into the inbox, whole or not at all, and return its id. Ids sort by the time of sending.

    Raises RunFailed if the system refuses.
    """
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    try:
        run.inbox.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    except OSError as error:
        raise RunFailed(unwritable("The run's inbox", run.inbox, error)) from error
    write_atomically(run.inbox / f"{name}{_SUFFIX}", _encoder.encode(Command(name, what, args, seen_seq)))
    return name


def take(run: RunDir) -> list[Command]:
    """Return the commands in the inbox, oldest first; each stays there until done().

    A file that is not a command is moved aside and returned once, as a Command whose `refused` says why. If it cannot
    be moved, it is skipped.
    """
    try:
        names = sorted(name for name in os.listdir(run.inbox) if not name.startswith("."))
    except OSError:
        return []
    commands = []
    for name in names:
        try:
            commands.append(_read(run.inbox / name))
        except FileNotFoundError:
            continue
        except _NotACommandError as error:
            if _move_aside(run.inbox / name):
                shown = os.fsencode(name).decode("utf-8", "replace")[:_LONGEST_ID]
                commands.append(Command(shown, "", refused=str(error)))
    return commands


def done(run: RunDir, command: Command) -> None:
    """Remove a command that is in the journal now. If that fails, the runner will know it by its id."""
    if not command.refused:
        with contextlib.suppress(OSError):
            (run.inbox / f"{command.id}{_SUFFIX}").unlink(missing_ok=True)


def read_pin(args: Mapping[str, Any], names: Sequence[str], n_items: int) -> tuple[int, int | None]:
    """Return the item and the label (a place in `names`; None takes the pin off) that a command "pin" names.

    Its arguments are `item`, the item's number, `label`, the name of a label or null, and `note`, a text.
    Raises ValueError, with the reason in words, for anything else.
    """
    item, label, note = read_item(args, n_items), args.get("label"), args.get("note", "")
    if not isinstance(note, str):
        raise ValueError("its note is not a text")
    if label is None:
        return item, None
    if label not in names:
        raise ValueError(f"there is no label {label!r}; the labels are {', '.join(names)}")
    return item, names.index(label)


def read_item(args: Mapping[str, Any], n_items: int) -> int:
    """Return the number of the item that a command names as `item`. Raises ValueError, with the reason in words."""
    item = args.get("item")
    if not isinstance(item, int) or isinstance(item, bool):
        raise ValueError("it names no item; give the number of one as item")
    if not 0 <= item < n_items:
        raise ValueError(f"there is no item {item}; they are numbered from 0 to {n_items - 1}")
    return item


class _NotACommandError(Exception):
    pass


def _read(path: Path) -> Command:
    if path.suffix != _SUFFIX:
        raise _NotACommandError("it is not a .json file")
    try:
        # A link must not lead the runner elsewhere, and a pipe must not block it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _NotACommandError("it is not a plain file")
            data = os.read(descriptor, _LARGEST + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _NotACommandError(f"it cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(data) > _LARGEST:
        raise _NotACommandError(f"it is longer than {_LARGEST} bytes")
    try:
        command = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _NotACommandError(f"it is not a command: {error}") from error
    if command.id != path.stem or command.refused:
        raise _NotACommandError("its id is not the file's name, or it was refused before")
    return command


def _move_aside(path: Path) -> bool:
    try:
        os.rename(path, path.with_name(f".refused-{secrets.token_hex(4)}"))
    except OSError:
        return False
    return True
