"""What each rule allows, written down again by other means than `RULES`, so that tests can compare the two.

A new rule needs one entry in ALLOWED; every list of rules in the tests comes from `RULES`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from icm_tui.domain.rules import RULES

# The labels under each key of a group, and the number of labels that there are.
_Allows = Callable[[list[set[int]], int], bool]


def _alike(keys: list[set[int]]) -> bool:
    return all(len(labels) == 1 for labels in keys)


ALLOWED: dict[str, _Allows] = {
    "none": lambda keys, n_labels: True,
    "paper": lambda keys, n_labels: True,
    "same": lambda keys, n_labels: len(set[int]().union(*keys)) == 1,
    "opposite": lambda keys, n_labels: len(keys) != 2 or (_alike(keys) and keys[0] != keys[1]),
    "one_true": lambda keys, n_labels: _alike(keys) and keys.count({0}) <= 1,
}


def allowed(rule: str, keys: Sequence[int], labels: Sequence[int], n_labels: int) -> bool:
    """Whether a group's labels obey a rule; one that is only a penalty allows all."""
    by_key: dict[int, set[int]] = defaultdict(set)
    for key, label in zip(keys, labels, strict=True):
        by_key[key].add(label)
    return ALLOWED[rule](list(by_key.values()), n_labels)


def rules_for(n_labels: int, *, penalties: bool = False) -> list[str]:
    """The rules that a profile with so many labels may have; the methods that know penalties have two labels."""
    names = [name for name, rule in RULES.items() if n_labels == 2 or not (rule.two_labels or rule.penalty)]
    return [name for name in names if penalties or not RULES[name].penalty]
