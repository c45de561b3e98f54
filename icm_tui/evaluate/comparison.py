"""A run's labels compared with what is reached without a search, and as examples for items that it never saw.

What is shown with each question comes first: which items, and with whose labels. Nothing is asked here; the answers
come from the caller, and rows of accuracies with intervals and costs are made of them. The designs of the held-out
comparison are those of arXiv 2606.03110: `scrambled` labels are right as often as the found ones, but at random
places, so what found labels add to them is their coherence.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from icm_tui.domain.rules import RULES
from icm_tui.errors import UserError
from icm_tui.evaluate.agreement import Agreement, agreement, majority_answer
from icm_tui.evaluate.ceiling import ceiling
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import Row
from icm_tui.run_dir.records import AnswerRecord
from icm_tui.runner.comparing import Ground, Showing, decide, ground_of, question_of, random_labels
from icm_tui.text import nearest, one_line

ASKED = ("zero_shot", "random_labels", "gold_few_shot")
NEED_GOLD = ("gold_few_shot", "majority", "majority_answer", "ceiling")
METHODS = ("found", "zero_shot", "random_labels", *NEED_GOLD)
DESIGNS = ("zero_shot", "found", "gold", "random", "scrambled")
SHOTS = (0, 2, 4, 8, 16, 32, 64)

_SHARE = 16
_ORDER, _RANDOM, _SCRAMBLE = range(3)
# Their examples carry gold's names, or names that were matched to them; the others' names are arbitrary.
_NAMED = ("found", "gold", "scrambled", "gold_few_shot", "majority", "ceiling")


class Subject(NamedTuple):
    """A run to compare, and one gold column. `found` are its labels and `gold` the column's classes, both by item;
    items of the test split are numbered behind those of the run. `fixed` says that the rule gives labels their meaning.
    """

    ground: Ground
    found: dict[int, int]
    column: str
    gold: dict[int, int]
    classes: int
    fixed: bool
    seed: int

    @property
    def own_gold(self) -> dict[int, int]:
        """Gold of the items that the search labelled."""
        return {item: label for item, label in self.gold.items() if item < self.ground.searched}

    @property
    def split_gold(self) -> dict[int, int]:
        """Gold of the test split."""
        return {item: label for item, label in self.gold.items() if item >= self.ground.searched}

    def measured(self, gold: Mapping[int, int], draws: Sequence[Mapping[int, int]], *, fixed: bool) -> Agreement:
        """Labels by item against `gold`, over all `draws` together. A group's labels under several draws are one group
        of the bootstrap, so that drawing more does not narrow the interval by itself."""
        pairs = [(item, label) for labels in draws for item, label in sorted(labels.items()) if item in gold]
        found = np.array([label for _, label in pairs], dtype=np.int64)
        truth = np.array([gold[item] for item, _ in pairs], dtype=np.int64)
        groups = np.array([self.ground.problem.group_of[item] for item, _ in pairs], dtype=np.int64)
        return agreement(found, truth, groups, classes=self.classes, fixed_names=fixed, seed=self.seed)

    def named(self) -> dict[int, int]:
        """The found labels as gold's classes, under the naming that fits gold best unless names are fixed."""
        naming = self.measured(self.own_gold, [self.found], fixed=self.fixed).naming
        return dict(self.found) if naming is None else {item: naming[label] for item, label in self.found.items()}


def subject_of(finished: FinishedRun, column: str | None, *, look: bool) -> Subject:
    """A run with the gold column of that name, or with the first. Raises UserError if there is none, and for a blind
    run without `look`."""
    gold = finished.open_gold(look=look)
    run = finished.run.name
    if not gold.columns:
        raise UserError(f"{run} has no gold column: there is nothing to compare with. Name one in task.gold.")
    name = next(iter(gold.columns)) if column is None else column
    if name not in gold.columns:
        near = nearest(name, gold.columns)
        hint = f" Did you mean {one_line(near)}?" if near else ""
        raise UserError(f"--column {one_line(name)} is no gold column of {run}.{hint}")
    ground = ground_of(finished.run, finished.profile)
    labels = gold.columns[name]
    by_item = {item: labels[each.uid] for item, each in enumerate(ground.items) if each.uid in labels}
    classes = max(2, len(gold.classes[name]), len(finished.names))
    return Subject(ground, finished.label_of, name, by_item, classes, finished.fixed_names, finished.profile.run.seed)


class Curve(msgspec.Struct, frozen=True):
    """One point of a curve: a design with so many examples, over its draws."""

    design: str
    shots: int
    draws: list[list[Showing]]


def held_out_curves(
    ground: Ground,
    found: Mapping[int, int],
    gold: Mapping[int, int],
    *,
    designs: Iterable[str],
    shots: Iterable[int],
    draws: int,
    seed: int,
) -> list[Curve]:
    """What to ask about every item of the test split, for each design and number of shots.

    `found` are the labels of the run's items, named as gold's classes, and `gold` are their gold labels. Only items
    with both are shown, and every design shows the same ones. A longer context begins with the items of a shorter one.
    Numbers of shots that exceed the number of such items are left out.
    """
    pool = sorted(item for item in found if item in gold and item < ground.searched)
    targets = tuple(range(ground.searched, len(ground.items)))
    wanted = [name for name in DESIGNS if name in set(designs)]
    orders = [np.random.default_rng([seed, _ORDER, draw]).permutation(pool).tolist() for draw in range(draws)]
    scrambled = [scramble(ground, found, gold, [seed, _SCRAMBLE, draw]) for draw in range(draws)]
    curves: list[Curve] = []
    if "zero_shot" in wanted:
        curves.append(Curve("zero_shot", 0, [[Showing((), targets)]]))
    for name in wanted:
        for many in sorted(set(shots) - {0}):
            if name == "zero_shot" or many > len(pool):
                continue
            contexts = []
            for draw, order in enumerate(orders):
                items = order[:many]
                if name == "random":
                    shown = random_labels(ground.problem, items, [seed, _RANDOM, draw, many])
                else:
                    labels = {"found": found, "gold": gold, "scrambled": scrambled[draw]}[name]
                    shown = tuple((item, labels[item]) for item in items)
                contexts.append([Showing(shown, targets)])
            curves.append(Curve(name, many, contexts))
    return curves


def scramble(ground: Ground, found: Mapping[int, int], gold: Mapping[int, int], seed: Sequence[int]) -> dict[int, int]:
    """Labels that are right as often as `found`: groups with the same gold labels exchange their found ones at random.
    If equal keys have equal gold, the result obeys every rule that the found labels obey."""
    problem = ground.problem
    groups: dict[int, list[int]] = defaultdict(list)
    for item in sorted(found):
        if item in gold and item < ground.searched:
            groups[problem.group_of[item]].append(item)
    generator = np.random.default_rng(list(seed))
    alike: dict[tuple[tuple[int, int], ...], list[list[int]]] = defaultdict(list)
    for members in groups.values():
        times = Counter(problem.keys[item] for item in members)
        # Members with one gold label and equally common keys differ in the first place of their key only.
        first = {problem.keys[item]: item for item in reversed(members)}
        members.sort(key=lambda item: (gold[item], times[problem.keys[item]], first[problem.keys[item]], item))
        alike[tuple((gold[item], times[problem.keys[item]]) for item in members)].append(members)
    labels: dict[int, int] = {}
    for like in alike.values():
        for members, place in zip(like, generator.permutation(len(like)).tolist(), strict=True):
            labels |= {item: found[other] for item, other in zip(members, like[place], strict=True)}
    return labels


def own_showings(ground: Ground, name: str, gold: Mapping[int, int], *, shots: int, seed: int) -> list[Showing]:
    """What to ask about every item of the run itself, with nothing shown (`zero_shot`), random labels
    (`random_labels`) or gold ones (`gold_few_shot`).

    Groups are put in a random order, and 16 at a time, but at most a quarter of all, share a context. It has no item of
    these groups, so that no question contains its own answer.
    """
    problem = ground.problem
    if name == "zero_shot":
        return [Showing((), tuple(range(ground.searched)))]
    numbers = sorted({problem.group_of[item] for item in range(ground.searched)})
    order = np.random.default_rng([seed, _ORDER]).permutation(numbers).tolist()
    pool = [item for item in range(ground.searched) if name == "random_labels" or item in gold]
    share = min(_SHARE, max(1, len(order) // 4))
    showings = []
    for start in range(0, len(order), share):
        asked = set(order[start : start + share])
        drawn = np.random.default_rng([seed, _ORDER, 1, start]).permutation(pool).tolist()
        items = [item for item in drawn if problem.group_of[item] not in asked][:shots]
        if name == "random_labels":
            shown = random_labels(problem, items, [seed, _RANDOM, start])
        else:
            shown = tuple((item, gold[item]) for item in items)
        targets = tuple(item for group in order[start : start + share] for item in problem.groups[group])
        showings.append(Showing(shown, targets))
    return showings


def baseline_rows(
    subject: Subject,
    methods: Iterable[str],
    showings: Mapping[str, Sequence[Showing]],
    known: Mapping[str, AnswerRecord],
) -> list[Row]:
    """A row a method: how well its labels agree with the gold of the run's own items, and what its answers took."""
    ground, gold = subject.ground, subject.own_gold
    rows = []
    for method in methods:
        took = spent(ground, showings.get(method, ()), known)
        if method == "majority_answer":
            rows.append(_row(_majority_answer(ground, gold), len(gold), took, method=method))
            continue
        if method == "found":
            labels = subject.found
        elif method == "majority":
            counts = np.bincount(np.array(list(gold.values()), dtype=np.int64), minlength=subject.classes)
            labels = dict.fromkeys(gold, int(counts.argmax()))
        elif method == "ceiling":
            labels = _ceiling(subject)
        else:
            labels = decide(ground, showings[method], known, subject.seed)
        fixed = subject.fixed or (method in _NAMED and method != "found")
        measured = subject.measured(gold, [labels], fixed=fixed)
        rows.append(_row(measured, measured.n, took, method=method))
    return rows


def curve_rows(subject: Subject, curves: Iterable[Curve], known: Mapping[str, AnswerRecord]) -> list[Row]:
    """A row a design and number of shots, against the gold of the test split; `n` is how many of its items were
    labelled. A design whose examples carry no name of gold's is read under the naming that fits best, which favours
    it."""
    rows = []
    for curve in curves:
        draws = len(curve.draws)
        labels = [
            decide(subject.ground, showings, known, subject.seed + place) for place, showings in enumerate(curve.draws)
        ]
        measured = subject.measured(subject.split_gold, labels, fixed=subject.fixed or curve.design in _NAMED)
        took = spent(subject.ground, [showing for showings in curve.draws for showing in showings], known)
        rows.append(_row(measured, measured.n // draws, took, design=curve.design, shots=curve.shots, draws=draws))
    return rows


class Spent(NamedTuple):
    """What answers took: how many there were, tokens read and written, USD and seconds."""

    calls: int
    tokens: int
    cost_usd: float
    seconds: float


def spent(ground: Ground, showings: Sequence[Showing], known: Mapping[str, AnswerRecord]) -> Spent:
    """What the answers to `showings` took in all."""
    names = {question_of(ground.items, showing.shown, item) for showing in showings for item in showing.items}
    records = [known[name] for name in names]
    return Spent(
        len(records),
        sum((record.tokens_in or 0) + (record.tokens_out or 0) for record in records),
        sum(record.cost or 0.0 for record in records),
        round(sum(record.seconds for record in records), 3),
    )


def _row(
    measured: Agreement | float | None,
    n: int,
    took: Spent,
    *,
    method: str = "",
    design: str = "",
    shots: int | None = None,
    draws: int = 0,
) -> Row:
    """A row of an agreement, or of an accuracy without the rest."""
    if not isinstance(measured, Agreement):
        measured = Agreement(n=n, accuracy=measured)
    return Row(
        method=method,
        design=design,
        shots=shots,
        draws=draws,
        accuracy=measured.accuracy,
        balanced=measured.balanced_accuracy,
        ci95=measured.ci95,
        n=n,
        **took._asdict(),
    )


def _majority_answer(ground: Ground, gold: Mapping[int, int]) -> float | None:
    own = ground.items[: ground.searched]
    truth = np.array([gold.get(item, -1) for item in range(ground.searched)], dtype=np.int64)
    keys = np.array([-1 if item.key is None or item.group is None else item.key for item in own], dtype=np.int64)
    return majority_answer(truth, keys, np.array(ground.problem.group_of[: ground.searched], dtype=np.int64))


def _ceiling(subject: Subject) -> dict[int, int]:
    ground = subject.ground
    texts = [item.text for item in ground.items[: ground.searched]]
    groups, centred = ground.problem.group_of[: ground.searched], not RULES[ground.problem.rule].uniform
    return ceiling(texts, groups, subject.own_gold, classes=subject.classes, centred=centred, seed=subject.seed)
