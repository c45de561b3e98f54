"""What costs time or needs the search is done by other processes of this program, awaited without holding up a screen.

A child has no terminal: its input is empty and its output goes into files of no name, so that it neither waits for a
key nor dies of a pipe whose reader has left. One that starts a run has a session of its own and is left to finish when
the screens are left.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from icm_tui.commands.json import Catalogue, Diagnosis, Expected
from icm_tui.errors import UserError
from icm_tui.profile.toml import load
from icm_tui.text import multi_line

# With 1 it says that no run can ask the model.
_DIAGNOSED = (1,)
_LOOK_EVERY = 0.03
# A router's catalogue of hundreds of models is some hundred kilobytes.
_MOST_PRINTED = 1 << 24
_MOST_SAID = 1 << 20
_MOST_LINES_SHOWN = 20


class Started(msgspec.Struct, frozen=True):
    """A run that has a runner now."""

    path: Path


class Failed(msgspec.Struct, frozen=True):
    """What a child said, cleaned: one line or several, the last ones the reason."""

    why: str


Told = TypeVar("Told", Expected, Diagnosis, Catalogue)


async def start(profile: Path, *, agreed: bool = False) -> Started | Failed:
    """Make a run of the profile in a file and start its runner. `agreed` says that a person has seen what it costs;
    without it a run that costs money is refused."""
    words = ["run", _path(profile), "--detach"]
    with contextlib.suppress(UserError):  # the child says what is wrong with it
        throttle = load(profile).run.watch_seconds
        words += [] if throttle is None else ["--throttle", f"{throttle:g}"]
    if agreed:
        words.append("--yes")
    return _started(await _run(words, outlives=True))


async def resume(run: Path) -> Started | Failed:
    """Give a run that has no runner a new one."""
    return _started(await _run(["resume", _path(run), "--detach"], outlives=True))


async def ask(run: Path, item: int) -> Failed | None:
    """Have the model asked about an item of a run that has no runner; what it says is in the run then. An answer that
    may cost money is waited for by the child even if the screens are left."""
    said = await _run(["ask", _path(run), str(item), "--json"], outlives=True)
    return said if isinstance(said, Failed) else None


async def forecast(profile: Path) -> Expected | Failed:
    """What a run of the profile in a file would ask and cost. A cancelled forecast leaves no process behind."""
    return _told(await _run(["run", _path(profile), "--dry-run", "--json"], outlives=False), "forecast", Expected)


async def doctor(profile: Path) -> Diagnosis | Failed:
    """Ask the model of the profile in a file what it can do, by a few calls. Cancelled it leaves no process behind."""
    words = ["doctor", _path(profile), "--json"]
    return _told(await _run(words, outlives=False, statuses=_DIAGNOSED), "diagnosis", Diagnosis)


async def models(server: str, *, fresh: bool) -> Catalogue | Failed:
    """The models that a server lists, by its preset's name or by the path of a profile that asks it; from the disk
    if they are kept there and `fresh` does not ask for the server's own word."""
    words = ["models", "--server", server, "--json", *(["--refresh"] if fresh else [])]
    return _told(await _run(words, outlives=False), "list of models", Catalogue)


def _told(said: bytes | Failed, what: str, kind: type[Told]) -> Told | Failed:
    if isinstance(said, Failed):
        return said
    try:
        return msgspec.json.decode(said, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Failed(f"The {what} cannot be read: {error}.")


def _started(said: bytes | Failed) -> Started | Failed:
    if isinstance(said, Failed):
        return said
    lines = said.splitlines()
    if not lines:
        return Failed("The run was started, but did not say where it is. `icm-tui runs` lists it.")
    return Started(Path(os.fsdecode(lines[-1])))


def _path(path: Path) -> str:
    """A path that is neither taken for a name nor for an option."""
    return str(path.absolute())


async def _run(words: list[str], *, outlives: bool, statuses: tuple[int, ...] = ()) -> bytes | Failed:
    """Run `icm-tui` with `words`: what it printed, or what it said if it failed. With one of `statuses` it has not
    failed if it printed anything.

    asyncio's own child processes are killed when the loop closes, so this one is looked at from time to time instead.
    """
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as told:
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "icm_tui", *words],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=told,
                start_new_session=True,
                env=os.environ | {"PYTHONUTF8": "1"},
            )
        except OSError as error:
            return Failed(f"Python cannot be started: {(error.strerror or str(error)).lower()}.")
        try:
            while child.poll() is None:
                await asyncio.sleep(_LOOK_EVERY)
        except asyncio.CancelledError:
            if not outlives:
                child.kill()
            # Somebody must wait for it, or it stays in the list of processes as long as this one.
            threading.Thread(target=child.wait, name="icm-tui child", daemon=True).start()
            raise
        result = _read(printed, _MOST_PRINTED)
        if child.returncode == 0 or (child.returncode in statuses and result):
            return result
        return Failed(_shown(_read(told, _MOST_SAID)) or f"`icm-tui {words[0]}` ended with status {child.returncode}.")


def _read(file: IO[bytes], most: int) -> bytes:
    """The last of what a child wrote."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - most))
    return file.read()


def _shown(said: bytes) -> str:
    lines = [line.rstrip() for line in multi_line(said.decode("utf-8", "replace")).splitlines()]
    return "\n".join([line for line in lines if line][-_MOST_LINES_SHOWN:])
