"""What a found split follows: length, punctuation, words, places and gold columns in one ranked table.

A split can be coherent about something nobody meant. Traits are made of the items' texts and places without a look at
labels or gold, so that none can have been chosen because it fits. Every trait is put on one scale, the rank-biserial
correlation (Cureton 1956): how much likelier a random item of the set has the higher value than one outside it, less
the reverse. For a trait that is there or not it is the difference of the two shares, and for gold of two classes it is
twice the balanced accuracy less one. p is adjusted for having looked at all traits, by permutation of whole groups; see
`significance`.
"""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from icm_tui.domain.items import Gold, Item
from icm_tui.evaluate.agreement import Floats, Ints
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.measure import group_numbers
from icm_tui.evaluate.report import TraitFigures
from icm_tui.evaluate.significance import permuted_labels, standardised, step_down
from icm_tui.text import one_line

FEWEST_GROUPS = 5
"""An n-gram must occur in this many groups (an ungrouped item being one) to be a trait."""

MOST_NGRAMS = 3000
"""At most so many n-grams are examined, the commonest first, since rare ones show nothing; fewer for many items."""

_CELLS = 20_000_000

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_SENTENCE_END = re.compile(r"[.!?…]+(?:\s|$)")
_MARKS = {
    "question marks": "?",
    "exclamation marks": "!",
    "commas": ",",
    "semicolons": ";",
    "colons": ":",
    "full stops": ".",
    "quotation marks": "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb",
    "brackets": "()[]{}",
    "dashes": "-\u2013\u2014",
}
_LONGEST_NGRAM = 3

SIGNIFICANT = 0.05
_NOTHING = 1e-9
_BLOCK = 512


class Trait(msgspec.Struct, frozen=True):
    """A trait called `name` with a value an item; NaN if an item has none. `kind` is "length", "punctuation",
    "position" or "group" for measures, "words" for whether an n-gram occurs (1 or 0)."""

    kind: str
    name: str
    values: Floats


class Finding(TraitFigures, frozen=True, kw_only=True):
    """A trait and how the split follows it; `label` is the set that has more of it."""

    label: int


def diagnose_run(finished: FinishedRun, gold: Gold | None) -> list[Finding]:
    """What the labels of a run follow; see `diagnose`. Without `gold` its columns are not among the traits."""
    return diagnose(finished.items, finished.labels, gold, n_labels=len(finished.names), seed=finished.profile.run.seed)


def diagnose(
    items: Sequence[Item],
    labels: Sequence[int | None],
    gold: Gold | None,
    *,
    n_labels: int,
    seed: int,
    permutations: int = 500,
) -> list[Finding]:
    """Every trait of `items`, and of `gold` if it is given (a trait of kind "gold" for each class of a column; of
    two classes, the first), ranked: by adjusted p, then by strength. Empty if fewer than two sets have items.

    p is null for a trait that no exchange of groups changes, such as the place inside groups of three.
    """
    found = np.array([-1 if label is None else label for label in labels], dtype=np.int64)
    groups = group_numbers(items)
    if len(np.unique(found[found >= 0])) < 2:
        return []
    traits = [*traits_of(items), *_gold_traits(items, gold)]
    columns = np.stack([_centred_ranks(trait.values) for trait in traits], axis=1).astype(np.float32)
    observed = _distances(found.astype(np.int8)[None], columns, n_labels)
    rounds = permuted_labels(found, groups, permutations=permutations, seed=seed)
    permuted = np.concatenate([_distances(drawn, columns, n_labels) for drawn in rounds])
    # The distance of each set is standardised by itself; a trait is then scored by the set that it fits best.
    near, far = standardised(observed[0].reshape(-1), permuted.reshape(len(permuted), -1))
    best = np.where(np.isnan(near), -np.inf, near).reshape(n_labels, -1)
    drawn_best = np.where(np.isnan(far), -np.inf, far).reshape(len(permuted), n_labels, -1).max(axis=1)
    fit = best.max(axis=0)
    p, adjusted = step_down(np.where(np.isinf(fit), np.nan, fit), drawn_best)
    findings = [
        _finding(trait, found, best[:, number], p[number], adjusted[number]) for number, trait in enumerate(traits)
    ]
    shown = [one for one in findings if one.strength > _NOTHING]
    return sorted(shown, key=lambda one: (_or_one(one.p_adjusted), -one.strength, one.kind, one.name))


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


def _gold_traits(items: Sequence[Item], gold: Gold | None) -> list[Trait]:
    found = []
    for name, column in (gold.columns if gold else {}).items():
        known = np.array([column.get(item.uid, -1) for item in items])
        classes = gold.classes[name] if gold else []
        for number, of_class in enumerate(classes[:1] if len(classes) <= 2 else classes):
            values = np.where(known < 0, np.nan, (known == number).astype(np.float64))
            if len(np.unique(values[known >= 0])) > 1:
                found.append(Trait("gold", f"{name} = {of_class}", values))
    return found


def _centred_ranks(values: Floats) -> Floats:
    """Mid-ranks over the known values, less their mean and divided by their number; 0 if there is no value."""
    ranks = np.zeros(len(values))
    known = ~np.isnan(values)
    _, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    n = int(known.sum())
    ranks[known] = (middle[place] - (n + 1) / 2) / n
    return ranks


def _distances(labels: NDArray[np.int8], columns: NDArray[np.float32], n_labels: int) -> Floats:
    """For each row of labels, each set and each trait: the mean centred rank inside less that outside; shape
    (rows, sets, traits)."""
    found = np.empty((len(labels), n_labels, columns.shape[1]))
    for label in range(n_labels):
        inside = labels == label
        outside = (labels >= 0) & ~inside
        sizes = np.maximum(inside.sum(axis=1), 1)[:, None], np.maximum(outside.sum(axis=1), 1)[:, None]
        weights = (inside / sizes[0] - outside / sizes[1]).astype(np.float32)
        for start in range(0, columns.shape[1], _BLOCK):
            found[:, label, start : start + _BLOCK] = weights @ columns[:, start : start + _BLOCK]
    return found


def _finding(trait: Trait, found: Ints, fits: Floats, p: float | None, adjusted: float | None) -> Finding:
    """The finding for the set that `fits` best, or, with two sets, for the one that has more of the trait."""
    label = int(fits.argmax())
    strength = _rank_biserial(trait.values, found, label)
    if strength < 0 and len(fits) == 2:
        label, strength = 1 - label, -strength
    known = ~np.isnan(trait.values) & (found >= 0)
    inside, outside = known & (found == label), known & (found != label)
    lift = None
    if trait.kind in ("words", "gold"):
        high, low = trait.values[inside].sum() + 0.5, trait.values[outside].sum() + 0.5
        lift = float(high / (inside.sum() + 1) / (low / (outside.sum() + 1)))
    means = [float(trait.values[part].mean()) if part.any() else 0.0 for part in (inside, outside)]
    return Finding(
        kind=trait.kind,
        name=trait.name,
        label=label,
        strength=strength,
        n=int(known.sum()),
        inside=means[0],
        outside=means[1],
        lift=lift,
        p=p,
        p_adjusted=adjusted,
    )


def _rank_biserial(values: Floats, found: Ints, label: int) -> float:
    known = ~np.isnan(values) & (found >= 0)
    inside = found[known] == label
    if inside.all() or not inside.any():
        return 0.0
    ranks = _centred_ranks(values[known])
    return float(2 * (ranks[inside].mean() - ranks[~inside].mean()))


def headline(found: Sequence[Finding], names: Sequence[str]) -> str:
    """The diagnosis in a sentence or two; `names` are those of the label sets."""
    if not found:
        return "There is no split to examine: fewer than two sets have items."
    first = found[0]
    if first.p_adjusted is None or first.p_adjusted > SIGNIFICANT:
        return (
            f"None of {len(found)} traits goes with the split by more than chance; "
            f"the nearest is {_described(first, names)}."
        )
    said = f"Of {len(found)} traits the split follows {_described(first, names)} most closely."
    gold = next((one for one in found if one.kind == "gold"), None)
    if gold is None or first.kind == "gold":
        return said
    clear = gold.p_adjusted is not None and gold.p_adjusted <= SIGNIFICANT
    nearest = f"the nearest gold column is {one_line(gold.name)}, strength {gold.strength:.2f}"
    return f"{said} It may be what was found: {nearest}{'' if clear else ', no more than chance'}."


def _described(finding: Finding, names: Sequence[str]) -> str:
    what = f'"{one_line(finding.name)}"' if finding.kind == "words" else one_line(finding.name)
    return f"{what} (more in {names[finding.label]}, strength {finding.strength:.2f} of 1)"


def traits_of(items: Sequence[Item]) -> list[Trait]:
    """All traits of the items. Those with the same value for all items are left out, since they show nothing."""
    texts = [item.text for item in items]
    words = [_WORD.findall(text.casefold()) for text in texts]
    found = [*_lengths(texts, words), *_punctuation(texts), *_positions(items), *_ngrams(items, words)]
    return [trait for trait in found if _varies(trait.values)]


def _varies(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size and known.min() < known.max())


def _lengths(texts: Sequence[str], words: Sequence[Sequence[str]]) -> list[Trait]:
    measures = {
        "characters": [len(text) for text in texts],
        "words": [len(own) for own in words],
        "letters a word": [sum(map(len, own)) / len(own) if own else np.nan for own in words],
        "sentences": [max(1, len(_SENTENCE_END.findall(text))) for text in texts],
    }
    return [Trait("length", name, np.array(values, dtype=np.float64)) for name, values in measures.items()]


def _punctuation(texts: Sequence[str]) -> list[Trait]:
    counts = {name: [sum(map(text.count, marks)) for text in texts] for name, marks in _MARKS.items()}
    counts["digits"] = [sum(map(str.isdigit, text)) for text in texts]
    counts["capital letters"] = [sum(map(str.isupper, text)) for text in texts]
    counts["lines"] = [text.count("\n") for text in texts]
    return [Trait("punctuation", name, np.array(values, dtype=np.float64)) for name, values in counts.items()]


def _positions(items: Sequence[Item]) -> list[Trait]:
    """The places of items: in the run's own shuffled order and, if uids are numbers, in the source."""
    sizes = Counter(item.group for item in items if item.group is not None)
    order = list(range(len(items)))
    member_of = [1 if item.group is None else sizes[item.group] for item in items]
    found = [
        Trait("position", "place in the run", np.array(order, dtype=np.float64)),
        Trait("position", "place in its group", _places_in_groups(items, order)),
        Trait("group", "size of its group", np.array(member_of, dtype=np.float64)),
    ]
    if all(item.uid.isascii() and item.uid.isdigit() and len(item.uid) < 16 for item in items):
        rows = [int(item.uid) for item in items]
        found.append(Trait("position", "row in the source", np.array(rows, dtype=np.float64)))
        found.append(Trait("position", "row among its group's in the source", _places_in_groups(items, rows)))
    return found


def _places_in_groups(items: Sequence[Item], order: Sequence[int]) -> Floats:
    """Which member of its group an item is by `order`, from 0; NaN for items without a group."""
    places = np.full(len(items), np.nan)
    seen: Counter[int] = Counter()
    for item in sorted(range(len(items)), key=order.__getitem__):
        group = items[item].group
        if group is not None:
            places[item] = seen[group]
            seen[group] += 1
    return places


def _ngrams(items: Sequence[Item], words: Sequence[Sequence[str]]) -> list[Trait]:
    groups: dict[str, set[int]] = {}
    own = [_own_ngrams(each) for each in words]
    for number, (item, grams) in enumerate(zip(items, own, strict=True)):
        group = -1 - number if item.group is None else item.group
        for gram in grams:
            groups.setdefault(gram, set()).add(group)
    common = sorted((gram for gram in groups if len(groups[gram]) >= FEWEST_GROUPS), key=lambda g: (-len(groups[g]), g))
    place = {gram: number for number, gram in enumerate(common[: min(MOST_NGRAMS, _CELLS // len(items))])}
    values = np.zeros((len(place), len(items)))
    for number, grams in enumerate(own):
        values[[place[gram] for gram in grams if gram in place], number] = 1.0
    return [Trait("words", gram, values[row]) for gram, row in place.items()]


def _own_ngrams(words: Sequence[str]) -> set[str]:
    return {
        " ".join(words[start : start + size])
        for size in range(1, _LONGEST_NGRAM + 1)
        for start in range(len(words) - size + 1)
    }
