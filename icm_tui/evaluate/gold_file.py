"""gold.jsonl of a run directory: the gold labels. Only `evaluate` opens it.

The first line is {"classes": {column: [class names]}}; then a line an item, in item order,
{"uid": ..., "gold": {column: class index or null}}, where null is missing.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from icm_tui.domain.items import Gold
from icm_tui.errors import UserError
from icm_tui.run_dir.layout import write_atomically


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    classes: dict[str, list[str]]


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    uid: str
    gold: dict[str, int | None]


def write_gold(path: str | os.PathLike[str], gold: Gold, uids: Iterable[str]) -> None:
    """Write the gold labels of `uids`, in that order, to `path`: all of it or nothing, readable by its owner only.

    Raises RunFailed if the system refuses, KeyError if a column of `gold` names no classes.
    """
    write_atomically(Path(path), b"".join(_lines(gold, uids)))


def _lines(gold: Gold, uids: Iterable[str]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    yield encoder.encode(_Header({name: gold.classes[name] for name in gold.columns})) + b"\n"
    for uid in uids:
        yield encoder.encode(_Row(uid, {name: column.get(uid) for name, column in gold.columns.items()})) + b"\n"


def read_gold(path: str | os.PathLike[str]) -> Gold:
    """The gold labels in `path`; a uid whose value is null or absent is left out of its column.

    Raises UserError, naming the line, if the file is missing or is not what write_gold writes.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _parse(file, path)
    except OSError as error:
        raise UserError(
            f"The gold labels cannot be read from {path}: {error.strerror}. Name a run's directory, and check that "
            "it is yours to read."
        ) from error


def _parse(lines: Iterator[bytes], path: Path) -> Gold:
    def broken(number: int, what: str) -> UserError:
        return UserError(
            f"{path}, line {number}: {what}. The gold labels are broken; restore the file from a copy, or make the "
            "run again to have it written."
        )

    try:
        classes = msgspec.json.decode(next(lines, b""), type=_Header).classes
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise broken(1, f'expected {{"classes": {{column: [class names]}}}}, but {error}') from error
    decoder = msgspec.json.Decoder(_Row)
    columns: dict[str, dict[str, int]] = {name: {} for name in classes}
    seen: set[str] = set()
    for number, line in enumerate(lines, start=2):
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise broken(number, f'expected {{"uid": ..., "gold": {{...}}}}, but {error}') from error
        if row.uid in seen:
            raise broken(number, f"the uid {row.uid!r} occurs for the second time")
        seen.add(row.uid)
        for name, index in row.gold.items():
            if name not in classes:
                raise broken(number, f"the column {name!r} is not among the classes of line 1")
            if index is None:
                continue
            if not 0 <= index < len(classes[name]):
                raise broken(number, f"class {index} of column {name!r} is not one of its {len(classes[name])} classes")
            columns[name][row.uid] = index
    return Gold(columns, classes)
