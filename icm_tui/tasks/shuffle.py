"""The order of the items, and which of them are held out from the search. Both follow from digests of the content of
items alone, so that neither the order of the rows nor gold can reach them."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from icm_tui.domain.items import Gold, Item, Task
from icm_tui.errors import UserError

_PREFIX = "held-out/"


class SourceItem(msgspec.Struct, frozen=True):
    """An item as its source has it: group and key are still the source's own strings."""

    uid: str
    text: str
    group: str | None = None
    key: str | None = None


def shuffle(sources: Sequence[SourceItem], *, seed: int, own_keys: bool = False) -> list[Item]:
    """Shuffle groups, and the items inside each, and number groups and their keys by first appearance.

    The order is that of digests of (seed, content), so that neither the order of the rows, nor uids, nor gold can reach
    it: rows in another order give the same texts, groups and keys in the same places. Items alike in all three are
    ordered by the digest of their uid, which decides only which of them has which uid. An item without a group is a
    group of its own. With `own_keys`, a member of a group that has no key gets one of its own.
    """
    order = sorted(sources, key=lambda source: _place(seed, source))
    items: list[Item] = []
    groups: dict[str, int] = {}
    keys: dict[str | None, dict[str | tuple[str], int]] = {}
    for source in order:
        group = None if source.group is None else groups.setdefault(source.group, len(groups))
        seen = keys.setdefault(source.group, {})
        # A tuple, since it equals no key that a source can have.
        key = (source.uid,) if source.key is None and own_keys else source.key
        number = None if key is None or group is None else seen.setdefault(key, len(seen))
        items.append(Item(source.uid, source.text, group, number))
    return items


def _place(seed: int, source: SourceItem) -> tuple[bytes, bytes, bytes]:
    own = _digest(seed, "item", source.group, source.key, source.text)
    group = own if source.group is None else _digest(seed, "group", source.group)
    return group, own, _digest(seed, "uid", source.uid)


def _digest(*parts: int | str | None) -> bytes:
    # As strings: a seed may be larger than what JSON encoders take for an integer.
    content = msgspec.json.encode([None if part is None else str(part) for part in parts])
    return hashlib.blake2b(content, digest_size=16).digest()


def first_groups(items: list[Item], limit: int | None) -> list[Item]:
    """The first whole groups of shuffled `items` that have at most `limit` items in all; all groups if it is None.

    Raises UserError if `limit` is below 1 or below the size of the first group.
    """
    if limit is None:
        return items
    if limit < 1:
        raise UserError(f"task.limit = {limit} leaves nothing to label; give at least 1, or leave it out.")
    sizes = Counter(item.group for item in items if item.group is not None)
    end = 0
    while end < len(items):
        group = items[end].group
        size = 1 if group is None else sizes[group]
        if end + size > limit:
            break
        end += size
    if not end:
        raise UserError(
            f"task.limit = {limit} is smaller than the first group, which has {size} rows and is never split; "
            f"give at least {size}."
        )
    return items[:end]


def hold_out(task: Task, fraction: float, *, seed: int) -> Task:
    """Move about `fraction` of the groups of `task` to its held-out items; an item without a group is a group of its
    own.

    The choice follows from digests of (seed, the group's texts) alone, never from the order of the items or from gold.
    Groups of the same texts stay together, and at least one group is left on each side. Raises UserError if there are
    not two different groups.
    """
    groups = _groups(task.items)
    texts = {number: sorted(item.text for item in members) for number, members in groups.items()}
    digests = {number: _digest(seed, "held out", *own) for number, own in texts.items()}
    order = sorted(groups, key=lambda number: digests[number])
    wanted = min(max(1, round(fraction * len(order))), len(order) - 1)
    # Never cut between equal digests; take the possible cut nearest to the wanted one.
    cuts = [place for place in range(1, len(order)) if digests[order[place - 1]] != digests[order[place]]]
    if not cuts:
        raise UserError(
            f"task.held_out = {fraction:g} needs at least 2 groups of different texts, one for each side; "
            "leave it out, or raise task.limit."
        )
    cut = min(cuts, key=lambda place: abs(place - wanted))
    out = {item.uid for number in order[:cut] for item in groups[number]}
    held_out = _renumbered(item for item in task.items if item.uid in out)
    items = _renumbered(item for item in task.items if item.uid not in out)
    note = f"{len(held_out)} items ({cut} of {len(order)} groups) are held out from the search."
    return msgspec.structs.replace(task, items=items, held_out=held_out, notes=[*task.notes, note])


def beside(task: Task, other: Task) -> Task:
    """`task` with the items of `other`, another split of its dataset, held out.

    Their uids get a prefix. A group is left out if one of its texts also occurs in `task`, and a note counts these
    items. Raises UserError if none are left.
    """
    seen = {item.text for item in task.items}
    groups = _groups(other.items)
    known = {item.uid for members in groups.values() if any(item.text in seen for item in members) for item in members}
    kept = [item for item in other.items if item.uid not in known]
    if not kept:
        raise UserError(
            "task.held_out names a split whose items are all labelled already; "
            "name another split, or give a fraction of the groups, as in held_out = 0.2."
        )
    held_out = _renumbered(msgspec.structs.replace(item, uid=_PREFIX + item.uid) for item in kept)
    notes = [*task.notes, f"{len(held_out)} items of another split are held out."]
    if known:
        notes.append(f"{len(known)} items of that split are left out: a text of their group is also labelled.")
    gold = _merged(task.gold, other.gold, {item.uid for item in kept})
    return msgspec.structs.replace(task, gold=gold, held_out=held_out, notes=notes)


def _groups(items: Iterable[Item]) -> dict[int | str, list[Item]]:
    groups: dict[int | str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.uid if item.group is None else item.group, []).append(item)
    return groups


def _renumbered(items: Iterable[Item]) -> list[Item]:
    """The items with their groups renumbered by first appearance."""
    numbers: dict[int, int] = {}
    return [
        item
        if item.group is None
        else msgspec.structs.replace(item, group=numbers.setdefault(item.group, len(numbers)))
        for item in items
    ]


def _merged(gold: Gold, other: Gold, uids: set[str]) -> Gold:
    """Gold of both. Classes are matched by name, since each split has its own numbers."""
    columns = {name: dict(labels) for name, labels in gold.columns.items()}
    classes = {name: list(names) for name, names in gold.classes.items()}
    for name, labels in other.columns.items():
        if name not in columns:
            continue
        names, theirs = classes[name], other.classes[name]
        # Two-valued gold has its true class first, even in a split that never has the other value.
        alike = len(names) == len(theirs) == 2 and names[0] == theirs[0]
        number: dict[int, int] = {}
        for label in sorted({label for uid, label in labels.items() if uid in uids}):
            if alike:
                number[label] = label
                continue
            if theirs[label] not in names:
                names.append(theirs[label])
            number[label] = names.index(theirs[label])
        columns[name] |= {_PREFIX + uid: number[label] for uid, label in labels.items() if uid in uids}
    return Gold(columns, classes)
