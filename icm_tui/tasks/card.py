"""What there is to know about a dataset before it is labelled: where it comes from, and what to beware of."""

from typing import Literal

import msgspec

Terms = Literal["free", "non-commercial", "no licence"]


class HubFiles(msgspec.Struct, frozen=True):
    """Files of one table in a repository on the Hub, read as they are: no loading script is ever run.

    `files` are paths inside the repository, with * for a part of a name; `revision` is a commit, branch or tag, read
    if the profile names no other.
    """

    repository: str
    files: list[str]
    revision: str = "main"


class Place(msgspec.Struct, frozen=True):
    """Where one table lies: `files` are paths inside a local folder, the first one found is read; `hub` is None if
    the Hub has no such table. `columns` names the cells of rows that have no names: a CSV without a header, or JSON
    lists. `rows` is how many rows it had when it was last counted."""

    files: list[str]
    hub: HubFiles | None = None
    columns: list[str] | None = None
    rows: int | None = None


class Split(msgspec.Struct, frozen=True):
    """One part of a dataset that can be labelled: its tables by name, of which "rows" holds the items, and how many
    items these come to (None if that was never counted)."""

    tables: dict[str, Place]
    items: int | None = None


class Card(msgspec.Struct, frozen=True):
    """A dataset described: one line of `about` for lists, then in words what an item is, what groups are, which gold
    columns there are, the licence and the traps.

    `splits` are named as task.split names them; `split` is the one read if none is named. `rule` is the
    consistency rule that holds by default. `terms` marks what may not be passed on freely; nothing of it ships.
    `ships` says that it comes with the program, and needs neither a file nor a network.
    """

    about: str
    item: str
    groups: str
    rule: str
    gold: str
    paper: str
    licence: str
    terms: Terms
    splits: dict[str, Split]
    split: str
    traps: list[str] = []
    ships: bool = False
