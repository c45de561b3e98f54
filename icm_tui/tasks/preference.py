"""Preference tasks: which of two texts is better. Pairs of texts become items in one order or in both.

With orders "both", the default, each pair becomes two items, one in each order, that are a group under rule `opposite`:
whoever prefers the first in one order prefers the second in the other. A bias towards the first place cancels this way,
at twice the calls. With "one", each pair is one item and there are no groups; its order follows from digests of
(shuffle seed, texts), so that neither the source's order nor gold can reach it.

Gold is true if the text shown first is the one that was chosen. A pair that a source lists more than once, or in both
orders, is one pair here; if its rows contradict one another, its gold is missing. A pair of two equal texts offers no
choice and is left out, with a note.

The embedded model sees which words an item has but not their order, so the two orders of a pair look alike to it: it
can label such a task, but the labels mean nothing. These tasks need a language model.
"""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from icm_tui.tasks.build import Columns
from icm_tui.tasks.dataset import Rows, Source
from icm_tui.tasks.tables import Row, Table, read_boolean, read_cell


class Pair(msgspec.Struct, frozen=True):
    """Two texts of a row. `chosen` says whether the first one was chosen, None if that is unknown; `question` is what
    both answer, empty if there is none."""

    row: Row
    question: str
    first: str
    second: str
    chosen: bool | None


def preference_rows(pairs: Iterable[Pair], source: Source, gold: str) -> Rows:
    """The rows of a task about `pairs`; `gold` is the name of the gold column."""
    unordered, alike = _unordered(pairs)
    both = source.settings.orders != "one"
    rows: list[Row] = []
    for number, pair in enumerate(unordered, start=1):
        turned = _turned(pair)
        # Uids follow the order of the texts, since the source's order may follow the gold.
        seed = source.settings.shuffle_seed
        shown = (pair, turned) if both else (min(pair, turned, key=lambda one: _digest(seed, one)),)
        for one in shown:
            suffix = "ab"[one.first > one.second]
            values = {"uid": f"{number}{suffix}", "pair": str(number), "text": _text(one), "chosen": one.chosen}
            rows.append(Row(len(rows) + 1, one.row.line, values))
    note = f"{alike} pairs of two texts that are alike were left out: there is nothing to choose between."
    return Rows(
        source.table.of(rows),
        Columns("text", uid="uid", group="pair" if both else None, gold={gold: "chosen"}),
        rule="opposite" if both else "none",
        notes=lambda task: [note] if alike else [],
    )


def read_pair_rows(table: Table) -> Iterator[Pair]:
    """Pairs from the columns question, choice, choice_2 and label (true if choice was chosen) of `table`."""
    for row in table.rows:
        question, first, second = (
            read_cell(table, row, column).strip() for column in ("question", "choice", "choice_2")
        )
        yield Pair(row, question, first, second, read_boolean(table, row, "label"))


def _unordered(pairs: Iterable[Pair]) -> tuple[list[Pair], int]:
    """Each pair once, in the order of its texts, and the number of pairs left out because both texts are equal."""
    found: dict[tuple[str, str, str], Pair] = {}
    alike = 0
    for pair in pairs:
        if pair.first == pair.second:
            alike += 1
            continue
        own = pair if pair.first < pair.second else _turned(pair)
        key = (own.question, own.first, own.second)
        known = found.get(key)
        if known is None:
            found[key] = own
        elif own.chosen != known.chosen:
            found[key] = msgspec.structs.replace(known, chosen=None)
    # By content, since the numbers become uids and the source's order may follow the gold.
    return [found[key] for key in sorted(found)], alike


def _turned(pair: Pair) -> Pair:
    chosen = None if pair.chosen is None else not pair.chosen
    return Pair(pair.row, pair.question, pair.second, pair.first, chosen)


def _text(pair: Pair) -> str:
    asked = f"Q: {pair.question}\n" if pair.question else ""
    return f"{asked}First: {pair.first}\nSecond: {pair.second}"


def _digest(seed: int, pair: Pair) -> bytes:
    content = msgspec.json.encode([str(seed), pair.question, pair.first, pair.second])
    return hashlib.blake2b(content, digest_size=16).digest()
