"""What the benchmarks of the screens share: a run that is written while it is watched, and the cost of watching it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.tui.terminal import ICM_TUI, Terminal

ROOT = Path(__file__).parents[2]
SIZES = ((80, 24), (120, 40), (200, 60))

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def home() -> Iterator[Path]:
    """An empty home."""
    with tempfile.TemporaryDirectory(prefix="icm-tui-bench-") as folder:
        (Path(folder) / "icm" / "runs").mkdir(parents=True)
        yield Path(folder)


@contextmanager
def fed(path: Path, *, items: int, decisions: int, rate: float) -> Iterator[None]:
    """A run of so many items and decisions, which another process continues at `rate` records a second."""
    words = [sys.executable, "-m", "tests.tui.synthetic", str(path), str(items), str(decisions), str(rate)]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the run could not be made")
    try:
        yield
    finally:
        process.communicate("\n")


@contextmanager
def attached(home: Path, path: Path, columns: int, rows: int, *, parsed: bool = True) -> Iterator[Terminal]:
    """A viewer of a run."""
    with Terminal([*ICM_TUI, "attach", str(path)], home, columns=columns, rows=rows, parsed=parsed) as terminal:
        yield terminal


def usage(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """What a terminal receives over so many seconds: KiB a second, and the viewer's share of a core."""
    before, cpu = len(terminal.raw), cpu_seconds(terminal.process.pid)
    start = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - start
    return (len(terminal.raw) - before) / 1024 / took, (cpu_seconds(terminal.process.pid) - cpu) / took


def cpu_seconds(pid: int) -> float:
    """The seconds of a core that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def percentile(values: Sequence[float], part: float) -> float:
    """The quantile of `values` at `part`."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
