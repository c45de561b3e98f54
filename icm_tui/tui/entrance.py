"""The way into the screens and out of them: the terminal is given back however the program ends, and the runs that
were looked at are left alone."""

import asyncio
import io
import os
import select
import signal
import termios
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from icm_tui import files
from icm_tui.errors import RunFailed
from icm_tui.text import multi_line
from icm_tui.tui.terminal import is_slow, prepare_environment

if TYPE_CHECKING:
    from icm_tui.tui.app import IcmApp

LOG = "screens.log"

# How long the screens get to close before the process ends without: a stalled terminal takes no goodbye.
_PATIENCE = 3
_HANGUP = 128 + signal.SIGHUP


def enter(run: Path | None, *, read_only: bool, mouse: bool) -> list[Path]:
    """Show a run, or the list of runs, until the person leaves; returns the runs that were looked at, the last one
    last.

    Raises RunFailed if the screens end by a fault of the program, SystemExit if a signal ends them. When the
    terminal goes away the process ends at once, for nobody is there to be told.
    """
    prepare_environment(os.environ)
    from icm_tui.tui.app import IcmApp
    from icm_tui.tui.base_app import Opening
    from icm_tui.tui.keys.keymap import load_keymap

    keymap, problems = load_keymap(files.keymap_path())
    app = IcmApp(Opening(run, read_only=read_only, slow_line=is_slow(os.environ)), keymap, problems)
    # What the app would print of a fault of its own is kept off the person's screen.
    app.error_console.file = faults = io.StringIO()
    _heed_hangups()
    try:
        ended_by = asyncio.run(_run(app, mouse=mouse))
    except Exception as error:
        raise RunFailed(_logged(traceback.format_exc())) from error
    if ended_by is not None:
        raise SystemExit(128 + ended_by)
    if faults.getvalue():
        raise RunFailed(_logged(faults.getvalue()))
    return app.opened


async def _run(app: "IcmApp", *, mouse: bool) -> int | None:
    """Run the app; the number of the signal that ended it, or None if the person left."""
    ended_by: list[int] = []
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(0)

    def leave(number: int, frame: FrameType | None) -> None:
        ended_by.append(number)
        signal.alarm(_PATIENCE)
        loop.call_soon_threadsafe(app.exit)

    def give_up(number: int, frame: FrameType | None) -> None:
        termios.tcsetattr(0, termios.TCSANOW, before)
        os._exit(128 + ended_by[0])

    # As functions of signal and not of the loop: these are called even while the loop waits for a stalled terminal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    signal.signal(signal.SIGALRM, give_up)
    try:
        await app.run_async(mouse=mouse)
    finally:
        signal.alarm(0)
    return ended_by[0] if ended_by else None


def _heed_hangups() -> None:
    """End the process at once when its terminal is gone, even if the signal for it is ignored, as under nohup, or
    goes to another process: Textual would try to read from it for ever."""

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(_HANGUP)

    signal.signal(signal.SIGHUP, leave)
    threading.Thread(target=_watch_terminal, name="terminal watch", daemon=True).start()


def _watch_terminal() -> None:
    poll = select.poll()
    poll.register(0, 0)  # a hangup is reported without being asked for
    for _, event in poll.poll():
        if event & (select.POLLHUP | select.POLLERR):
            os._exit(_HANGUP)


def _logged(faults: str) -> str:
    """The sentence for a fault of the program, whose traceback goes into a file."""
    text = f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{multi_line(faults)}\n"
    path = files.cache_dir() / LOG
    told = "The screens ended by a fault of the program; the runs are not touched"
    try:
        files.make_private(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        return f"{told}. What happened cannot be kept in {path}: {(error.strerror or str(error)).lower()}."
    return f"{told}. {path} says what happened."
