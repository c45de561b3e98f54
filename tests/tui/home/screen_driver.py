"""The list of runs and profiles under test, with what stands in for other screens and processes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from icm_tui.errors import UserError
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.status import Status, write_status
from icm_tui.tui import children
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import Opening
from icm_tui.tui.children import Failed, Started
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from tests.runner.made import make
from tests.tui.drawn import lines

Steps = Callable[[Pilot[None]], Awaitable[None]]


class RunStub(Screen[None]):
    """In the place of a run's screen."""

    def __init__(self, path: Path, opening: Opening) -> None:
        super().__init__()
        if path.name == "unreadable":
            raise UserError("The run unreadable has no profile.")
        self.path = path


class FormStub(Screen[None]):
    """In the place of the form; keeps what it was opened with."""

    opened: ClassVar[list[tuple[str, str, bool]]] = []

    def __init__(self, draft: Any, *, frozen: bool, title: str) -> None:
        super().__init__()
        self.opened.append((draft.to_toml(), title, frozen))


class Children:
    """In the place of other processes: keeps what was asked for, answers when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, Path]] = []
        self.outcome: Started | Failed = Failed("no test has said what comes of it")
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        monkeypatch.setattr(children, "start", self.start)
        monkeypatch.setattr(children, "resume", self.resume)

    async def start(self, profile: Path, *, agreed: bool = False) -> Started | Failed:
        return await self._answer("start", profile)

    async def resume(self, run: Path) -> Started | Failed:
        return await self._answer("resume", run)

    async def _answer(self, what: str, path: Path) -> Started | Failed:
        self.asked.append((what, path))
        await self.may_answer.wait()
        return self.outcome


def add_run(home: Path, name: str, **fields: Any) -> RunDir:
    """A run of another host, which takes the status by its word."""
    run = make(home / "runs" / name, "task.limit=8", "search.shots=2")
    given = {"state": "running", "decision": 30, "decisions": 60, "items": 8, "host": "elsewhere", "pid": 1}
    write_status(run, Status(**{**given, "t": run.profile.stat().st_mtime, **fields}))
    return run


def watched(
    steps: Steps, opening: Opening | None = None, size: tuple[int, int] = (80, 24), keymap: Keymap | None = None
) -> IcmApp:
    """The app after `steps`."""
    app = IcmApp(opening or Opening(), keymap or Keymap())

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await listed(pilot)
            await steps(pilot)

    asyncio.run(run())
    return app


async def listed(pilot: Pilot[None]) -> None:
    """Wait for the list to be read."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def text(app: Any, *names: str) -> str:
    """What stands on the screen, or in some of its widgets."""
    wanted = [widget for widget in app.screen.query("*") if isinstance(widget, LineView | LineList)]
    if names:
        wanted = [widget for widget in wanted if widget.id in names]
    return "\n".join(line for widget in wanted for line in lines(widget))


def under_cursor(app: Any) -> str:
    rows = app.screen.query_one(LineList)
    return str(rows.render_line(rows.cursor - rows.scroll_offset.y).text).split()[0]
