"""How well each method's labels agree with gold on the prepared sets, and what that costs.

    python -m tests.bench.prepare FOLDER
    python -m tests.bench.agreement FOLDER [--methods default standard ...] [--sets political ...] [--seeds 16]
    python -m tests.bench.agreement --collapse [--seeds 50]

Methods: default (icm with everything shown, 5 seeds), lean, standard and thorough (icm with lists, as many shots as
search.md names for the set), fork (its published settings), and paper (at most 256 items). All run in this process
against the embedded model, with the settings that a profile of three lines resolves to. Prints a line a method and
set: items, seeds, agreement with gold (median and range over the seeds), calls a label, coverage, held-out coherence
(median), the range of the share of A, and seconds a run.

With --collapse: seeds of icm, with everything shown and in standard with 16 shots, under rule `none` on the sample
`topics` and under `opposite` on the pairs of `leanings`; prints the range of the share of A and how many runs left
.2 to .8, which should be none.
"""

import argparse
import statistics
import time
from pathlib import Path

import msgspec
import numpy as np

from icm_tui.domain.decisions import Context
from icm_tui.evaluate.agreement import agreement
from icm_tui.models.embedded.model import EmbeddedModel
from icm_tui.profile.toml import load, loads
from icm_tui.runner.assembly import make_search, problem_of, window_of
from icm_tui.runner.prepare import Prepared, prepare
from icm_tui.search.method import Search
from tests.bench.prepare import SETS

SHOTS = {"political": 16, "truthfulqa": 64, "gsm8k": 64, "dilemmas": 16, "dilemmas_action": 16, "arithmetic": 16}
METHODS = ("default", "lean", "standard", "thorough", "fork", "paper")
SEEDS = {"default": 5}


def sets_of(method: str, shots: int) -> list[str]:
    """The settings of a method that differ from the defaults."""
    if method == "default":
        return []
    if method in ("fork", "paper"):
        return [f'search.method="{method}"', *(["task.limit=256"] if method == "paper" else [])]
    return [f'search.effort="{method}"', f"search.shots={shots}"]


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of one run."""

    agreement: float
    calls_a_label: float
    coverage: float
    coherence: float | None
    share_of_a: float


class Bench:
    """Runs a prepared profile with one seed after another."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        items, profile = prepared.task.items, prepared.profile
        self.n_items = len(items)
        self._problem = problem_of(profile, items)
        self._model = EmbeddedModel([item.text for item in items], self._problem.group_of, self._problem.n_labels)
        columns = prepared.task.gold.columns
        column = next(iter(columns.values())) if columns else {}
        self._gold = np.array([column.get(item.uid, -1) for item in items])
        self._groups = np.array(self._problem.group_of)
        self._lists = 0

    def run(self, seed: int) -> Outcome:
        """A whole run."""
        profile = self._prepared.profile
        profile = msgspec.structs.replace(profile, run=msgspec.structs.replace(profile.run, seed=seed))
        search = make_search(profile, self._problem, window_of(profile, self._problem))
        calls = self._drive(search)
        found = np.array([-1 if label is None else label for label in search.labels])
        fixed = self._problem.rule == "one_true"
        measured = agreement(found, self._gold, self._groups, classes=2, fixed_names=fixed, seed=0)
        labelled = max(int((found >= 0).sum()), 1)
        return Outcome(
            measured.accuracy or 0.0,
            calls / labelled,
            labelled / len(found),
            search.coherence_bits,
            float((found == 0).sum() / labelled),
        )

    def _drive(self, search: Search) -> int:
        contexts: dict[int, Context] = {}
        labels: dict[int, dict[int, int | None]] = {}
        calls = 0
        while not search.done:
            contexts.update({context.id: context for context in search.drain_contexts()})
            for question in list(search.wants()):
                context = contexts[question.context_id]
                if context.demonstrations == "all":
                    reply = self._model.answer_all(question.item, context.chain)
                else:
                    # Lists are told apart by number, and the model outlives the run.
                    reply = self._model.answer_list(question.item, self._lists + context.id, context.demonstrations)
                search.tell(question.id, reply.logprobs)
                calls += 1
            while (proposal := search.propose()) is not None:
                decision = search.commit(proposal)
                self._model.relabel(decision.chain, decision.changes)
                labels.setdefault(decision.chain, {}).update({item: after for item, _, after in decision.changes})
        for chain, own in labels.items():
            self._model.relabel(chain, [(item, label, None) for item, label in own.items()])
        self._lists += 1 + max(contexts, default=0)
        return calls


def ranged(values: list[float]) -> str:
    return f"{min(values):.3f} .. {max(values):.3f}"


def table(folder: Path, methods: list[str], names: list[str], seeds: int | None) -> None:
    """Print a line for each method and set."""
    print(
        "method    set              N     seeds  agreement  range           calls  cover  coher   share of A      s/run"
    )
    for name in names:
        for method in methods:
            profile = load(folder / f"{name}.toml", sets_of(method, SHOTS[name]))
            bench = Bench(prepare(profile))
            began, many = time.monotonic(), seeds or SEEDS.get(method, 16)
            runs = [bench.run(seed) for seed in range(many)]
            seconds = (time.monotonic() - began) / many
            scored = [run.coherence for run in runs if run.coherence is not None]
            coherence = f"{statistics.median(scored):+.3f}" if scored else "-"
            print(
                f"{method:9} {name:16} {bench.n_items:<5} {many:<6} "
                f"{statistics.median(run.agreement for run in runs):.3f}      "
                f"{ranged([run.agreement for run in runs])}  "
                f"{statistics.median(run.calls_a_label for run in runs):<5.4g}  "
                f"{statistics.median(run.coverage for run in runs):.3f}  {coherence:6}  "
                f"{ranged([run.share_of_a for run in runs])}  {seconds:.2f}",
                flush=True,
            )


def collapse(seeds: int) -> None:
    """Print how one-sided the labels became."""
    print("set        rule      shots  seeds  share of A      collapsed")
    for name, rule in (("topics", "none"), ("leanings", "opposite")):
        for method, shots in (("default", "all"), ("standard", "16")):
            text = f'[task]\ndataset = "{name}"\n[consistency]\nrule = "{rule}"\n'
            bench = Bench(prepare(loads(text, sets=sets_of(method, 16))))
            shares = [bench.run(seed).share_of_a for seed in range(seeds)]
            lost = sum(not 0.2 <= share <= 0.8 for share in shares)
            print(f"{name:10} {rule:9} {shots:6} {seeds:<6} {ranged(shares)}  {lost}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Agreement with gold, a method and a set at a time.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--sets", nargs="+", choices=tuple(SETS), default=tuple(SETS))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--collapse", action="store_true")
    arguments = parser.parse_args()
    if arguments.collapse:
        collapse(arguments.seeds or 50)
    elif arguments.folder is None:
        parser.error("name the folder that tests.bench.prepare wrote, or --collapse")
    else:
        table(arguments.folder, arguments.methods, arguments.sets, arguments.seeds)


if __name__ == "__main__":
    main()
