"""Every screen at three sizes, as it was looked at and found good, and the README's picture.

    ICM_TUI_SNAPSHOTS=write uv run pytest tests/tui/test_snapshots.py

writes them anew; then look at what changed.
"""

import asyncio
import json
import os
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from icm_tui.profile.store import SHIPPED
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.status import Status, read_status, write_status
from icm_tui.runner.session import run_here
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import OpenForm, Opening
from icm_tui.tui.doctor.screen import DoctorScreen
from icm_tui.tui.keys.keymap import Keymap
from icm_tui.tui.models.screen import ModelsScreen
from icm_tui.tui.run.screen import RunScreen
from tests.runner.journals import resealed, sealed
from tests.runner.made import make
from tests.tui.drawn import until
from tests.tui.served import CATALOGUE, FIT, Telling
from tests.tui.snapshot import snapshot

SIZES = ((80, 24), (120, 40), (200, 60))
HERE = Path(__file__).parent / "snapshots"
PICTURE = Path(__file__).parents[2] / "docs" / "run.svg"
WRITES = os.environ.get("ICM_TUI_SNAPSHOTS") == "write"

EMBEDDED = "embedded model (word patterns, no language model)"

Use = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one run that is done and one that, for all that a viewer can see, is under way."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICM_TUI_HOME", str(home))
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.delenv("TEXTUAL_THEME", raising=False)
        yesterday = make(home / "runs" / "beliefs-first", dataset="beliefs")
        run_here(yesterday.path)
        demo = make(home / "runs" / "demo", "task.limit=340", "reasoning.every=400")
        run_here(demo.path)
        cut_after(demo, 3003)
        for number, run in enumerate((yesterday, demo)):
            anonymous(run)
            os.utime(run.profile, (1_700_000_000 + number, 1_700_000_000 + number))
        status = read_status(demo)
        assert status is not None
        shown = {"decision": 3004, "labelled": 340, "coherence_bits": 0.607}
        with RunLock(demo):
            under_way = {"state": "running", "why": "", "host": socket.gethostname(), "pid": os.getpid(), "rate": 270.0}
            fields = {name: getattr(status, name) for name in Status.__struct_fields__} | under_way | shown
            write_status(demo, Status(**fields | {"t": time.time(), "seconds_left": 9.0, "throttle_seconds": 20.0}))
            yield home
    time.tzset()


def anonymous(run: RunDir) -> None:
    """Take the names of host and process out of a journal."""
    data = run.journal.read_bytes()
    run.journal.write_bytes(resealed(re.sub(rb'"host":"[^"]*","pid":\d+', b'"host":"host","pid":4711', data)))


def cut_after(run: RunDir, n: int) -> None:
    """Let a journal end with decision `n`, and one explanation of it: of how many there were time, a clock decides."""
    kept: list[dict[str, object]] = []
    for line in run.journal.read_text().splitlines():
        record = json.loads(line)
        del record["crc"]
        if record["kind"] == "explanation":
            continue
        kept.append({**record, "seq": len(kept)})
        if record["kind"] == "decision" and record["n"] == n:
            break
    item = kept[-1]["items"][0]  # type: ignore[index]
    kept.append({"kind": "explanation", "seq": len(kept), "t": 0.0, "item": item, "n": n, "call": 0, "label": 0})
    lines = (json.dumps(record, separators=(",", ":")).encode() for record in kept)
    run.journal.write_bytes(b"".join(map(sealed, lines)))
    pieces = ('For A: "repair" +0.66', ', "share" +0.61', '; for B: "costly" -0.21', ". Vote for A: +4.81 nats", "")
    common = {"call": 0, "item": item, "n": n, "t": 0.0, "speaker": EMBEDDED}
    lines = [json.dumps({**common, "text": text, "end": not text}) for text in pieces]
    run.reasoning.write_text("\n".join(lines) + "\n")


def check(name: str, opening: Opening, size: tuple[int, int], use: Use) -> None:
    """Open the program, bring it to the screen in question and compare it with what is kept."""

    async def go() -> tuple[str, str]:
        app = IcmApp(opening, Keymap())
        async with app.run_test(size=size, notifications=True) as pilot:
            await use(pilot)
            await pilot.pause()
            return snapshot(app.screen), app.export_screenshot(title="icm-tui run demo", simplify=True)

    shown, picture = asyncio.run(go())
    keep(HERE / f"{name}-{size[0]}x{size[1]}.txt", shown)
    if name == "run" and size == (120, 40):
        keep(PICTURE, re.sub(r"terminal-\d+", "terminal", picture))


def keep(path: Path, text: str) -> None:
    if WRITES:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} is not what the screen shows now"


async def loaded(pilot: Pilot[None]) -> None:
    """A run's screen with its journal read and gold measured."""
    screen = pilot.app.screen
    assert isinstance(screen, RunScreen)
    await until(pilot, lambda: screen.feed.loading is None and screen._panes.gold.report is not None)
    screen._draw()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_run(home: Path, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None]) -> None:
        await loaded(pilot)
        await pilot.press("j", "j", "j")

    check("run", Opening(run=home / "runs" / "demo"), size, use)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_list_of_runs(home: Path, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "beliefs-first" in snapshot(pilot.app.screen))

    check("runs", Opening(), size, use)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_form(home: Path, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, IcmApp)
        app.post_message(OpenForm(SHIPPED / "demo.toml"))
        await until(pilot, lambda: "10,880 calls" in snapshot(app.screen))

    check("form", Opening(), size, use)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_doctor(home: Path, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None]) -> None:
        pilot.app.push_screen(DoctorScreen("mine", Telling(FIT).tell))  # type: ignore[arg-type]
        await until(pilot, lambda: "a run can be made" in snapshot(pilot.app.screen))

    check("doctor", Opening(), size, use)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_models(home: Path, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None]) -> None:
        pilot.app.push_screen(ModelsScreen("openrouter", Telling(CATALOGUE).tell))  # type: ignore[arg-type]
        await until(pilot, lambda: "zeta/tiny-3" in snapshot(pilot.app.screen))
        await pilot.press("slash", *"acme")
        await until(pilot, lambda: "zeta/tiny-3" not in snapshot(pilot.app.screen))

    check("models", Opening(), size, use)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_item(home: Path, size: tuple[int, int]) -> None:
    async def use(pilot: Pilot[None]) -> None:
        await loaded(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, RunScreen)
        screen.run_words("item", str(screen.feed.view.latest_explanation.item))  # type: ignore[union-attr]
        await pilot.press("e")
        await until(pilot, lambda: "embedded model" in snapshot(pilot.app.screen))
        # Where the page is when it opens depends on whether it was there before its end came; G is its end.
        await pilot.press("G")
        await until(pilot, lambda: "####" in snapshot(pilot.app.screen))

    check("item", Opening(run=home / "runs" / "demo"), size, use)
