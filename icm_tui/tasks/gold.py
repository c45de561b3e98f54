"""Gold columns: read from a table, checked, and kept apart from the items."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NoReturn

import msgspec

from icm_tui.domain.items import Gold, Item
from icm_tui.errors import UserError
from icm_tui.tasks.tables import Row, Table, require_column, spelled
from icm_tui.text import quoted

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SIGNS = {1.0: 1, 0.0: 0, -1.0: -1}
_TRUTH_WORDS = {"true": 1, "false": 0}


class _Reading(msgspec.Struct, frozen=True):
    """The value of a cell: a number 1, 0 or -1, a boolean by its type or as a word, or any other word."""

    kind: Literal["number", "boolean", "boolean word", "word"]
    sign: int
    spelling: str
    row: Row


def read_gold(table: Table, columns: Mapping[str, str], uids: Sequence[str], labels: Sequence[str]) -> Gold:
    """Read gold `columns` (name to the table's column) of the rows whose uids are `uids`, in the order of the rows.

    true, 1 and +1 are class 0; false, 0 and -1 are class 1, also as strings. Other words are classes sorted by name, at
    most as many as there are `labels`. Null, blank and absent cells are missing. Raises UserError, naming file, line
    and column, for any other value, for a column that mixes 0 and -1 or words and numbers, and for a missing column.
    """
    found: dict[str, dict[str, int]] = {}
    classes: dict[str, list[str]] = {}
    for name, column in columns.items():
        require_column(table, column, "task.gold")
        readings = [_read(table, row, column, len(labels)) for row in table.rows]
        present = [reading for reading in readings if reading is not None]
        if any(reading.kind == "word" for reading in present):
            classes[name] = _word_classes(table, column, present, len(labels))
            number = {spelling: index for index, spelling in enumerate(classes[name])}
            of = {id(reading): number[reading.spelling] for reading in present}
        else:
            classes[name] = _two_classes(table, column, present)
            of = {id(reading): 0 if reading.sign == 1 else 1 for reading in present}
        found[name] = {uid: of[id(reading)] for uid, reading in zip(uids, readings, strict=True) if reading is not None}
    return Gold(found, classes)


def _read(table: Table, row: Row, column: str, n_labels: int) -> _Reading | None:
    value = row.values.get(column)
    try:
        spelling = spelled(value)
    except ValueError as reason:
        _refuse(table, row, column, f"holds {reason}", n_labels)
    if spelling is None:
        return None
    spelling = spelling.strip()
    if spelling.casefold() in _TRUTH_WORDS:
        kind: Literal["boolean", "boolean word"] = "boolean" if isinstance(value, bool) else "boolean word"
        return _Reading(kind, _TRUTH_WORDS[spelling.casefold()], spelling, row)
    if isinstance(value, str) and not _NUMBER.fullmatch(spelling):
        return _Reading("word", 0, spelling, row)
    sign = _SIGNS.get(float(spelling))
    if sign is None:
        _refuse(table, row, column, f"holds {quoted(value)}", n_labels)
    return _Reading("number", sign, str(sign), row)


def _refuse(table: Table, row: Row, column: str, what: str, n_labels: int) -> NoReturn:
    raise UserError(
        f"{table.place(row)}, column {quoted(column)} {what}, which cannot be read as gold; use true/false, 1/0, 1/-1, "
        f"or at most {n_labels} different words."
    )


def _word_classes(table: Table, column: str, present: list[_Reading], n_labels: int) -> list[str]:
    first = next(reading for reading in present if reading.kind == "word")
    names: set[str] = set()
    for reading in present:
        if reading.kind in ("number", "boolean"):
            raise UserError(
                f"{table.place(reading.row)}, column {quoted(column)} holds {reading.spelling}, but {table.unit} "
                f"{first.row.line} holds the word {quoted(first.spelling)}; write all of its values in one way."
            )
        if reading.spelling not in names and len(names) == n_labels:
            raise UserError(
                f"{table.place(reading.row)}, column {quoted(column)} holds {quoted(reading.spelling)}, one class more "
                f"than the {n_labels} labels of prompt.labels; add a label or leave the column out of task.gold."
            )
        names.add(reading.spelling)
    return sorted(names)


def _two_classes(table: Table, column: str, present: list[_Reading]) -> list[str]:
    first: dict[int, _Reading] = {}
    for reading in present:
        first.setdefault(reading.sign, reading)
    if 0 in first and -1 in first:
        later = max(first[0], first[-1], key=lambda reading: reading.row.number)
        earlier = min(first[0], first[-1], key=lambda reading: reading.row.number)
        raise UserError(
            f"{table.place(later.row)}, column {quoted(column)} holds {later.spelling}, but {table.unit} "
            f"{earlier.row.line} holds {earlier.spelling}; use either 1/0 or 1/-1, and null for what is missing."
        )
    if not first:
        return []
    spellings = ["1", "0"] if present[0].kind == "number" else ["true", "false"]
    for sign, reading in first.items():
        spellings[0 if sign == 1 else 1] = reading.spelling
    return spellings


def telling_columns(items: Sequence[Item], gold: Gold) -> list[str]:
    """The gold columns that split every group of three or more known items exactly as the keys do.

    Such a key shows the search the answer: two answers of a pair must differ, but those of a larger group need not.
    A column counts only if it splits at least one group.
    """
    groups: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        if item.group is not None and item.key is not None:
            groups[item.group].append(item)
    telling: list[str] = []
    for name, column in gold.columns.items():
        split = False
        for members in groups.values():
            known = [(item.key, column[item.uid]) for item in members if item.uid in column]
            if len(known) < 3:
                continue
            keys, found, both = len({key for key, _ in known}), len({label for _, label in known}), len(set(known))
            if not keys == found == both:
                break
            split = split or keys > 1
        else:
            if split:
                telling.append(name)
    return telling
