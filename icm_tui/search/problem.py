"""The items as the search sees them: numbers, groups, keys and the rule, never a text and never gold."""

from collections.abc import Sequence

import msgspec

from icm_tui.domain.items import Item


class Problem(msgspec.Struct, frozen=True):
    """`groups` lists the members of every group (an item without a group is a group of its own), `group_of` maps an
    item to its group, `keys` an item to its key inside the group. `units` are what one decision labels: whole groups,
    or single items under the rule "none"."""

    groups: list[list[int]]
    group_of: list[int]
    keys: list[int]
    units: list[list[int]]
    rule: str
    n_labels: int

    @property
    def n_items(self) -> int:
        return len(self.group_of)


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
    units = [[index] for index in range(len(items))] if rule == "none" else groups
    return Problem(groups, group_of, keys, units, rule, n_labels)
