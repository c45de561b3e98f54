"""The time of a decision and the memory of the whole runner with the embedded model, by the number of items.

    uv run python -m tests.bench.whole_runner [--sizes 1000 10000 100000] [--repeats 3]

Each run is a process of its own: a file task of pairs made by code, 16 shots, effort standard, rule opposite. It prints
milliseconds a decision (the summary's seconds over its decisions, median over repeats), the growth from the smallest
size, and the peak resident memory.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_PROFILE = """\
[task]
dataset = "file"
path = "{path}"
text = "text"
group = "pair"
[search]
shots = 16
[consistency]
rule = "opposite"
"""


def _write_items(path: Path, items: int) -> None:
    """Sentences of 8 to 20 words from a vocabulary whose words are as unevenly common as those of a language."""
    draw = random.Random(items)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(draw.choices(letters, k=draw.randint(2, 10))) for _ in range(5000)]
    weights = [1 / (rank + 1) for rank in range(len(vocabulary))]
    with path.open("w") as file:
        for item in range(items):
            text = " ".join(draw.choices(vocabulary, weights, k=draw.randint(8, 20)))
            file.write(json.dumps({"text": f"{text} {item}", "pair": item // 2}) + "\n")


def _run(folder: Path, items: int, repeat: int) -> tuple[float, float]:
    """Milliseconds a decision, and the peak memory in MB."""
    data, profile = folder / f"{items}.jsonl", folder / f"{items}.toml"
    if not data.exists():
        _write_items(data, items)
        profile.write_text(_PROFILE.format(path=data))
    words = [sys.executable, "-m", "icm_tui", "run", str(profile), "--headless", "--json"]
    child = subprocess.Popen(
        [*words, "--out", str(folder / f"run-{items}-{repeat}")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdout is not None
    summary = json.loads(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return summary["seconds"] / summary["decisions"] * 1000, usage.ru_maxrss / 1024


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10000, 100000])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found: dict[int, list[tuple[float, float]]] = {size: [] for size in args.sizes}
        for repeat in range(args.repeats):
            for size in args.sizes:  # side by side, so that the machine's moods touch all sizes alike
                found[size].append(_run(Path(name), size, repeat))
    print(f"{'items':>8}  {'ms a decision':>13}  {'range':>13}  {'growth':>6}  {'peak MB':>7}")
    first = statistics.median(time for time, _ in found[args.sizes[0]])
    for size in args.sizes:
        times = [time for time, _ in found[size]]
        middle = statistics.median(times)
        spread = f"{min(times):.3f}..{max(times):.3f}"
        print(f"{size:8}  {middle:13.3f}  {spread:>13}  {middle / first:6.2f}  {max(m for _, m in found[size]):7.0f}")


if __name__ == "__main__":
    main()
