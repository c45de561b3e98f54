"""What a call costs the client itself: processor time, and memory over many calls.

    python -m tests.bench.http_overhead [--calls 50000] [--in-flight 64]

A server in a process of its own answers at once. `http` sends ready requests and reads the replies; `run` does what a
run does: it also writes the prompt of 16 examples and finds the labels in the reply. Prints milliseconds of this
process a call, and its resident memory after a tenth, a half and all of the calls. Asked for: below 2 ms at 64 in
flight, memory flat over 50 000 calls. Needs Linux (/proc).
"""

import argparse
import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.models.client import Query
from icm_tui.models.server.client import ServerClient
from icm_tui.models.server.http import Client
from icm_tui.models.server.reply.types import Completion
from icm_tui.models.server.requests import label_request
from icm_tui.profile.schema import Model, Prompt, Reasoning
from tests.servers.behaviour import Behaviour, Kind
from tests.servers.process import serving

_SHOTS = 16
_ITEMS = 512
_TEXTS = [f"a short sentence of some words about this and that, number {item} of all" for item in range(_ITEMS)]
Report = Callable[[int], None]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _shown(number: int) -> list[tuple[int, int]]:
    return [((number // 16 + step) % _ITEMS, step % 2) for step in range(1, _SHOTS + 1)]


def _asked(number: int) -> Query:
    return Query(str(number), number % _ITEMS, 0, number // 16, _shown(number))


async def _by_http(base_url: str, endpoint: Endpoint, calls: int, in_flight: int, report: Report) -> None:
    client = Client(base_url, None, concurrency=in_flight, timeout_s=60)
    # As many bodies as are in flight, written beforehand, so that only the sending is measured.
    names = Prompt().labels
    requests = [
        label_request(
            endpoint,
            Prompt(),
            [(_TEXTS[item], names[label]) for item, label in _shown(number)],
            _TEXTS[number],
            {},
        )
        for number in range(in_flight)
    ]
    left = iter(range(1, calls + 1))

    async def work(at: int) -> None:
        for number in left:
            sent = await client.send(requests[at])
            assert isinstance(sent.outcome, Completion), sent.outcome
            report(number)

    try:
        await asyncio.gather(*(work(at) for at in range(in_flight)))
    finally:
        await client.close()


async def _by_run(base_url: str, endpoint: Endpoint, calls: int, in_flight: int, report: Report) -> None:
    model = Model(backend="openai", base_url=base_url, model="tiny", concurrency=in_flight)
    model_client = ServerClient(
        model, Prompt(), Reasoning(), _TEXTS, list(range(_ITEMS)), cache=None, folder=Path.cwd()
    )
    try:
        await model_client.open(endpoint)
        sent = done = 0
        while done < calls:
            while sent < calls and sent - done < in_flight:
                model_client.ask(_asked(sent))
                sent += 1
            for _, reply in await model_client.replies(1.0):
                assert isinstance(reply, Reply), reply
                assert reply.logprobs is not None, reply
                done += 1
                report(done)
    finally:
        await model_client.close()


def _measure(
    way: Callable[[str, Endpoint, int, int, Report], Awaitable[None]], kind: Kind, calls: int, in_flight: int
) -> None:
    marks = {calls // 10: 0.0, calls // 2: 0.0, calls: 0.0}

    def report(number: int) -> None:
        if number in marks:
            marks[number] = _resident_mb()

    with serving(Behaviour()) as server:
        endpoint = Endpoint(base_url=server.base_url, model="tiny", kind=kind, prefill="continued")

        async def whole() -> tuple[float, float]:
            started, wall = time.process_time(), time.monotonic()
            await way(server.base_url, endpoint, calls, in_flight, report)
            return time.process_time() - started, time.monotonic() - wall

        spent, wall = asyncio.run(whole())
    memory = "  ".join(f"{megabytes:.1f}" for megabytes in marks.values())
    name = "http" if way is _by_http else "run"
    rate, each = calls / wall, spent / calls * 1000
    print(f"{name:6}  {kind:11}  {calls:6}  {each:9.3f}  {rate:7.0f}  {memory}", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--in-flight", type=int, default=64)
    args = parser.parse_args()
    print(f"{'':6}  {'endpoint':11}  {'calls':>6}  {'ms a call':>9}  {'calls/s':>7}  MB after 1/10, 1/2, all")
    for way in (_by_http, _by_run):
        for kind in ("completions", "chat"):
            _measure(way, kind, args.calls, args.in_flight)


if __name__ == "__main__":
    main()
