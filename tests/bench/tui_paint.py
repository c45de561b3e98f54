"""How soon something can be seen.

    python -m tests.bench.tui_paint

The first paint of `icm-tui` against that of an empty Textual app with a header and a footer, in pairs side by side; and
`attach` to a run of 100 000 decisions: its first full screen, keys while it loads, and the end of loading. Asked for:
1.3 times; 1 s; 60 ms at the 95th percentile.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.tui_keys import key_to_paint
from tests.bench.watching import SIZES, attached, home, percentile
from tests.tui.synthetic import SyntheticRun, texts
from tests.tui.terminal import ICM_TUI, Terminal

PAIRS = 15
DECISIONS = 100_000
TRIES = 5

BARE = """
from textual.app import App
from textual.widgets import Footer, Header
class Bare(App):
    BINDINGS = [("q", "quit", "leave")]
    def compose(self):
        yield Header()
        yield Footer()
Bare().run()
"""


def paint(words: Sequence[str], folder: Path, *marks: str) -> list[float]:
    """The seconds after which each of the texts was on the terminal."""
    with Terminal(words, folder, columns=120, rows=40, parsed=False) as terminal:
        begun = terminal.started
        terminal.until(lambda: all(mark.encode() in terminal.raw for mark in marks))
        came = b""
        when_came: dict[str, float] = {}
        for when, data in terminal.arrivals:
            came += data
            when_came |= {mark: when - begun for mark in marks if mark not in when_came and mark.encode() in came}
        terminal.type("q")
        terminal.wait()
    return [when_came[mark] for mark in marks]


def first_paints() -> None:
    bare, ours, lists = [], [], []
    with home() as folder:
        for words in ([sys.executable, "-c", BARE], list(ICM_TUI)):
            paint(words, folder, "leave")  # compiled and in the cache from here on
        for _ in range(PAIRS):
            bare += paint([sys.executable, "-c", BARE], folder, "leave")
            listed, painted = paint(ICM_TUI, folder, "demo", "leave")
            ours.append(painted)
            lists.append(max(listed, painted))
    ratios = [own / other for own, other in zip(ours, bare, strict=True)]
    ratio = statistics.median(ratios)
    print("first paint (ms)       median   range")
    for name, values in {"bare Textual app": bare, "icm-tui": ours, "icm-tui, whole": lists}.items():
        print(f"{name:20} {_ms(statistics.median(values)):>8}   {_ms(min(values))}-{_ms(max(values))}")
    print(f"ratio of a pair      {ratio:8.2f}   {min(ratios):.2f}-{max(ratios):.2f}   {_verdict(ratio <= 1.3)}")


def large_run() -> None:
    with home() as folder:
        path = folder / "icm" / "runs" / "large"
        made = SyntheticRun(path, texts(DECISIONS))
        made.decide(DECISIONS)
        made.finish()
        made.close()
        megabytes = path.joinpath("journal.jsonl").stat().st_size >> 20
        print(f"\nattach, {DECISIONS} items, {DECISIONS} decisions, {megabytes} MB")
        print("size      full screen   loaded   keys while loading: median, 95%  (ms)")
        for columns, rows in SIZES:
            full, loaded, keys = [], [], []
            for _ in range(TRIES):
                with attached(folder, path, columns, rows) as terminal:
                    terminal.see("large", "No. 0:", "No. 9:")
                    full.append(terminal.arrivals[-1][0] - terminal.started)
                    while f"all {DECISIONS} labelled" not in terminal.text:
                        keys += key_to_paint(terminal, keys=1)
                    terminal.see(f"all {DECISIONS} labelled")
                    loaded.append(time.monotonic() - terminal.started)
            late = percentile(keys, 0.95) if keys else 0.0
            verdict = _verdict(statistics.median(full) <= 1 and late <= 0.06)
            median = statistics.median(keys) if keys else 0.0
            print(
                f"{f'{columns}x{rows}':9} {_ms(statistics.median(full)):>11} {_ms(statistics.median(loaded)):>8}   "
                f"{_ms(median):>6}, {_ms(late)} of {len(keys)} keys   {verdict}",
                flush=True,
            )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"


def _verdict(met: bool) -> str:
    return "ok" if met else "MISSED"


def main() -> None:
    first_paints()
    large_run()


if __name__ == "__main__":
    main()
