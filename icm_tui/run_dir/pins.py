"""The command that pins an item to a label, as it comes from outside."""

from collections.abc import Mapping, Sequence
from typing import Any


def read_pin(args: Mapping[str, Any], names: Sequence[str], n_items: int) -> tuple[int, int | None]:
    """The item and the label (a place in `names`; None takes the pin off) that a command "pin" names.

    Its arguments are `item`, the item's number, `label`, the name of a label set or null, and `note`, a text.
    Raises ValueError, with the reason in words, if they are not.
    """
    item, label, note = read_item(args, n_items), args.get("label"), args.get("note", "")
    if not isinstance(note, str):
        raise ValueError("its note is not a text")
    if label is None:
        return item, None
    if label not in names:
        raise ValueError(f"there is no label {label!r}; the labels are {', '.join(names)}")
    return item, names.index(label)


def read_item(args: Mapping[str, Any], n_items: int) -> int:
    """The number of the item that a command's `item` names. Raises ValueError, with the reason in words."""
    item = args.get("item")
    if not isinstance(item, int) or isinstance(item, bool):
        raise ValueError("it names no item; give the number of one as item")
    if not 0 <= item < n_items:
        raise ValueError(f"there is no item {item}; they are numbered from 0 to {n_items - 1}")
    return item
