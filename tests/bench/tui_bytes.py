"""What watching a run costs: bytes to the terminal and the viewer's share of a core.

    python -m tests.bench.tui_bytes

While 200 records a second are written, with reasoning beside them, to a run of 100 000 items and to one of 400, at
three sizes of the terminal; then the screens on which nothing happens. Asked for: at most 12, 25, 45 KiB/s by size, 10%
of a core, and no byte at all where nothing happens.
"""

import subprocess
from itertools import product
from pathlib import Path

from tests.bench.watching import SIZES, attached, fed, home, usage
from tests.tui.synthetic import SyntheticRun, texts
from tests.tui.terminal import ICM_TUI, Terminal, environment

BARS = {(80, 24): 12, (120, 40): 25, (200, 60): 45}
RATE = 200
SECONDS = 15.0
SETTLING = 6.0
QUIET = 2.0


def busy() -> None:
    """The table of a run under way, with all the panes that fit, and with the log alone."""
    print("items   size    panes   KiB/s   asked for   core")
    for items in (100_000, 400):
        with home() as folder:
            path = folder / "icm" / "runs" / "fed"
            with fed(path, items=items, decisions=1000, rate=RATE):
                for (columns, rows), (panes, keys) in product(SIZES, {"all": "", "log": "2z"}.items()):
                    with attached(folder, path, columns, rows) as terminal:
                        terminal.see("fed", "leave")
                        terminal.type(keys)
                        usage(terminal, SETTLING)
                        kib, core = usage(terminal, SECONDS)
                    bar = BARS[columns, rows]
                    verdict = "ok" if kib <= bar and core <= 0.10 else "MISSED"
                    size = f"{columns}x{rows}"
                    print(f"{items:<7} {size:7} {panes:5} {kib:7.1f}   {bar:<9}   {core:4.1%}  {verdict}", flush=True)


def idle() -> None:
    """Screens on which nothing happens."""
    print("\nscreen                size     bytes in 10 s   core")
    with home() as folder:
        runs = folder / "icm" / "runs"
        made = SyntheticRun(runs / "ended", texts(400))
        made.decide(2000)
        made.finish()
        made.close()
        paused = _paused(folder)
        for name, words in {
            "list of runs": [],
            "done run": ["attach", str(runs / "ended")],
            "paused run": ["attach", str(paused)],
        }.items():
            for columns, rows in SIZES:
                with Terminal([*ICM_TUI, *words], folder, columns=columns, rows=rows) as terminal:
                    terminal.until_quiet(QUIET)
                    kib, core = usage(terminal, 10)
                    sent = round(kib * 10240)
                    verdict = "ok" if not sent else "MISSED"
                    print(f"{name:21} {columns}x{rows:<5} {sent:<15} {core:4.1%}  {verdict}", flush=True)
        _command(folder, "stop", str(paused))


def _paused(folder: Path) -> Path:
    path = Path(_command(folder, "run", "demo", "--detach", "--throttle", "60").strip())
    _command(folder, "pause", str(path))
    return path


def _command(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [*ICM_TUI, *words], env=environment(folder, {}), capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def main() -> None:
    busy()
    idle()


if __name__ == "__main__":
    main()
