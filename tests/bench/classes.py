"""What a decision of the state machine alone costs with 2, 3 and 7 labels.

    python -m tests.bench.classes [--rounds 40]

Constant answers, no disk, 16 shots, standard effort, items without groups, 4000 of them. The numbers of labels take
turns within a round, so that what else the machine does falls on all alike. Prints the decisions a second of processor
time in the sweeps (median), and the time of a decision against that with two labels: the median over the rounds of the
ratio within a round.
"""

import argparse
import statistics
from itertools import islice

from icm_tui.domain.items import Item
from icm_tui.search.problem import make_problem
from tests.bench.decisions import batches

LABELS = (2, 3, 7)
ITEMS = 4_000
TURN = 8


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per decision of the search alone, by the number of labels.")
    parser.add_argument("--rounds", type=int, default=40, help="turns of every number of labels")
    rounds = parser.parse_args().rounds
    items = [Item(str(number), "", None) for number in range(ITEMS)]
    turns = {labels: batches(make_problem(items, "none", labels), (-0.6, *[-0.8] * (labels - 1))) for labels in LABELS}
    medians: dict[int, list[float]] = {labels: [] for labels in LABELS}
    for _ in range(rounds):
        for labels, turn in turns.items():
            medians[labels].append(statistics.median(islice(turn, TURN)))
    print("labels  decisions a second  against two")
    for labels, own in medians.items():
        ratio = statistics.median(one / two for one, two in zip(own, medians[2], strict=True))
        print(f"{labels:<7} {1 / statistics.median(own):<19.0f} {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
