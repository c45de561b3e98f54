"""Consistency: which labels the members of a group may carry together."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations, product

MOST_ASSIGNMENTS = 4096


def parts_of(members: Sequence[int], keys: Sequence[int]) -> list[list[int]]:
    """The places in `members` that share a key, in order of first appearance."""
    places: dict[int, list[int]] = {}
    for place, member in enumerate(members):
        places.setdefault(keys[member], []).append(place)
    return list(places.values())


@lru_cache(maxsize=1024)
def assignments(rule: str, n_parts: int, n_labels: int) -> list[tuple[int, ...]] | None:
    """Every assignment of labels to `n_parts` keys that `rule` allows, or None where all are allowed.

    `opposite`: two keys carry unlike labels (other numbers of keys are unconstrained); `one_true`: at most one key is
    A (0); `same`: all alike; `none`: unconstrained.
    """
    if rule == "same":
        return [(label,) * n_parts for label in range(n_labels)]
    if rule == "opposite" and n_parts == 2:
        return [pair for pair in product(range(n_labels), repeat=2) if pair[0] != pair[1]]
    if rule == "one_true":
        false = (1,) * n_parts
        return [(*false[:part], 0, *false[part + 1 :]) for part in range(n_parts)] + [false]
    return None


def nearest(
    rule: str, labels: Sequence[int | None], keys: Sequence[int], n_labels: int, pinned: Mapping[int, int]
) -> list[int | None] | None:
    """The labels of a group that break nothing, agree with `pinned` (a label a place) and differ in the fewest places
    from `labels`, of several the first that `assignments` names; None where the pinned ones break `rule` among
    themselves.

    An unlabelled place stays so unless it is pinned. Under rule `paper` nothing is broken exactly as under `one_true`.
    """
    parts = parts_of(range(len(keys)), keys)
    allowed = assignments("one_true" if rule == "paper" else rule, len(parts), n_labels)
    if allowed is None:
        return [pinned.get(place, label) for place, label in enumerate(labels)]
    fewest, found = len(labels) + 1, None
    for assignment in allowed:
        after = list(labels)
        for part, label in zip(parts, assignment, strict=True):
            for place in part:
                if place in pinned or labels[place] is not None:
                    after[place] = label
        if all(after[place] == label for place, label in pinned.items()):
            differ = sum(one != other for one, other in zip(labels, after, strict=True))
            if differ < fewest:
                fewest, found = differ, after
    return found


def broken(rule: str, labels: Sequence[int | None], keys: Sequence[int]) -> int:
    """The number of pairs of labelled members that break `rule`; None is unlabelled.

    `paper` counts as the original does: unlike labels under one key, and two keys that are both A.
    """
    if rule == "none" or (rule == "opposite" and len(set(keys)) != 2):
        return 0
    count = 0
    for (one, one_key), (other, other_key) in combinations(zip(labels, keys, strict=True), 2):
        if one is None or other is None:
            continue
        if one_key == other_key or rule == "same":
            count += one != other
        elif rule == "opposite":
            count += one == other
        else:
            count += one == other == 0
    return count
