"""`icm-tui attach`: follow a run from any process that sees its directory; off a terminal, a line a second."""

import argparse
import time

from icm_tui.commands.progress import progress_text
from icm_tui.commands.tui import has_screen, watch
from icm_tui.errors import UserError
from icm_tui.files import runs_dir
from icm_tui.run_dir.layout import RunDir, find_run, run_paths
from icm_tui.run_dir.lock import Heartbeat, liveness
from icm_tui.run_dir.status import ENDED, LIVE, read_status
from icm_tui.text import one_line

_EVERY = 1.0
_STOPPED_SHORT = 1


def attach(args: argparse.Namespace) -> int:
    """Shows `args.run`, or the only live run, or the list of runs if none is the only one; off a terminal prints
    the run's state once a second until it ends."""
    if has_screen():
        live = [] if args.run else _live()
        run = find_run(args.run, runs_dir()) if args.run else live[0] if len(live) == 1 else None
        return watch(run.path if run is not None else None, read_only=args.read_only, mouse=not args.no_mouse)
    return _print_lines(find_run(args.run, runs_dir()) if args.run else _only_live())


def _print_lines(run: RunDir) -> int:
    heartbeat = Heartbeat()
    while True:
        status = read_status(run)
        now = time.time()
        state = liveness(run, status, now, age=heartbeat.age(status, now) if status else None)
        if status is not None and state != status.state and state in ENDED:
            continue  # it ended since the status was read
        if status is None:
            print(state, flush=True)
        else:
            shown = "" if state == status.state else f"{state} · last seen "
            print(one_line(shown + progress_text(status)), flush=True)
        if state not in LIVE and state != "quiet":
            return 0 if state == "done" else _STOPPED_SHORT
        time.sleep(_EVERY)


def _live() -> list[RunDir]:
    runs = [RunDir(path) for path in run_paths(runs_dir())]
    now = time.time()
    return [run for run in runs if liveness(run, read_status(run), now) in LIVE]


def _only_live() -> RunDir:
    live = _live()
    if len(live) == 1:
        return live[0]
    if not live:
        raise UserError("No run is live. `icm-tui runs` lists them all; `icm-tui run demo` starts one.")
    raise UserError(f"{len(live)} runs are live: {', '.join(run.name for run in live)}. Name one of them.")
