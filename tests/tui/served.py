"""What children tell of servers, for the screens that show it; and an app that opens one of these screens."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.pilot import Pilot
from textual.screen import Screen

from icm_tui.commands.json import Catalogue, Diagnosis, Offer
from icm_tui.domain.reply import Endpoint, Finding
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import Opening
from icm_tui.tui.children import Failed
from icm_tui.tui.keys.keymap import Keymap
from tests.tui.drawn import until

FIT = Diagnosis(
    True,
    Endpoint(
        base_url="http://127.0.0.1:8000/v1",
        model="acme/tiny-1",
        kind="completions",
        top_logprobs=5,
        provider="chutes/bf16",
    ),
    [
        Finding("reachable", "ok", "http://127.0.0.1:8000/v1 answers."),
        Finding("logprobs", "note", "5 alternatives a token, though 20 were asked for.", "Nothing to change."),
        Finding("label bias", "ok", "A is favoured by 0.70 nats whatever is shown; a run takes that off."),
        Finding("cache", "note", "The server does not report cached tokens.", "Let it report them."),
    ],
    ["vllm: more than 20 alternatives a token need the server's option --max-logprobs."],
    14,
    0.00004,
)
UNFIT = Diagnosis(False, None, [Finding("key", "bad", "MINE holds no key.", "Put a valid key into MINE.")], [], 0, None)
OFFERS = [
    Offer("acme/large-2", "Acme: Large 2", 131072, usd_in=3.0, usd_out=15.0, usd_cached=0.3, logprobs=True),
    Offer("acme/tiny-1", "Acme: Tiny 1", 32768, usd_in=0.1, usd_out=0.6, logprobs=True, expires="2027-01-01"),
    Offer("zeta/tiny-3:free", "Zeta: Tiny 3 (free)", 32768, usd_in=0.0, usd_out=0.0, logprobs=True),
    Offer("tiny"),
]
CATALOGUE = Catalogue("https://openrouter.ai/api/v1", 7300.0, OFFERS)


class Telling:
    """In the place of a child: tells what it is given, once it may, and keeps how it was asked."""

    def __init__(self, told: Diagnosis | Catalogue | Failed) -> None:
        self.told = told
        self.asked: list[object] = []
        self.given_up = 0
        self.may_tell = asyncio.Event()
        self.may_tell.set()

    async def tell(self, *words: object) -> Diagnosis | Catalogue | Failed:
        self.asked.append(words)
        try:
            await self.may_tell.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return self.told


def opened(
    make: Callable[[], Screen[str | None]] | Callable[[], Screen[None]],
    what: Callable[[Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
) -> list[str | None]:
    """Open a screen over the list of runs and use it; what it gave when it closed by itself."""
    given: list[str | None] = []

    async def run() -> None:
        app = IcmApp(Opening(), Keymap())
        async with app.run_test(size=size, notifications=True) as pilot:
            screen = make()
            app.push_screen(screen, given.append)  # type: ignore[arg-type]
            await until(pilot, lambda: app.screen is screen)
            await what(pilot)

    asyncio.run(run())
    return given
