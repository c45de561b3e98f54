"""Copying that tells the truth: where a text went, and what nobody can know.

tmux keeps what applications send to the terminal's clipboard for itself, so inside it the text goes into tmux's own
buffer. Elsewhere the terminal gets an escape sequence (OSC 52), which it never answers. The text always lies in a
file, too.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from icm_tui import files
from icm_tui.errors import UserError
from icm_tui.run_dir.layout import write_atomically
from icm_tui.text import multi_line
from icm_tui.tui.base_app import BaseApp

FILE = "copied.txt"
LONGEST = 74_994
"""The most characters of base64 that terminals are known to take in one OSC 52 sequence."""
_PATIENCE = 3.0

Run = Callable[[Sequence[str], bytes], Awaitable[int | None]]


async def copy(
    text: str,
    *,
    environ: Mapping[str, str],
    write_osc52: Callable[[str], None],
    run: Run,
    directory: Path,
) -> str:
    """Copies a text and returns the sentence that says where it is.

    What could steer a terminal is taken out of it: where it is pasted, it would. `run(words, stdin)` gives the exit
    status of a program, None if there is none; the file is `directory`/copied.txt, which only its owner can read.
    """
    text = multi_line(text).encode("utf-8", "replace").decode("utf-8")
    data = text.encode("utf-8")
    path = directory / FILE
    trouble = await asyncio.to_thread(_keep, path, data)
    name = _short(path, environ.get("HOME", ""))
    if environ.get("TMUX") and await run(("tmux", "load-buffer", "-w", "-"), data) == 0:
        return f"Copied to tmux's buffer (prefix ] pastes); {trouble or f'also in {name}'}"
    if 4 * ((len(data) + 2) // 3) > LONGEST:
        return trouble or f"Too long for a terminal's clipboard; it is in {name}"
    write_osc52(text)
    return f"Sent to the terminal, which may not take it; {trouble or f'also in {name}'}"


def copy_and_tell(app: BaseApp, text: str) -> None:
    """Copy a text from a screen of the running app, and tell there what came of it."""

    async def work() -> None:
        told = await copy(
            text, environ=os.environ, write_osc52=app.copy_to_clipboard, run=run_program, directory=files.cache_dir()
        )
        app.tell(told)

    app.run_worker(work(), exit_on_error=False)


async def run_program(words: Sequence[str], stdin: bytes) -> int | None:
    """The exit status of a program given `stdin`; None if it cannot be started or is not done in three seconds."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.communicate(stdin)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return None
    return process.returncode


def _keep(path: Path, data: bytes) -> str:
    """Writes the file; what went wrong, nothing if all is well."""
    try:
        files.make_private(path.parent)
        write_atomically(path, data)
    except OSError as error:
        return f"{path.parent} cannot be made: {error.strerror}"
    except UserError as error:
        return str(error)
    return ""


def _short(path: Path, home: str) -> str:
    """The path as it fits on a line: the home directory is ~."""
    if home and path.is_relative_to(home):
        return f"~/{path.relative_to(home)}"
    return str(path)
