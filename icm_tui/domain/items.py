"""What is labelled: the items that the search sees, and the gold labels that it never does."""

import msgspec


class Item(msgspec.Struct, frozen=True):
    """One thing to label, as the search and the model see it.

    `group` and `key` are numbered by first appearance after a seeded shuffle, so neither the order of the source's
    rows nor its identifiers reach the search. Items of one group answer one question; `key` tells apart the answers
    inside a group. Both are None if the task names no such column.
    """

    uid: str
    text: str
    group: int | None = None
    key: int | None = None


class Gold(msgspec.Struct, frozen=True):
    """Gold labels, used to measure and for nothing else.

    `columns` maps a column's name to {uid: class index}; a uid that is absent is missing, not wrong. `classes` maps a
    column's name to the names of its classes as the source spells them, in the order of the class indices
    (for two-valued gold: index 0 is what the source calls true, 1 or +1).
    """

    columns: dict[str, dict[str, int]] = {}
    classes: dict[str, list[str]] = {}


class Task(msgspec.Struct, frozen=True):
    """A dataset made ready: shuffled items, gold, the rule that fits it, and what a person should know about it.

    `held_out` are items that the search never sees; `gold` covers them as well. Their groups are numbered by
    themselves. `revision` is the commit that was read, if the data came from the Hub.
    """

    items: list[Item]
    gold: Gold
    rule: str
    notes: list[str] = []
    held_out: list[Item] = []
    revision: str | None = None
