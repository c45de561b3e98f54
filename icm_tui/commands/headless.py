"""Running a run in this process: a line of progress, a summary, and the exit status."""

import sys

from icm_tui.commands.attach import ProgressLine
from icm_tui.commands.console import print_json, terminal_width, to_type
from icm_tui.commands.measure import format_table
from icm_tui.errors import INTERRUPTED, STOPPED_SHORT
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.measure import measure_run
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.session import Outcome, run_here


def run_to_end(made: RunDir, sets: list[str], *, as_json: bool) -> int:
    """Runs a run here with a progress line on stderr, prints its summary, and returns the exit status."""
    line = ProgressLine(sys.stderr)
    try:
        outcome = run_here(made.path, observe=line.show, sets=sets)
    except KeyboardInterrupt:
        # While data and journal were read, before the run could end cleanly.
        print(f"Interrupted; nothing is lost. `icm-tui resume {to_type(made)}` continues.", file=sys.stderr)
        return INTERRUPTED
    finally:
        line.close()
    if as_json:
        print_json(outcome.summary)
    else:
        _print_summary(made, outcome)
    if outcome.state == "done":
        return 0
    at = f"at decision {outcome.summary.decisions}"
    why = f"Interrupted {at}" if outcome.interrupted else f"Stopped {at}: {outcome.why}"
    print(f"{why}; nothing is lost. `icm-tui resume {to_type(made)}` continues.", file=sys.stderr)
    return INTERRUPTED if outcome.interrupted else STOPPED_SHORT


def _print_summary(made: RunDir, outcome: Outcome) -> None:
    summary = outcome.summary
    counts = ", ".join(f"{count} {name}" for name, count in summary.label_counts.items())
    coherence = summary.coherence_bits
    labelled = f"{summary.labelled} of {summary.items} items labelled ({counts})"
    print(f"{summary.run}: {summary.state}, {labelled}")
    per_label = f" ({summary.calls_per_label} a label)" if summary.labelled else ""
    print(
        f"{summary.calls} calls{per_label}, {summary.decisions} decisions, "
        f"{summary.seconds:.1f} s, ${summary.cost_usd:.2f}, method {summary.method}, seed {summary.seed}"
    )
    if coherence is not None:
        print(f"coherence: {coherence:.2f} bits, held out (0 is chance; it is not accuracy)")
    elif summary.method == "icm":
        print("coherence: not measured (fewer than 30 labels were held out)")
    else:
        print(f"coherence: not measured by method {summary.method}")
    finished = FinishedRun(made)
    if not finished.hidden and (report := measure_run(finished, finished.open_gold())).columns:
        print()
        print(format_table(report, terminal_width()))
    print()
    print(f"The run is in {made.path}")
