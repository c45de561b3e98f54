"""What is shown to compare contexts: which items, and with whose labels. Pure; nothing is asked here.

The conditions of the held-out comparison are those of arXiv 2606.03110: `scrambled` labels are as often right as the
found ones, but which ones are wrong follows from nothing, so what found labels add to it is their coherence.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from icm_tui.runner.comparing import Ground, Showing, random_labels

DESIGNS = ("zero_shot", "found", "gold", "random", "scrambled")
SHOTS = (0, 2, 4, 8, 16, 32, 64)

_SHARE = 16
_ORDER, _RANDOM, _SCRAMBLE = range(3)


class Curve(msgspec.Struct, frozen=True):
    """One point of a comparison: a condition with so many examples, over its draws."""

    condition: str
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
    """What is asked about every held-out item. `found` are the labels of the run's items, named as gold's classes, and
    `gold` their gold labels; only items with both are shown, the same ones under every condition. The first of a longer
    context are those of a shorter one. A number of shots above the number of such items is left out."""
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
            lists = []
            for draw, order in enumerate(orders):
                items = order[:many]
                if name == "random":
                    shown = random_labels(ground.problem, items, [seed, _RANDOM, draw, many])
                else:
                    labels = {"found": found, "gold": gold, "scrambled": scrambled[draw]}[name]
                    shown = tuple((item, labels[item]) for item in items)
                lists.append([Showing(shown, targets)])
            curves.append(Curve(name, many, lists))
    return curves


def scramble(ground: Ground, found: Mapping[int, int], gold: Mapping[int, int], seed: Sequence[int]) -> dict[int, int]:
    """Labels as often right as `found`: groups of the same gold labels exchange their found ones at random, so every
    rule that the found labels obey is obeyed if equal keys have equal gold."""
    problem = ground.problem
    groups: dict[int, list[int]] = defaultdict(list)
    for item in sorted(found):
        if item in gold and item < ground.searched:
            groups[problem.group_of[item]].append(item)
    generator = np.random.default_rng(list(seed))
    alike: dict[tuple[tuple[int, int], ...], list[list[int]]] = defaultdict(list)
    for members in groups.values():
        times = Counter(problem.keys[item] for item in members)
        # Members of one gold label and equally common keys are told apart by their key's first place alone.
        first = {problem.keys[item]: item for item in reversed(members)}
        members.sort(key=lambda item: (gold[item], times[problem.keys[item]], first[problem.keys[item]], item))
        alike[tuple((gold[item], times[problem.keys[item]]) for item in members)].append(members)
    labels: dict[int, int] = {}
    for like in alike.values():
        for members, place in zip(like, generator.permutation(len(like)).tolist(), strict=True):
            labels |= {item: found[other] for item, other in zip(members, like[place], strict=True)}
    return labels


def own_showings(ground: Ground, name: str, gold: Mapping[int, int], *, shots: int, seed: int) -> list[Showing]:
    """What is asked about every item of the run itself: nothing shown (`zero_shot`), random labels (`random_labels`) or
    gold ones (`gold_few_shot`). Groups in an order drawn at random share a context, 16 at a time but no
    more than a quarter of all; no context holds an item of their groups, so that none is shown its own answer."""
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
