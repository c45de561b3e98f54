"""The form under test: on a terminal that is not there, with what stands in for other processes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.app import App
from textual.events import Paste
from textual.pilot import Pilot
from textual.widget import Widget

from icm_tui.commands.json import Expected
from icm_tui.tui import children
from icm_tui.tui.base_app import Opening, OpenRun
from icm_tui.tui.form.draft import Draft
from icm_tui.tui.form.field_widget import FieldList
from icm_tui.tui.form.rows import ROWS
from icm_tui.tui.form.screen import FormScreen
from icm_tui.tui.form.values import Field
from icm_tui.tui.keys.actions import BY_ID
from icm_tui.tui.widgets.bindings import bindings
from tests.tui.drawn import lines, until

DATASET = '[task]\ndataset = "leanings"\n'
FROZEN_RUN = DATASET + '[run]\nname = "old"\nout = "there"\n'
FREE = Expected(340, 10880, 32.0, 0, 0.0, None, False)


class Host(App[None]):
    """As much of the program as the form asks for."""

    BINDINGS = bindings("everywhere")

    def __init__(self, read_only: bool = False) -> None:
        super().__init__()
        self.opening = Opening(read_only=read_only)
        self.opened: list[Path] = []
        self.told: list[str] = []

    def on_open_run(self, message: OpenRun) -> None:
        self.opened.append(message.path)

    def action_back(self) -> None:
        self.pop_screen()

    def key(self, action: str) -> str:
        return BY_ID[action].keys[0]

    def tell(self, text: str, look: str = "plain") -> None:
        self.told.append(text)


class Children:
    """Stands in for the processes that count and start."""

    def __init__(self) -> None:
        self.expected: Expected | children.Failed = FREE
        self.started: children.Started | children.Failed = children.Started(Path("new-run"))
        self.counted: list[str] = []
        self.starts: list[tuple[str, str, bool]] = []
        self.folders: list[Path] = []
        self.may_start = asyncio.Event()
        self.may_start.set()

    async def forecast(self, profile: Path) -> Expected | children.Failed:
        self.folders.append(profile.parent)
        self.counted.append(profile.read_text())
        return self.expected

    async def start(self, profile: Path, *, agreed: bool = False) -> children.Started | children.Failed:
        self.folders.append(profile.parent)
        self.starts.append((profile.name, profile.read_text(), agreed))
        await self.may_start.wait()
        return self.started


class Tried:
    """A form on a terminal that is not there."""

    def __init__(self, pilot: Pilot[None], screen: FormScreen) -> None:
        self.pilot = pilot
        self.screen = screen

    @property
    def app(self) -> Host:
        assert isinstance(self.pilot.app, Host)
        return self.pilot.app

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def paste(self, text: str) -> None:
        """Puts a text into the line that has the focus; a key a letter takes Pilot long."""
        assert self.app.focused is not None
        self.app.focused.post_message(Paste(text))
        await self.pilot.pause()

    async def go_to(self, name: str) -> None:
        self.screen.query_one(FieldList).move_to(_row_of(name))
        await self.pilot.pause()

    async def set(self, name: str, text: str) -> None:
        await self.go_to(name)
        await self.press("enter", "ctrl+u")
        if text:
            await self.paste(text)
        await self.press("enter")

    async def until(self, holds: Callable[[], object]) -> None:
        await until(self.pilot, holds)

    def seen(self, *names: str) -> str:
        """The lines of parts of the screen, of all of them without names."""
        found = []
        for name in names or ("head", "fields", "detail", "foot"):
            found += lines(self.screen.query_one(f"#{name}", Widget))
        return "\n".join(found)

    def said(self) -> str:
        """What stands at the bottom, in one line."""
        return " ".join(self.seen("foot").split())

    def beside(self, name: str) -> str:
        """The line of a field."""
        return next(line for line in self.seen("fields").split("\n") if line[2:].startswith(f"{name} "))

    def text(self, section: str, name: str) -> str | None:
        return self.screen.draft.texts.get((section, name))


def _row_of(name: str) -> int:
    return next(index for index, row in enumerate(ROWS) if isinstance(row, Field) and row.name == name)


def use(
    what: Callable[[Tried], Awaitable[None]],
    toml: str = DATASET,
    *,
    frozen: bool = False,
    size: tuple[int, int] = (80, 24),
    name: str = "mine",
    read_only: bool = False,
) -> None:
    async def run() -> None:
        host = Host(read_only)
        async with host.run_test(size=size, notifications=True) as pilot:
            screen = FormScreen(Draft.from_toml(toml, name), frozen=frozen, title=name)
            await host.push_screen(screen)
            await pilot.pause()
            await what(Tried(pilot, screen))

    asyncio.run(run())
