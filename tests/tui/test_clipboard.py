"""Copying says where the text is and nothing that is not so; the question what to copy; giving the mouse back."""

import asyncio
import base64
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.app import App

from icm_tui.tui.clipboard import FILE, LONGEST, copy, copy_and_tell, run_program
from icm_tui.tui.terminal import toggle_mouse
from icm_tui.tui.widgets.copy_screen import Copies, CopyScreen

LONGEST_BYTES = LONGEST // 4 * 3


class Outside:
    """What lies outside the program, noted: what the terminal was sent, what tmux was given and how it ended."""

    def __init__(self, status: int | None = 0) -> None:
        self.status = status
        self.sent: list[str] = []
        self.ran: list[tuple[tuple[str, ...], bytes]] = []

    async def run(self, words: Sequence[str], stdin: bytes) -> int | None:
        self.ran.append((tuple(words), stdin))
        return self.status

    def copy(self, text: str, directory: Path, **environ: str) -> str:
        return asyncio.run(copy(text, environ=environ, write_osc52=self.sent.append, run=self.run, directory=directory))


def test_inside_tmux_the_text_goes_into_its_buffer(tmp_path: Path) -> None:
    outside = Outside()
    told = outside.copy("a\nb\u00e9", tmp_path / "cache", TMUX="/tmp/tmux-0/default,1,0", HOME=str(tmp_path))
    assert told == "Copied to tmux's buffer (prefix ] pastes); also in ~/cache/copied.txt"
    assert outside.ran == [(("tmux", "load-buffer", "-w", "-"), "a\nb\u00e9".encode())]
    assert outside.sent == []


@pytest.mark.parametrize("status", [1, None])
def test_a_tmux_that_refuses_is_not_said_to_have_it(tmp_path: Path, status: int | None) -> None:
    outside = Outside(status)
    told = outside.copy("text", tmp_path, TMUX="gone")
    assert told == f"Sent to the terminal, which may not take it; also in {tmp_path / FILE}"
    assert outside.sent == ["text"]


def test_copy_sends_the_terminal_the_text_outside_tmux(tmp_path: Path) -> None:
    outside = Outside()
    told = outside.copy("text", tmp_path, HOME="/elsewhere")
    assert told == f"Sent to the terminal, which may not take it; also in {tmp_path / FILE}"
    assert (outside.sent, outside.ran) == (["text"], [])


def test_the_file_is_its_owners_alone_and_holds_the_latest_text(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "cache"
    for text in ("longer than the second", "second\n"):
        Outside().copy(text, folder)
    assert (folder / FILE).read_text() == "second\n"
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [FILE]


@pytest.mark.parametrize("size", [LONGEST_BYTES, LONGEST_BYTES + 1, 1 << 21])
def test_copy_writes_a_file_alone_if_the_text_is_too_long(tmp_path: Path, size: int) -> None:
    outside = Outside()
    told = outside.copy("x" * size, tmp_path)
    assert (tmp_path / FILE).stat().st_size == size
    if size == LONGEST_BYTES:
        assert len(base64.b64encode(outside.sent[0].encode())) <= LONGEST
    else:
        assert told == f"Too long for a terminal's clipboard; it is in {tmp_path / FILE}"
        assert outside.sent == []


def test_tmux_takes_a_text_of_any_length(tmp_path: Path) -> None:
    outside = Outside()
    told = outside.copy("x" * (1 << 21), tmp_path, TMUX="t")
    assert told.startswith("Copied to tmux's buffer")
    assert len(outside.ran[0][1]) == 1 << 21


def test_a_file_that_cannot_be_written_is_not_named_as_a_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for environ, start in (({}, "Sent to the terminal"), ({"TMUX": "t"}, "Copied to tmux's buffer")):
        told = Outside().copy("text", tmp_path / "file" / "cache", **environ)
        assert told.startswith(start)
        assert "also in" not in told
        assert "cannot be made" in told
    told = Outside().copy("x" * (LONGEST_BYTES + 1), tmp_path / "file" / "cache")
    assert "cannot be made" in told
    assert "it is in" not in told


def test_what_could_steer_the_terminal_is_not_copied(tmp_path: Path) -> None:
    outside = Outside()
    outside.copy("a\x1b[201~rm\x1b]52;c;eA==\x07 b\tc\n\u202ed \ud800", tmp_path)
    assert outside.sent == ["arm b\tc\nd \ufffd"]
    assert (tmp_path / FILE).read_text("utf-8") == "arm b\tc\nd \ufffd"


def test_a_program_is_given_the_text_and_its_status_taken(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    words = (sys.executable, "-c", f"import sys; open({str(kept)!r}, 'wb').write(sys.stdin.buffer.read()); sys.exit(3)")
    assert asyncio.run(run_program(words, b"x" * 200_000)) == 3
    assert kept.read_bytes() == b"x" * 200_000


def test_a_program_that_is_not_there_has_no_status() -> None:
    assert asyncio.run(run_program(("/nowhere/tmux",), b"")) is None


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icm_tui.tui.clipboard._PATIENCE", 0.2)
    hanging = (sys.executable, "-c", "import sys, threading; sys.stdin.read(); threading.Event().wait()")
    assert asyncio.run(run_program(hanging, b"x")) is None


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_real_tmux_pastes_what_was_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A server of our own must not see that of whoever starts the test.
    monkeypatch.delenv("TMUX", raising=False)
    folder = tempfile.mkdtemp()  # the path of a socket has to be short
    socket = Path(folder) / "s"
    tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "-s", "t", "cat"], check=True, timeout=20)
    try:
        pid = subprocess.run([*tmux, "display-message", "-p", "#{pid}"], check=True, capture_output=True, text=True)
        monkeypatch.setenv("TMUX", f"{socket},{pid.stdout.strip()},0")
        text = "line one\n\u00e9\u4e16 [/foo]\n" * 5000
        told = asyncio.run(
            copy(text, environ=os.environ, write_osc52=pytest.fail, run=run_program, directory=tmp_path / "cache")
        )
        assert told.startswith("Copied to tmux's buffer")
        shown = subprocess.run([*tmux, "show-buffer"], check=True, capture_output=True)
        assert shown.stdout.decode() == text
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, timeout=20)
        shutil.rmtree(folder)


class Telling(App[None]):
    """Notes what it is told and what goes to the clipboard."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)


COPIES = Copies("the text", "17\trow", "/runs/demo")


@pytest.mark.parametrize(("key", "copied"), [("t", "the text"), ("r", "17\trow"), ("p", "/runs/demo")])
def test_one_key_says_what_to_copy(home: Path, monkeypatch: pytest.MonkeyPatch, key: str, copied: str) -> None:
    monkeypatch.delenv("TMUX", raising=False)

    async def press() -> None:
        app = Telling()
        async with app.run_test() as pilot:
            await app.push_screen(CopyScreen(COPIES))
            await pilot.press(key)
            await app.workers.wait_for_complete()
            assert not isinstance(app.screen, CopyScreen)
            assert app.clipboard == copied
            assert app.told == [f"Sent to the terminal, which may not take it; also in {home / 'cache' / FILE}"]
        assert (home / "cache" / FILE).read_text() == copied

    asyncio.run(press())


def test_what_is_not_there_is_neither_offered_nor_copied() -> None:
    async def press() -> None:
        app = Telling()
        async with app.run_test() as pilot:
            screen = CopyScreen.of_item(SimpleNamespace(run=SimpleNamespace(path="/runs/demo")), None)  # type: ignore[arg-type]
            await app.push_screen(screen)
            (line,) = screen._question(80, 1)
            assert "".join(part.text for part in line) == " copy:  p path   esc nothing"
            await pilot.press("t", "r")
            assert app.screen is screen
            await pilot.press("escape")
            assert app.screen is not screen
            assert app.told == []

    asyncio.run(press())


def test_a_screen_can_copy_without_asking(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)

    async def work() -> None:
        app = Telling()
        async with app.run_test():
            copy_and_tell(app, "/runs/demo")  # type: ignore[arg-type]
            await app.workers.wait_for_complete()
            assert app.clipboard == "/runs/demo"
            assert len(app.told) == 1

    asyncio.run(work())


class Driver:
    """Stands for Textual's: notes what is written, and looks at its flag as the real one does."""

    def __init__(self, *, mouse: bool, pixels: bool = False) -> None:
        self._mouse = mouse
        self._mouse_pixels = pixels
        self.written: list[str] = []

    def _enable_mouse_support(self) -> None:
        if self._mouse:
            self.written.append("on")

    def _disable_mouse_support(self) -> None:
        if self._mouse:
            self.written.append("off")

    def _enable_mouse_pixels(self) -> None:
        if self._mouse:
            self.written.append("pixels")


def toggled(driver: Driver | None) -> str:
    app: Any = SimpleNamespace(_driver=driver)
    return toggle_mouse(app)


def test_the_mouse_is_given_back_and_taken_again() -> None:
    driver = Driver(mouse=True)
    assert toggled(driver) == "The mouse is the terminal's: select text as anywhere."
    assert toggled(driver) == "The mouse is the program's again."
    assert driver.written == ["off", "on"]


def test_a_start_without_the_mouse_can_take_it() -> None:
    driver = Driver(mouse=False, pixels=True)
    assert toggled(driver) == "The mouse is the program's again."
    assert driver.written == ["on", "pixels"]


def test_where_there_is_no_mouse_that_is_said() -> None:
    assert toggled(None) == "There is no mouse to give back here."

    async def headless() -> str:
        app: App[None] = App()
        async with app.run_test():
            return toggle_mouse(app)

    assert asyncio.run(headless()) == "There is no mouse to give back here."


def test_the_drivers_methods_are_still_there() -> None:
    """They are Textual's own affair: an update may move them."""
    from textual.drivers.linux_driver import LinuxDriver
    from textual.drivers.linux_inline_driver import LinuxInlineDriver

    for driver in (LinuxDriver, LinuxInlineDriver):
        assert {"_enable_mouse_support", "_disable_mouse_support"} <= set(dir(driver))
    assert "_enable_mouse_pixels" in dir(LinuxDriver)
