"""What a decision of the state machine alone costs as the items grow.

    python -m tests.bench.decisions [--rounds 100]

Constant answers, no disk, 16 shots, standard effort, pairs under `opposite` and under `none`. The sizes take turns, 16
batches each (a batch is what one window lets through, everything included: asking, telling, drawing lists, choosing,
committing), so that what else the machine does falls on all alike. Prints the median processor time per decision in
the sweeps (microseconds) at 1k, 10k and 100k items, and the growth from the first size: the median over the rounds of
the ratio within a round. Asked for: at most 300 microseconds, growth at most 1.3.
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice

from icm_tui.domain.items import Item
from icm_tui.search.icm.method import Icm
from icm_tui.search.problem import Problem, make_problem
from tests.search.efforts import effort

SIZES = (1_000, 10_000, 100_000)
TURN = 16
ANSWER = (-0.6, -0.8)


def batches(problem: Problem, answer: Sequence[float] = ANSWER) -> Iterator[float]:
    """Seconds per decision of every batch of the sweeps, of one run after the other, `answer` given throughout."""
    for seed in count():
        search = Icm(problem, effort(problem, "standard", seed))
        while not search.done:
            phase, n, began = search.phase, search.n, time.process_time()
            search.drain_contexts()
            for question in list(search.wants()):
                search.tell(question.id, answer)
            while (proposal := search.propose()) is not None:
                search.commit(proposal)
            if phase == "sweeps":
                yield (time.process_time() - began) / (search.n - n)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per decision of the search alone.")
    parser.add_argument("--rounds", type=int, default=100, help="turns of every size")
    rounds = parser.parse_args().rounds
    print("rule      N       median us  10%..90%     growth")
    for rule in ("opposite", "none"):
        turns = {
            size: batches(make_problem([Item(str(i), "", i // 2) for i in range(size)], rule, 2)) for size in SIZES
        }
        times: dict[int, list[list[float]]] = {size: [] for size in SIZES}
        for _ in range(rounds):
            for size, turn in turns.items():
                times[size].append(list(islice(turn, TURN)))
        medians = {size: [statistics.median(turn) for turn in own] for size, own in times.items()}
        for size in SIZES:
            every = [seconds for turn in times[size] for seconds in turn]
            tenths = statistics.quantiles(every, n=10)
            spread = f"{tenths[0] * 1e6:.0f}..{tenths[-1] * 1e6:.0f}"
            growth = statistics.median(own / first for own, first in zip(medians[size], medians[SIZES[0]], strict=True))
            print(f"{rule:9} {size:<7} {statistics.median(every) * 1e6:<10.0f} {spread:12} {growth:.2f}", flush=True)


if __name__ == "__main__":
    main()
