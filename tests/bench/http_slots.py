"""How many of a server's slots whole runs keep busy, over real sockets.

    python -m tests.bench.http_slots [--items 2000] [--slots 32]

A server in a process of its own answers after a log-normal time (median 300 ms, sigma 0.3); the runs are those of
`icm-tui run`, over pairs with 16 examples, with nothing from a cache. Prints the share of slots busy as the server saw
it, from its first request to its last answer: the time-integral of the requests in flight over slots times that time.
The probe before the run is left out. Asked for, with 2000 items at 32: busy .92 in standard and .88 in lean, at most
2.7 and 1.8 calls a label, all labels set.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from icm_tui.models.server.client import connect, probe_endpoint
from icm_tui.profile.toml import load
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.session import run_here
from tests.servers.behaviour import Behaviour
from tests.servers.labelled import make_server_run, write_pairs
from tests.servers.process import serving

_ASKED = {"standard": (0.92, 2.7), "lean": (0.88, 1.8)}


async def _probe(run: RunDir) -> None:
    """Probe the server, so that the run finds a kept probe."""
    profile = load(run.profile)
    async with connect(profile.model, run.path) as connection:
        await probe_endpoint(connection, profile.model, profile.prompt.labels)


def _measure(folder: Path, effort: str, items: int, slots: int) -> str:
    data = folder / "pairs.jsonl"
    write_pairs(data, items)
    with serving(Behaviour(latency=0.3, sigma=0.3)) as server:
        sets = [f"model.concurrency={slots}", f"search.effort={effort}"]
        run = make_server_run(folder / effort, data, server.base_url, *sets)
        asyncio.run(_probe(run))
        server.load()
        started = time.process_time()
        outcome = run_here(run.path)
        spent = time.process_time() - started
        load = server.load()
    assert outcome.state == "done", outcome.why
    told = outcome.summary
    busy = load.in_flight_seconds / (slots * load.seconds)
    least, most = _ASKED[effort]
    met = busy >= least and told.calls_per_label <= most and told.labelled == items
    return (
        f"{effort:9} {items:<5}  {slots:<5}  {busy:.3f}  {told.calls_per_label:14.3f}  {told.labelled:8}  "
        f"{load.seconds:7.1f}  {spent / load.requests * 1000:9.2f}  {least:.2f}, {most} {'ok' if met else 'MISSED'}"
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--effort", choices=_ASKED, nargs="+", default=list(_ASKED))
    args = parser.parse_args()
    print("effort    items  slots  busy   calls a label  labelled  seconds  ms a call  asked for")
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {"ICM_TUI_HOME": name, "ICM_TUI_CACHE": "off"}
        for effort in args.effort:
            print(_measure(Path(name), effort, args.items, args.slots), flush=True)


if __name__ == "__main__":
    main()
