"""A command on a terminal of its own: a real pty, read all the time into a screen kept by pyte.

Nothing here sleeps to wait for something: `until` looks again whenever output came.
"""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte
from wcwidth import wcwidth

from tests.tui.escapes import Token, Tokenizer, left_changed

PATIENCE = 30.0
ICM_TUI = (sys.executable, "-m", "icm_tui")

# A session leader without a terminal gets the one it opens as its own; a program in C starts in no time.
_ON_THE_PTY = 'tty=$1; shift; exec "$@" <>"$tty" >&0 2>&0'
# pyte shows these as text. None of them draws.
_NOT_FOR_PYTE = (b"<", b"=", b">")
_SYNC_ASKED, _SYNC_ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"


class GaveUpError(AssertionError):
    """What a test waited for did not come; carries the screen."""


class Terminal:
    """A command that runs on a pty, and the screen it draws; a context manager that kills what is left.

    The lines and columns are those of the screen now shown: a program's alternate screen, else the main one.
    """

    def __init__(
        self,
        words: Sequence[str],
        home: Path,
        *,
        columns: int = 80,
        rows: int = 24,
        environ: Mapping[str, str] | None = None,
        synchronised: bool = False,
        parsed: bool = True,
    ) -> None:
        """Start `words` with HOME and ICM_TUI_HOME in `home` and `environ` over the environment of a plain login.

        `synchronised` answers as a terminal that knows synchronised output (mode 2026). Without `parsed` no screen is
        kept, and only `arrivals` tells what came.
        """
        self.columns, self.rows = columns, rows
        self.raw = bytearray()
        self.tokens: list[Token] = []
        self.arrivals: list[tuple[float, bytes]] = []
        self._answers = synchronised
        self._parsed = parsed
        self._tokenizer = Tokenizer()
        self._main = pyte.Screen(columns, rows)
        self._alternate: pyte.Screen | None = None
        self._stream = pyte.Stream(self._main)
        self._changed = threading.Condition()
        self._ended = False
        self._stalled = False
        self._wake_read, self._wake_write = os.pipe()
        self._master, self._slave = os.openpty()
        self._resize_pty()
        self.settings_before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", _ON_THE_PTY, "sh", os.ttyname(self._slave), *words],
            env=environment(home, environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=home,
            start_new_session=True,
        )
        self.started = time.monotonic()
        self._reader = threading.Thread(target=self._read, name="pty", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._close_slave()
        self._stop_reading()
        for descriptor in (self._master, self._wake_read, self._wake_write):
            if descriptor >= 0:
                os.close(descriptor)

    # What is seen

    @property
    def lines(self) -> list[str]:
        """The screen, a text a row."""
        with self._changed:
            return list(self._screen.display)

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(line.rstrip() for line in self.lines)

    def cell(self, x: int, y: int) -> str:
        """What stands in a cell; nothing in the second one of a wide character."""
        with self._changed:
            return str(self._screen.buffer[y][x].data)

    @property
    def alternate(self) -> bool:
        """Whether a program's own screen is shown."""
        return self._alternate is not None

    def reversed_rows(self) -> list[int]:
        """The rows that begin in reverse, as one under the cursor is drawn."""
        with self._changed:
            return [row for row in range(self.rows) if any(self._screen.buffer[row][x].reverse for x in range(4))]

    def until(self, what: Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait until `what` is true; it is asked whenever output came. Raises GaveUpError with the screen."""
        last = time.monotonic() + patience
        with self._changed:
            while not what():
                gone = self._ended or self.process.poll() is not None
                # Files may change with no output, so it is asked now and then all the same.
                self._changed.wait(0.1)
                if gone and not what():
                    raise GaveUpError(f"The program ended before that came.\n{self._shown()}")
                if time.monotonic() > last:
                    raise GaveUpError(f"It did not come within {patience:g} s.\n{self._shown()}")

    def see(self, *texts: str, patience: float = PATIENCE) -> None:
        """Wait until all `texts` stand on the screen, in small letters or capitals."""
        try:
            self.until(lambda: all(text.casefold() in self.text.casefold() for text in texts), patience)
        except GaveUpError as error:
            raise GaveUpError(f"{texts} did not show. {error}") from None

    def until_quiet(self, seconds: float = 0.5, patience: float = PATIENCE) -> None:
        """Wait until no byte has come for so long, counted from now."""
        begun = time.monotonic()
        last = begun + patience
        with self._changed:
            while (left := max(begun, self.arrivals[-1][0] if self.arrivals else 0) + seconds - time.monotonic()) > 0:
                self._changed.wait(left)
                if time.monotonic() > last:
                    raise GaveUpError(f"It did not come to rest within {patience:g} s.\n{self._shown()}")

    # What is done to it

    def type(self, keys: str) -> None:
        """Type keys, as their bytes."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program is told by the system."""
        with self._changed:
            self.columns, self.rows = columns, rows
            self._main.resize(rows, columns)
            if self._alternate is not None:
                self._alternate.resize(rows, columns)
        self._resize_pty()

    def stall(self) -> None:
        """Read no more, as a line that is held up."""
        self._stalled = True
        os.write(self._wake_write, b"x")

    def go_on(self) -> None:
        """Read again."""
        self._stalled = False
        os.write(self._wake_write, b"x")

    def hang_up(self) -> None:
        """Take the terminal away, as a line that drops."""
        self._stop_reading()
        self._close_slave()
        os.close(self._master)
        self._master = -1

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the program's end and all it has sent; the exit status."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise GaveUpError(f"It did not end within {patience:g} s.\n{self._shown()}") from None
        if self._master >= 0 and self._slave >= 0:
            self.settings_after = termios.tcgetattr(self._slave)
            self._close_slave()
            self._reader.join(patience)
            if self._reader.is_alive():
                raise GaveUpError("Something else still holds the terminal open.")
            self.tokens += self._tokenizer.finish()
        return status

    def left_changed(self) -> dict[str, bool]:
        """The modes that the program left changed, once it has ended; see escapes.left_changed."""
        changed = left_changed(self.tokens)
        if self.settings_after != self.settings_before:
            changed["stty"] = True
        return changed

    # Inside

    @property
    def _screen(self) -> pyte.Screen:
        return self._alternate or self._main

    def _shown(self) -> str:
        frame = "-" * self.columns
        return "\n".join([frame, *self._screen.display, frame])

    def _resize_pty(self) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))

    def _close_slave(self) -> None:
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1

    def _stop_reading(self) -> None:
        if self._reader.is_alive():
            with contextlib.suppress(OSError):
                os.write(self._wake_write, b"q")
            self._reader.join()

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._wake_read] + ([] if self._stalled else [self._master]), [], [])
            if self._wake_read in ready and b"q" in os.read(self._wake_read, 64):
                break
            if self._master in ready:
                try:
                    data = os.read(self._master, 1 << 16)
                except OSError:
                    break
                if not data:
                    break
                now = time.monotonic()
                with self._changed:
                    self._take(now, data)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, now: float, data: bytes) -> None:
        self.arrivals.append((now, data))
        self.raw += data
        if self._answers and _SYNC_ASKED in data:
            os.write(self._master, _SYNC_ANSWER)
        if not self._parsed:
            return
        for token in self._tokenizer.feed(data):
            self.tokens.append(token)
            if token.raw == b"\x1b[?1049h":
                self._alternate = pyte.Screen(self.columns, self.rows)
                self._stream = pyte.Stream(self._alternate)
            elif token.raw == b"\x1b[?1049l":
                self._alternate = None
                self._stream = pyte.Stream(self._main)
            elif token.kind in ("text", "c0", "esc") or (
                token.kind == "csi" and token.raw[2:3] not in _NOT_FOR_PYTE and b"$" not in token.raw
            ):
                self._stream.feed(_for_pyte(token.raw.decode()))


def _for_pyte(text: str) -> str:
    """pyte drops what follows a mark that encloses a character; no such mark moves the cursor."""
    return text if text.isascii() else "".join(c for c in text if wcwidth(c) or unicodedata.combining(c))


def environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """That of a plain login: nothing of the person's own who starts the tests, but for the path."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ICM_TUI_HOME": str(home / "icm"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        **more,
    }


@contextlib.contextmanager
def tmux(words: Sequence[str], home: Path, *, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    """`words` inside of a tmux server of its own, seen by a client on a pty; the server is gone at the end.

    Needs tmux. In the block `home / "tmux"` is the server's socket.
    """
    server = ["tmux", "-S", str(home / "tmux"), "-f", os.devnull]
    inside = [*server, "new-session", "-x", str(columns), "-y", str(rows), "--", *words]
    try:
        with Terminal([*inside, ";", "set", "status", "off"], home, columns=columns, rows=rows) as terminal:
            yield terminal
    finally:
        subprocess.run([*server, "kill-server"], capture_output=True, check=False)
