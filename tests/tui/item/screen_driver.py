"""The screen of an item under test."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import AnyRecord, add_line
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import Opening
from icm_tui.tui.item.screen import ItemScreen, Start
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.run.feed import Feed
from tests.runner.made import records

SIZE = (100, 30)
ITEM = 7
Use = Callable[[Pilot[None], ItemScreen], Awaitable[None]]


class Host(IcmApp):
    """The program with an empty screen at the bottom."""

    def get_default_screen(self) -> Screen[Any]:
        return Screen()


def show(
    run: RunDir,
    use: Use,
    *,
    item: int = ITEM,
    rows: Callable[[], Sequence[int]] | None = None,
    size: tuple[int, int] = SIZE,
    start: Start = "text",
    read_only: bool = False,
) -> None:
    async def go() -> None:
        feed = Feed(run.path)
        while feed.poll():
            pass
        opening = Opening(run=run.path, read_only=read_only)
        app = Host(opening, Keymap())
        async with app.run_test(size=size, notifications=True) as pilot:
            screen = ItemScreen(feed, item, rows or (lambda: range(len(feed.view.items))), opening, start)
            await app.push_screen(screen)
            await pilot.pause()
            await use(pilot, screen)
        feed.close()

    asyncio.run(go())


def write(run: RunDir, *more: AnyRecord) -> None:
    """Add records to a journal as its runner would."""
    last = records(run)[-1].seq
    for number, record in enumerate(more, start=1):
        record.seq, record.t = last + number, time.time()
    lines = bytearray()
    for record in more:
        add_line(record, lines)
    with run.journal.open("ab") as file:
        file.write(lines)
