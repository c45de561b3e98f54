"""`icm-tui runs`: list the runs, or remove one."""

import argparse
import sys
import time

from icm_tui.commands.console import agree, columns, print_json
from icm_tui.commands.json import Runs
from icm_tui.files import runs_dir
from icm_tui.run_dir.layout import find_run
from icm_tui.run_dir.listing import RunSummary, list_runs, remove
from icm_tui.text import disk_size, one_line


def list_(args: argparse.Namespace) -> int:
    """Prints the runs, the latest first, with the disk they use."""
    runs = list_runs(runs_dir())
    if args.json:
        print_json(Runs(runs))
    elif not runs:
        print(f"There are no runs in {runs_dir()} yet. `icm-tui run demo` starts one.", file=sys.stderr)
    else:
        heading = ("NAME", "STATE", "DECISIONS", "LABELLED", "COHERENCE", "METHOD", "MODEL", "DISK", "STARTED")
        print("\n".join(columns([heading, *map(_row, runs)])))
    return 0


def rm(args: argparse.Namespace) -> int:
    """Removes `args.run` after asking; off a terminal only with `--yes`. A live run is refused."""
    run = find_run(args.run, runs_dir())
    name = one_line(run.name)
    if not args.yes:
        agree(
            f"Remove {name} with its labels and all its answers?",
            refused="Nothing was removed.",
            unasked=f"There is no terminal to ask on; to remove {name} all the same, give --yes.",
        )
    remove(run)
    print(f"{name} is removed.", file=sys.stderr)
    return 0


def _row(run: RunSummary) -> list[str]:
    return [
        run.name,
        run.state,
        _part(run.decision, run.decisions),
        _part(run.labelled, run.items),
        "-" if run.coherence is None else f"{run.coherence:.2f} bits",
        run.method or "-",
        run.model or "-",
        disk_size(run.disk),
        "-" if run.started is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)),
    ]


def _part(number: int | None, of: int | None) -> str:
    return "-" if number is None or of is None else f"{number}/{of}"
