"""The items as the search sees them: numbers, groups, keys and the rule, never a text and never gold."""

from collections.abc import Sequence

import msgspec

from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES


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

    def broken_in(self, group: int, labels: Sequence[int | None]) -> int:
        """How often the labels of a group break the rule; `labels` has one for each item, None if it has none."""
        members = self.groups[group]
        if len(members) == 1:
            return 0
        keys = [self.keys[item] for item in members]
        return RULES[self.rule].broken([labels[item] for item in members], keys, self.n_labels)


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
