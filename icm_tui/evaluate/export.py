"""A run's labels for other programs: JSON lines, CSV or Parquet, a row an item.

What is written is plain data, faithful to the character: a text that starts with "=", "+", "-" or "@" stays as it
is, since changing it would corrupt it for every reader that is not a spreadsheet. To open a CSV of
foreign texts in a spreadsheet, import its columns as text, or the spreadsheet may take such a cell for a formula.
"""

import codecs
import contextlib
import csv
import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from icm_tui import files
from icm_tui.errors import RunFailed, UserError

FORMATS = ("jsonl", "csv", "parquet")
_NEW_FILE_MODE = 0o666
_PARQUET_ROWS = 10_000  # a row group; bounds the memory of a large export


class ExportRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One item as exported.

    `label` is the label's name, None if the item has none; `logprobs` are the labels' log-probabilities in nats;
    `p` is the probability of `label`; `decided_at` is the number of the decision that set it. `gold` maps gold
    columns to names of classes (None is missing) and is there only when asked for.
    """

    uid: str
    text: str
    group: int | None
    label: str | None
    logprobs: list[float] | None
    p: float | None
    decided_at: int | None
    pinned: bool
    gold: dict[str, str | None] | None = None


_COLUMNS = ("uid", "text", "group", "label", "logprobs", "p", "decided_at", "pinned")


def export(rows: Sequence[ExportRow], file_format: str, path: str) -> None:
    """Write `rows` to `path` as "jsonl", "csv" or "parquet"; path "-" is standard output for jsonl and csv.

    All rows carry the same gold columns, or none. jsonl keeps `gold` as an object; csv and parquet have a column
    "gold_<name>" for each. csv is UTF-8 with a header, with quotes and line ends (CR LF) as in RFC 4180; None is
    an empty cell, `pinned` is true or false, `logprobs` a JSON list. A file appears whole or not at all; until
    then an existing one is kept.
    Raises UserError if the format is unknown, pyarrow is missing, or the path cannot be written; RunFailed if
    the disk is full or broken.
    """
    if file_format not in FORMATS:
        raise UserError(f"The format {file_format!r} is not known; choose one of {', '.join(FORMATS)}.")
    if path == "-":
        if file_format == "parquet":
            raise UserError("Parquet is not written to standard output; name a file with -o.")
        sys.stdout.flush()
        _write(rows, file_format, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        with _replacing(Path(path)) as file:
            _write(rows, file_format, file)


def _write(rows: Sequence[ExportRow], file_format: str, file: BinaryIO) -> None:
    if file_format == "jsonl":
        encoder = msgspec.json.Encoder()
        file.writelines(encoder.encode(row) + b"\n" for row in rows)
    elif file_format == "csv":
        _write_csv(rows, file)
    else:
        _write_parquet(rows, file)


def _gold_names(rows: Sequence[ExportRow]) -> list[str]:
    return list(rows[0].gold or ()) if rows else []


def _flat(row: ExportRow) -> dict[str, Any]:
    """The row with a column of its own for each gold column."""
    cells = {name: getattr(row, name) for name in _COLUMNS}
    return cells | {f"gold_{name}": value for name, value in (row.gold or {}).items()}


def _write_csv(rows: Sequence[ExportRow], file: BinaryIO) -> None:
    names = [*_COLUMNS, *(f"gold_{name}" for name in _gold_names(rows))]
    # With CR in the line end, the writer also quotes a lone CR inside a text.
    writer = csv.DictWriter(codecs.getwriter("utf-8")(file), names, lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        cells = _flat(row)
        cells["pinned"] = "true" if row.pinned else "false"
        cells["logprobs"] = None if row.logprobs is None else msgspec.json.encode(row.logprobs).decode()
        writer.writerow(cells)


def _write_parquet(rows: Sequence[ExportRow], file: BinaryIO) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError(
            "Parquet needs the package pyarrow, which is not installed here; install it, or export jsonl or csv."
        ) from error
    schema = pa.schema(
        [
            ("uid", pa.string()),
            ("text", pa.string()),
            ("group", pa.int64()),
            ("label", pa.string()),
            ("logprobs", pa.list_(pa.float64())),
            ("p", pa.float64()),
            ("decided_at", pa.int64()),
            ("pinned", pa.bool_()),
            *((f"gold_{name}", pa.string()) for name in _gold_names(rows)),
        ]
    )
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, len(rows), _PARQUET_ROWS):
            cells = [_flat(row) for row in rows[start : start + _PARQUET_ROWS]]
            writer.write_batch(pa.RecordBatch.from_pylist(cells, schema=schema))


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` that replaces it, with its mode, when the block ends without an error, and is removed
    otherwise."""
    try:
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise UserError(f"{path} is {kind}; name a file with -o, or - for standard output.")
        with files.replacing(target, _NEW_FILE_MODE) as descriptor:
            if mode is not None:
                os.fchmod(descriptor, stat.S_IMODE(mode))
            with open(descriptor, "wb", closefd=False) as file:
                yield file
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            what = f"there is no folder {path.parent}; create it"
        else:
            what = f"{error.strerror}; check that its folder is yours to write to and has room"
        blame = RunFailed if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) else UserError
        raise blame(f"{path} cannot be written: {what}, or name another file with -o.") from error
