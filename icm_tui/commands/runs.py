"""`icm-tui runs`: the runs there are, and the end of one."""

import argparse
import sys
import time

import msgspec

from icm_tui.commands.console import can_ask, columns, confirm
from icm_tui.errors import UserError
from icm_tui.files import runs_dir
from icm_tui.run_dir.layout import RunDir, find_run
from icm_tui.run_dir.listing import RunSummary, list_runs, remove
from icm_tui.text import disk_size, one_line


def list_(args: argparse.Namespace) -> int:
    """Prints the runs, the latest first, with the disk they use."""
    runs = list_runs(runs_dir())
    if args.json:
        print(msgspec.json.encode({"runs": runs}).decode())
    elif not runs:
        print(f"There are no runs in {runs_dir()} yet. `icm-tui run demo` starts one.", file=sys.stderr)
    else:
        heading = ("NAME", "STATE", "DECISIONS", "LABELLED", "COHERENCE", "METHOD", "MODEL", "DISK", "STARTED")
        for line in columns([heading, *map(_row, runs)]):
            print(line)
    return 0


def rm(args: argparse.Namespace) -> int:
    """Removes `args.run` after asking; off a terminal only with `--yes`. A live run is left alone."""
    run = find_run(args.run, runs_dir())
    if not args.yes:
        _confirm(run)
    remove(run)
    print(f"{one_line(run.name)} is removed.", file=sys.stderr)
    return 0


def _confirm(run: RunDir) -> None:
    name = one_line(run.name)
    if not can_ask():
        raise UserError(f"There is no terminal to ask on; to remove {name} all the same, give --yes.")
    if not confirm(f"Remove {name} with its labels and all its answers?"):
        raise UserError("Nothing was removed.")


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
