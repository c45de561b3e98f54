"""What the search adds on real data sets: a method by data set, beside what can be reached without it.

    python -m tests.bench.baselines [--datasets ../shared/datasets] [--seeds 5] [--sets dilemmas ...] [--shots 64]

Each run labels a whole set with the embedded model and the settings of a profile of three lines, under seeds 0, 1, ...;
`icm-tui baselines --gold` then measures it beside the methods without a search, on the same items. Prints a line a set
and method: n, the median agreement over the seeds with their range, the 95% interval (over groups) of the seed in the
middle, and the median balanced accuracy. All are under the naming that fits best unless the rule fixes the names.
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from icm_tui.cli import main as icm_tui

# Name, folder, gold column, and what the profile says.
SETS: dict[str, tuple[str, str, list[str]]] = {
    "dilemmas": ("daily_dilemmas", "Virtue/Truthfulness", ['task.dataset="daily_dilemmas"']),
    "truthfulqa": ("truthfulqa", "true", ['task.dataset="truthfulqa"', 'task.split="validation"']),
    "justice": ("ethics", "reasonable", ['task.dataset="ethics"', 'task.split="justice-test"']),
    "political": (
        "political_normative",
        "liberal",
        ['task.dataset="political"', 'task.split="train"', "task.limit=2000"],
    ),
    "vignettes": (
        "moral_foundations_vignettes",
        "foundation",
        ['task.dataset="moral_foundations"', 'prompt.labels=["A","B","C","D","E","F","G"]'],
    ),
}
_GOLD_METHODS = "found,zero_shot,random_labels,gold_few_shot,majority,ceiling"


def said(words: list[str]) -> Any:
    """What a command prints as JSON. Raises RuntimeError if it fails."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = icm_tui(words)
    if status:
        raise RuntimeError(f"icm-tui {' '.join(words)}: {err.getvalue()}")
    return json.loads(out.getvalue())


def rows_of(name: str, datasets: Path, seed: int, shots: int, folder: Path) -> list[dict[str, Any]]:
    """The baselines' rows of a run of one set under one seed."""
    place, column, sets = SETS[name]
    profile = folder / "profile.toml"
    profile.write_text('[task]\ndataset = "file"\n')
    run = folder / f"{name}-{seed}"
    given = [*sets, f'task.path="{datasets / place}"', f"run.seed={seed}"]
    changes = [word for change in given for word in ("--set", change)]
    said(["run", str(profile), "--headless", "--json", "--out", str(run), *changes])
    words = ["--methods", _GOLD_METHODS, "--column", column, "--shots", str(shots), "--json"]
    rows: list[dict[str, Any]] = said(["baselines", str(run), *words])["rows"]
    return rows


def line(name: str, method: str, rows: list[dict[str, Any]]) -> str:
    """A set and a method over the seeds."""
    known = sorted((row for row in rows if row["accuracy"] is not None), key=lambda row: row["accuracy"])
    if not known:
        return f"| {name} | {method} | - | - | - | - |"
    middle = known[len(known) // 2]
    agree = [row["accuracy"] for row in known]
    interval = "-" if middle["ci95"] is None else f"{middle['ci95'][0]:.3f} .. {middle['ci95'][1]:.3f}"
    balanced = statistics.median(row["balanced"] for row in known)
    spread = f"{statistics.median(agree):.3f} ({agree[0]:.3f} .. {agree[-1]:.3f})"
    return f"| {name} | {method} | {middle['n']} | {spread} | {interval} | {balanced:.3f} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, default=Path("../shared/datasets"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shots", type=int, default=64)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    args = parser.parse_args()
    print("| set | method | n | agreement, median (range over seeds) | 95% interval | balanced |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in args.sets:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(args.seeds):
                for row in rows_of(name, args.datasets.resolve(), seed, args.shots, Path(folder)):
                    found[row["method"]].append(row)
        for method, rows in found.items():
            print(line(name, method, rows), flush=True)


if __name__ == "__main__":
    main()
