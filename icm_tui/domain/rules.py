"""Consistency rules: which labels the keys of a group may have together, what breaks a rule, and its words for people.

RULES is the only place that knows a rule. The search, pins, violations, the profile's choices, screens and reports look
a rule up by its name. A name that is missing here is a KeyError.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import combinations, product

MOST_ASSIGNMENTS = 4096

Assignment = tuple[int, ...]


class Demand(Enum):
    """What a rule demands of two members of a group: its value is the words for people."""

    FREE = "no rule"
    SAME = "same label"
    SAME_KEY = "same key: same label"
    DIFFER = "must differ"
    ONE_FIRST = "at most one is {first}"

    def broken(self, one: int, other: int) -> bool:
        """Whether the labels of two members break the demand."""
        if self is Demand.FREE:
            return False
        if self is Demand.DIFFER:
            return one == other
        if self is Demand.ONE_FIRST:
            return one == other == 0
        return one != other

    def words(self, first: str) -> str:
        """The demand in a few words; `first` is the name of the first label."""
        return self.value.format(first=first)


class Rule:
    """Rule `none`, which binds nothing. Every other rule is a subclass that overrides what is different.

    `decides_groups`: one decision labels a whole group rather than one item. `two_labels`: the rule is defined for two
    labels only. `names_matter`: the first label has a meaning, so labels are never renamed to agree better with gold.
    `mixed`: several labels occur in every bound group, which balances contexts and scores. `uniform`: all of a group
    have one label, so whatever sets a group apart must be left in its items' scores. `penalty`: labels may break the
    rule at a cost, which only methods `paper` and `fork` know. `needs`: what a group must have to be bound ("exactly
    2 keys"), empty if every group is. `own_keys`: without a key column, each row of a group is a key of its own.
    """

    name = "none"
    decides_groups = False
    two_labels = False
    names_matter = False
    mixed = False
    uniform = False
    penalty = False
    needs = ""
    own_keys = False

    def binds(self, n_keys: int, n_labels: int) -> bool:
        """Whether the rule restricts a group of `n_keys` keys at all."""
        return self.decides_groups

    def assignments(self, n_keys: int, n_labels: int) -> list[Assignment] | None:
        """Every allowed assignment of a label to each of `n_keys` keys, or None if all are allowed."""
        return None

    def unbroken(self, n_keys: int, n_labels: int) -> list[Assignment] | None:
        """Every assignment that breaks nothing, or None if all do; a penalty allows more than that."""
        return self.assignments(n_keys, n_labels)

    def demand(self, n_keys: int, n_labels: int, *, same_key: bool) -> Demand:
        """What the rule demands of two members of a group of `n_keys` keys."""
        return Demand.FREE

    def breaches(self, labels: Sequence[int | None], keys: Sequence[int], n_labels: int) -> Iterator[tuple[int, int]]:
        """The pairs of places in a group whose labels break the rule together; unlabelled members break nothing."""
        n_keys = len(set(keys))
        if not self.binds(n_keys, n_labels):
            return
        alike, apart = (self.demand(n_keys, n_labels, same_key=same).broken for same in (True, False))
        members = enumerate(zip(labels, keys, strict=True))
        for (place, (one, one_key)), (behind, (other, other_key)) in combinations(members, 2):
            if one is not None and other is not None and (alike if one_key == other_key else apart)(one, other):
                yield place, behind

    def broken(self, labels: Sequence[int | None], keys: Sequence[int], n_labels: int) -> int:
        """How many pairs of a group's labels break the rule."""
        return sum(1 for _ in self.breaches(labels, keys, n_labels))

    def sentence(self, first: str, n_keys: int, n_labels: int, *, repeated: bool) -> str:
        """The rule of a group of `n_keys` keys for a person. `first` is the name of the first label; `repeated` is true
        if several members share a key."""
        return "Rule none: every item is decided by itself."


_SAME_KEY = "items with the same key have the same label"


class Opposite(Rule):
    """Two keys have different labels. Groups with any other number of keys are not bound."""

    name = "opposite"
    decides_groups = True
    two_labels = True
    mixed = True
    needs = "exactly 2 keys"
    own_keys = True

    def binds(self, n_keys: int, n_labels: int) -> bool:
        return n_keys == 2

    def assignments(self, n_keys: int, n_labels: int) -> list[Assignment] | None:
        if n_keys != 2:
            return None
        return [pair for pair in product(range(n_labels), repeat=2) if pair[0] != pair[1]]

    def demand(self, n_keys: int, n_labels: int, *, same_key: bool) -> Demand:
        if n_keys != 2:
            return Demand.FREE
        return Demand.SAME_KEY if same_key else Demand.DIFFER

    def sentence(self, first: str, n_keys: int, n_labels: int, *, repeated: bool) -> str:
        if n_keys != 2:
            return f"Rule opposite binds groups of two keys; this one has {n_keys}, so nothing binds its labels."
        if repeated:
            return f"Rule opposite: unlike keys, unlike labels; {_SAME_KEY}."
        return "Rule opposite: the two have unlike labels."


class OneTrue(Rule):
    """At most one key has the first label."""

    name = "one_true"
    decides_groups = True
    two_labels = True
    names_matter = True
    mixed = True

    def assignments(self, n_keys: int, n_labels: int) -> list[Assignment] | None:
        false = (1,) * n_keys
        return [(*false[:key], 0, *false[key + 1 :]) for key in range(n_keys)] + [false]

    def demand(self, n_keys: int, n_labels: int, *, same_key: bool) -> Demand:
        return Demand.SAME_KEY if same_key else Demand.ONE_FIRST

    def sentence(self, first: str, n_keys: int, n_labels: int, *, repeated: bool) -> str:
        bound = f"at most one of the group is {first}"
        return f"Rule one_true: {bound}, by key; {_SAME_KEY}." if repeated else f"Rule one_true: {bound}."


class Same(Rule):
    """All members of a group have one label."""

    name = "same"
    decides_groups = True
    uniform = True

    def assignments(self, n_keys: int, n_labels: int) -> list[Assignment] | None:
        return [(label,) * n_keys for label in range(n_labels)]

    def demand(self, n_keys: int, n_labels: int, *, same_key: bool) -> Demand:
        return Demand.SAME

    def sentence(self, first: str, n_keys: int, n_labels: int, *, repeated: bool) -> str:
        return "Rule same: all of the group have the same label."


class Paper(Rule):
    """The penalty of the original code (Wen et al. 2025): two keys with the first label, and different labels under one
    key, count against a labelling but are allowed. A labelling without a penalty is one that `one_true` allows."""

    name = "paper"
    decides_groups = True
    penalty = True

    def unbroken(self, n_keys: int, n_labels: int) -> list[Assignment] | None:
        return RULES["one_true"].assignments(n_keys, n_labels)

    def demand(self, n_keys: int, n_labels: int, *, same_key: bool) -> Demand:
        return RULES["one_true"].demand(n_keys, n_labels, same_key=same_key)

    def sentence(self, first: str, n_keys: int, n_labels: int, *, repeated: bool) -> str:
        return (
            f"Rule paper: two unlike keys that are both {first}, or unlike labels of one key, count against the "
            "labels, but may stand."
        )


RULES: dict[str, Rule] = {rule.name: rule for rule in (Rule(), Opposite(), OneTrue(), Same(), Paper())}


def names_matter(rule: str | None) -> bool:
    """Whether the first label has a meaning under a rule; false while the rule is not known (None)."""
    return rule is not None and RULES[rule].names_matter


def parts_of(members: Sequence[int], keys: Sequence[int]) -> list[list[int]]:
    """The places in `members` that share a key, in order of first appearance."""
    places: dict[int, list[int]] = {}
    for place, member in enumerate(members):
        places.setdefault(keys[member], []).append(place)
    return list(places.values())


@lru_cache(maxsize=1024)
def assignments(rule: str, n_keys: int, n_labels: int) -> list[Assignment] | None:
    """Every assignment of labels to `n_keys` keys that a rule allows, or None if all are allowed."""
    return RULES[rule].assignments(n_keys, n_labels)


@lru_cache(maxsize=4096)
def broken(rule: str, labels: tuple[int | None, ...], keys: tuple[int, ...], n_labels: int) -> int:
    """`Rule.broken`, kept: groups with the same keys and labels come up again and again."""
    return RULES[rule].broken(labels, keys, n_labels)


def nearest(
    rule: str, labels: Sequence[int | None], keys: Sequence[int], n_labels: int, pinned: Mapping[int, int]
) -> list[int | None] | None:
    """The labels of a group that break nothing, agree with `pinned` (place to label) and differ from `labels` in the
    fewest places; among equals, the first in the order of `Rule.unbroken`. None if the pins alone break the rule.

    An unlabelled place stays unlabelled unless it is pinned.
    """
    parts = parts_of(range(len(keys)), keys)
    allowed = RULES[rule].unbroken(len(parts), n_labels)
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
