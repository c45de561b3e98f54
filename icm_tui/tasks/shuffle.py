"""A seeded shuffle that sees nothing but the content of the items, and the numbers that groups and keys get by it."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import msgspec

from icm_tui.domain.items import Item
from icm_tui.errors import UserError


class SourceItem(msgspec.Struct, frozen=True):
    """An item as its source has it: group and key are still the source's own words."""

    uid: str
    text: str
    group: str | None = None
    key: str | None = None


def shuffle(sources: Sequence[SourceItem], *, seed: int, own_keys: bool = False) -> list[Item]:
    """Shuffle groups, and the items inside each, and number groups and their keys by first appearance.

    The order is that of digests of (seed, content), so neither the order of the rows, nor uids, nor gold can reach it:
    rows in another order give the same texts, groups and keys in the same places. Items alike in all three are told
    apart by the digest of their uid, which decides only which of them bears which uid. An item without a group is a
    group of its own. With `own_keys` a member of a group that has no key gets one of its own.
    """
    order = sorted(sources, key=lambda source: _place(seed, source))
    items: list[Item] = []
    groups: dict[str, int] = {}
    keys: dict[str | None, dict[str | tuple[str], int]] = {}
    for source in order:
        group = None if source.group is None else groups.setdefault(source.group, len(groups))
        seen = keys.setdefault(source.group, {})
        # A tuple equals no key that a source can have.
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
    """The first whole groups of shuffled `items` that come to at most `limit` items; all of them if that is None.

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
