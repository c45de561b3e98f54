"""How many of a server's slots a run keeps busy, on a virtual clock.

    python -m tests.bench.slots

An answer takes a log-normal time (sigma 0.3); a slot that comes free takes the next question the search wants. Prints,
for five whole runs over pairs, the share of slots busy from the first question to the last answer (mean and lowest):
the time-integral of the questions in flight over slots times makespan. Asked for: N = 2000 at 8, 32, 64 slots .95 in
standard, .95, .95, .90 in lean; N = 400 in standard .95 at 8, .90 at 32.
"""

import heapq
import statistics

import numpy as np

from icm_tui.domain.items import Item
from icm_tui.search.icm.method import Icm
from icm_tui.search.problem import Problem, make_problem
from tests.search.efforts import effort

SIGMA = 0.3
RUNS = 5
ASKED = {
    ("standard", 2000): {8: 0.95, 32: 0.95, 64: 0.95},
    ("lean", 2000): {8: 0.95, 32: 0.95, 64: 0.90},
    ("standard", 400): {8: 0.95, 32: 0.90},
    ("lean", 400): {},
}


def pairs(n_items: int) -> Problem:
    """Pairs under rule `opposite`."""
    return make_problem([Item(str(index), "", index // 2) for index in range(n_items)], "opposite", 2)


def busy(search: Icm, slots: int, seed: int) -> tuple[float, int]:
    """The share of `slots` kept busy by a run with random answers, and the questions it asked."""
    numbers = np.random.default_rng(seed)
    flights: list[tuple[float, str, float]] = []
    in_flight: set[str] = set()
    now = worked = 0.0
    asked = 0
    while True:
        while (proposal := search.propose()) is not None:
            search.commit(proposal)
        free = slots - len(in_flight)
        for question in search.wants() if free else ():
            if question.id in in_flight:
                continue
            seconds = float(numbers.lognormal(0.0, SIGMA))
            heapq.heappush(flights, (now + seconds, question.id, float(numbers.normal())))
            in_flight.add(question.id)
            worked += seconds
            asked += 1
            free -= 1
            if not free:
                break
        if not flights:
            break
        now, question_id, raw = heapq.heappop(flights)
        in_flight.remove(question_id)
        search.tell(question_id, [raw / 2, -raw / 2])
    assert search.done
    return worked / (slots * now), asked


def main() -> None:
    print("effort    N     slots  busy   lowest  asked for  calls")
    for (name, n_items), bars in ASKED.items():
        problem = pairs(n_items)
        for slots in (8, 32, 64):
            runs = [
                busy(Icm(problem, effort(problem, name, seed, concurrency=slots)), slots, seed) for seed in range(RUNS)
            ]
            share, lowest = statistics.fmean(one for one, _ in runs), min(one for one, _ in runs)
            calls = statistics.median(calls for _, calls in runs)
            bar = bars.get(slots)
            verdict = "-" if bar is None else f"{bar:.2f} {'ok' if share >= bar else 'MISSED'}"
            print(f"{name:9} {n_items:<5} {slots:<6} {share:.3f}  {lowest:.3f}   {verdict:10} {calls}", flush=True)


if __name__ == "__main__":
    main()
