"""Serves a model file on this machine, with llama.cpp's own server in a child process."""

import asyncio
import hashlib
import importlib.util
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import msgspec

from icm_tui.errors import UserError
from icm_tui.models.gguf.header import Header, NotGguf, read_header
from icm_tui.models.gguf.server import Serving, Task
from icm_tui.models.server.keys import Key
from icm_tui.text import one_line

_END_BYTES = 16 * 1024 * 1024
_MOST_CONTEXT = 8192
_DEFAULT_CONTEXT = 4096
_LOG_BYTES = 64 * 1024
_REASON_CHARACTERS = 300
_INSTALL = (
    "A model file needs the package xllamacpp, which is not installed: `pip install 'icm-tui[local]'`, or run "
    "`uvx --from 'icm-tui[local]' icm-tui`."
)
# An error in llama.cpp's log; the group leaves out the time and the names of functions.
_ERROR = re.compile(r"[\d.]+ E (?:.*error loading model: |(?:[\w<>()]+:? +)*?[\w<>()]+: +)?(.*)")


class LocalServer:
    """A server that answers: its `base_url` without a slash at the end, its key, and the name of its model.

    `digest` identifies the model file (see `digest_of`); `context` is in tokens for each slot.
    """

    def __init__(self, child: "_Child", address: str, key: Key, model: str, digest: str, context: int) -> None:
        self._child = child
        self.base_url = f"{address.rstrip('/')}/v1"
        self.key = key
        self.model = model
        self.digest = digest
        self.context = context

    @property
    def pid(self) -> int:
        """The number of the process that serves."""
        return self._child.process.pid

    def trouble(self) -> str | None:
        """Why nothing answers any longer, in a sentence; None while the process lives."""
        if self._child.process.poll() is None:
            return None
        return f"The server of the model file has ended{_reason(self._child)}."


@asynccontextmanager
async def serve(path: Path, *, slots: int, context: int | None = None) -> AsyncIterator[LocalServer]:
    """Serve a GGUF file on a loopback port for the length of this context.

    `slots` is how many questions are answered at once, `context` how many tokens each may take: by default what the
    model was trained for, at most 8192. The server's process also ends with this one, even after kill -9. Raises
    UserError if the file or the machine cannot be used.
    """
    if slots < 1 or (context is not None and context < 1):
        raise UserError("A model file is served with at least one slot of at least one token.")
    header, digest, size = await asyncio.to_thread(check, path)
    name = one_line(str(path))
    tokens = context or min(header.context or _DEFAULT_CONTEXT, _MOST_CONTEXT)
    secret = secrets.token_urlsafe(32)
    task = Task(
        path=os.path.abspath(path),
        name=path.stem,
        key=secret,
        slots=slots,
        context=tokens,
        threads=os.cpu_count() or 1,
        needs=size + slots * tokens * header.token_bytes,
    )
    child = _Child()
    try:
        serving = await asyncio.to_thread(child.start, task)
        if serving is None or serving.error is not None:
            why = serving.error if serving is not None else None
            if why:
                raise UserError(f"{name} {why}.")
            child.process.wait()
            raise UserError(f"llama.cpp could not serve {name}{_reason(child)}.")
        yield LocalServer(child, serving.address, Key("the local server's key", secret), path.stem, digest, tokens)
    finally:
        # Nothing is awaited, since this runs even if the loop is closing. The child has nothing to clean up.
        child.end()


def check(path: Path) -> tuple[Header, str, int]:
    """The header, digest and size in bytes of a model file. Raises UserError if it cannot be read, is not a model file,
    or xllamacpp is not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise UserError(_INSTALL)
    name = one_line(str(path))
    try:
        return read_header(path), digest_of(path), path.stat().st_size
    except FileNotFoundError as error:
        raise UserError(f"There is no model file {name}. Set model.path to a file that ends with .gguf.") from error
    except OSError as error:
        raise UserError(f"The model file {name} cannot be read: {error.strerror}.") from error
    except NotGguf as error:
        raise UserError(f"{name} {error}. Set model.path to a whole file in llama.cpp's format.") from error


def digest_of(path: Path) -> str:
    """The SHA-256, in hexadecimal, of a file's size and its first and last 16 MiB, which identifies a model file.

    To read a large file whole would take minutes. Two files of one size that differ only in the middle count as the
    same. Raises OSError.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        file.seek(0)
        digest.update(file.read(_END_BYTES))
        file.seek(max(size - _END_BYTES, 0))
        digest.update(file.read(_END_BYTES))
    return digest.hexdigest()


class _Child:
    """The process that serves, and its log; a plain process that needs no event loop."""

    def __init__(self) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "icm_tui.models.gguf.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,  # Ctrl+C on the terminal is for the runner, which then ends this
            )
        except OSError:
            self._log.close()
            raise

    def start(self, task: Task) -> Serving | None:
        """Send the child its task and wait for its answer; None if it died first."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(msgspec.json.encode(task) + b"\n")
            self.process.stdin.flush()
        except OSError:
            return None
        line = self.process.stdout.readline()
        try:
            return msgspec.json.decode(line, type=Serving)
        except msgspec.DecodeError:
            return None

    def log(self) -> list[str]:
        """The last lines that the child wrote to stderr, cleaned."""
        if self._log.closed:
            return []
        size = os.fstat(self._log.fileno()).st_size
        data = os.pread(self._log.fileno(), _LOG_BYTES, max(size - _LOG_BYTES, 0))
        return [one_line(line).strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]

    def end(self) -> None:
        """Kill the process if it lives, wait for its end, and close the pipes. May be called again."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stdin):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # nobody is left to read what was not yet written
        self._log.close()


def _reason(child: _Child) -> str:
    """The end of a sentence: llama.cpp's own reason, or how its process ended."""
    lines = child.log()
    errors = [found[1] for line in lines if (found := _ERROR.fullmatch(line)) and found[1]]
    if errors:  # the first is the cause of the others
        return f": {errors[0][:_REASON_CHARACTERS].rstrip('.')}"
    if child.process.returncode == -signal.SIGKILL:
        return ": it was killed, as the system does when memory runs out"
    if lines:
        return f": {lines[-1][:_REASON_CHARACTERS].rstrip('.')}"
    return f" with exit status {child.process.returncode}"
