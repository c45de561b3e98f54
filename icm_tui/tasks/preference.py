"""Preference tasks: which of two texts. Pairs in, items in one order or in both out.

With orders "both", the default, each pair becomes two items, one in each order, that are a group under rule `opposite`:
whoever prefers the first in one order prefers the second in the other. A leaning to the first place thereby cancels,
at twice the calls. With "one" each pair is one item; its order is that of digests of (shuffle seed, texts), so neither
the source's order nor gold can reach it, and there are no groups.

Gold is true if the text shown first is the one that was chosen. A source that lists a pair more than once, or in
both orders, has it once here; if its rows contradict one another the gold is missing. Two texts that are alike
cannot be chosen between and are left out, which a note says.

The embedded model sees which words an item has and not in which order, so the two orders of a pair look alike to it:
it can label such a task, but the labels mean nothing. These tasks want a language model.
"""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from icm_tui.tasks.build import Columns
from icm_tui.tasks.dataset import Rows, Source
from icm_tui.tasks.tables import Row, Table, read_boolean, read_cell


class Pair(msgspec.Struct, frozen=True):
    """Two texts of a row, the first of which was `chosen` or was not; None if the row does not say. `question` is
    what both answer, empty if there is none."""

    row: Row
    question: str
    first: str
    second: str
    chosen: bool | None


def preference_rows(pairs: Iterable[Pair], source: Source, gold: str) -> Rows:
    """The rows of the task to choose between the texts of `pairs`; `gold` is the name of the gold column."""
    unordered, alike = _unordered(pairs)
    both = source.settings.orders != "one"
    rows: list[Row] = []
    for number, pair in enumerate(unordered, start=1):
        turned = _turned(pair)
        # Uids by the texts' own order: the source's may follow the gold.
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
    """The rows question, choice, choice_2 and label (true if choice was chosen) of `table`."""
    for row in table.rows:
        question, first, second = (
            read_cell(table, row, column).strip() for column in ("question", "choice", "choice_2")
        )
        yield Pair(row, question, first, second, read_boolean(table, row, "label"))


def _unordered(pairs: Iterable[Pair]) -> tuple[list[Pair], int]:
    """Each pair once, in the order of its texts, and how many were left out because both texts are alike."""
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
    # By content, for the numbers are uids and the source's order may follow the gold.
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
