"""The items as the search sees them: numbers, groups, keys and the rule, never a text and never gold."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES, broken


class Problem(msgspec.Struct, frozen=True):
    """`groups` lists the members of every group (an item without a group is a group of its own), `group_of` maps an
    item to its group, `keys` an item to its key inside the group. `units` are what one decision labels: whole groups,
    or single items if the rule decides each item by itself."""

    groups: list[list[int]]
    group_of: list[int]
    keys: list[int]
    units: list[list[int]]
    rule: str
    n_labels: int

    @property
    def n_items(self) -> int:
        return len(self.group_of)

    def broken_in(self, group: int, labels: Sequence[int | None] | Mapping[int, int | None]) -> int:
        """How many pairs of a group's labels break the rule; `labels` has them by item, None if it has none."""
        members = self.groups[group]
        if len(members) == 1:
            return 0
        keys = tuple([self.keys[item] for item in members])
        return broken(self.rule, tuple([labels[item] for item in members]), keys, self.n_labels)


def make_problem(items: Sequence[Item], rule: str, n_labels: int) -> Problem:
    """Number the groups and keys of `items` under `rule`. An item without a key gets one of its own."""
    groups: list[list[int]] = []
    group_of: list[int] = []
    keys: list[int] = []
    number_of: dict[int, int] = {}
    own_key = 1 + max((item.key for item in items if item.key is not None), default=0)
    for index, item in enumerate(items):
        number = number_of.setdefault(item.group, len(groups)) if item.group is not None else len(groups)
        if number == len(groups):
            groups.append([])
        groups[number].append(index)
        group_of.append(number)
        keys.append(item.key if item.key is not None else own_key + len(groups[number]))
    units = groups if RULES[rule].decides_groups else [[index] for index in range(len(items))]
    return Problem(groups, group_of, keys, units, rule, n_labels)


class Violations:
    """How many pairs break the rule in each chain. The first look at a chain counts all groups; a change, its own."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._broken_in: dict[int, list[int]] = {}
        self._total: dict[int, int] = {}

    def of(self, chain: int, labels: Sequence[int | None]) -> int:
        """How many pairs break the rule in `chain`, whose labels are `labels`."""
        if chain not in self._total:
            groups = range(len(self._problem.groups))
            self._broken_in[chain] = [self._problem.broken_in(group, labels) for group in groups]
            self._total[chain] = sum(self._broken_in[chain])
        return self._total[chain]

    def note(self, chain: int, changes: Iterable[LabelChange], labels: Sequence[int | None]) -> None:
        """Count the groups of `changes` again; the labels of `chain` are now `labels`."""
        if chain not in self._total:
            return
        counts = self._broken_in[chain]
        for group in {self._problem.group_of[item] for item, _, _ in changes}:
            count = self._problem.broken_in(group, labels)
            self._total[chain] += count - counts[group]
            counts[group] = count
