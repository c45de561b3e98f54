"""How long a key takes to show: from typing `j` to the arrival of the row under the cursor.

    python -m tests.bench.tui_keys

With 100 000 items while 200 records a second are written, and with a small run, at three sizes of the terminal.
Asked for: at most 60 ms at the 95th percentile.
"""

import random
import statistics
import time

from tests.bench.watching import SIZES, attached, fed, home, percentile, usage
from tests.tui.terminal import Terminal

KEYS = 200
SETTLING = 6.0


def key_to_paint(terminal: Terminal, keys: int = KEYS) -> list[float]:
    """The seconds each of so many keys took, typed at odd moments. A row under the cursor is drawn in reverse."""
    took = []
    numbers = random.Random(0)
    for _ in range(keys):
        time.sleep(numbers.uniform(0.02, 0.12))  # a person types when it suits the person
        seen = len(terminal.arrivals)
        typed = time.monotonic()
        terminal.type("j")
        terminal.until(lambda seen=seen: _cursor_came(terminal, seen), patience=5)  # type: ignore[misc]
        arrived = next(when for when, data in terminal.arrivals[seen:] if _reverses(data))
        took.append(arrived - typed)
    return took


def _cursor_came(terminal: Terminal, seen: int) -> bool:
    return any(_reverses(data) for _, data in terminal.arrivals[seen:])


def _reverses(data: bytes) -> bool:
    return b"\x1b[7m" in data or b";7m" in data or b"\x1b[7;" in data


def main() -> None:
    print("items   size      median   95%     highest  (ms)")
    for items in (100_000, 400):
        with home() as folder:
            path = folder / "icm" / "runs" / "fed"
            with fed(path, items=items, decisions=1000, rate=200):
                for columns, rows in SIZES:
                    with attached(folder, path, columns, rows, parsed=False) as terminal:
                        usage(terminal, SETTLING)
                        took = [1000 * seconds for seconds in key_to_paint(terminal)]
                    late = percentile(took, 0.95)
                    verdict = "ok" if late <= 60 else "MISSED"
                    print(
                        f"{items:<7} {f'{columns}x{rows}':9} {statistics.median(took):6.1f} {late:6.1f} "
                        f"{max(took):8.1f}   {verdict}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
