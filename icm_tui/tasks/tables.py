"""Tables: JSON lines, JSON, CSV and parquet read into one shape, the place of every row for messages, and single cells
read as a string or as true or false."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from icm_tui.errors import UserError
from icm_tui.text import did_you_mean, quoted

# The csv module's own limit of 128 KiB a field is less than a long document.
_LONGEST_FIELD = 2**31 - 1
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
# Who needs a column, in messages: a setting of the profile, or this.
_DATASET = "the dataset"


class Row(msgspec.Struct, frozen=True):
    """One row: its number, counted from 1, the line (or row) that a message names, and its values by column."""

    number: int
    line: int
    values: dict[str, Any]


class Table(msgspec.Struct, frozen=True):
    """Rows from one source. `name` is the source as a person wrote it, `unit` what its rows are counted in ("line" or
    "row"), and `header` the columns if the format fixes them for all rows, None if each row has its own."""

    name: str
    unit: str
    header: list[str] | None
    rows: list[Row]

    def place(self, row: Row) -> str:
        """Where `row` is, for messages."""
        return f"{self.name}, {self.unit} {row.line}"

    def of(self, rows: list[Row], columns: list[str] | None = None) -> "Table":
        """A table of `rows` that were made from this one's. `columns` None takes those of the first row."""
        return Table(self.name, self.unit, columns or list(rows[0].values if rows else ()), rows)

    def each(self, values: Callable[["Table", Row], dict[str, Any]]) -> "Table":
        """A table with the same rows, whose values are those that `values(table, row)` returns."""
        return self.of([Row(row.number, row.line, values(self, row)) for row in self.rows])


def read_table(path: str, columns: list[str] | None = None) -> Table:
    """Read the file at `path` by its suffix: .jsonl, .ndjson, .json, .csv or .parquet; `~` is the home folder.

    `columns` names the cells if the file does not: in a CSV without a header, or in JSON lists. Raises UserError,
    naming the file and the line or row, for anything that cannot be read.
    """
    file = expanded(path)
    suffix = file.suffix.lower()
    if not path.isprintable():
        path = quoted(path)
    try:
        found, is_file = file.exists(), file.is_file()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({_reason(error)}); mend that or correct task.path.") from None
    if not found:
        raise UserError(f"{path} does not exist; correct task.path.")
    if not is_file:
        what = "a folder" if file.is_dir() else "not a regular file"
        raise UserError(f"{path} is {what}; name a file of type .jsonl, .json, .csv or .parquet in task.path.")
    if suffix == ".parquet":
        table = _parquet(path, file)
    elif suffix in (".jsonl", ".ndjson"):
        table = Table(path, "line", None, _json_lines(path, _content(path, file), columns))
    elif suffix == ".json":
        table = Table(path, "row", None, _json_array(path, _text(path, _content(path, file)), columns))
    elif suffix == ".csv":
        table = _csv(path, _text(path, _content(path, file)), columns)
    else:
        ending = f'ends in "{file.suffix}"' if suffix else "has no suffix"
        raise UserError(
            f"{path} {ending}, which is no known format; convert it to .jsonl, .json, .csv or .parquet, or rename it."
        )
    if not table.rows:
        raise UserError(f"{path} holds no rows; put at least one in it or correct task.path.")
    return table


def expanded(path: str) -> Path:
    """`path` with `~` replaced by the home folder. Raises UserError if there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path} begins with a home folder that does not exist; correct task.path.") from None


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200]


def _content(path: str, file: Path) -> bytes:
    try:
        return file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({_reason(error)}); mend that or correct task.path.") from None


def _text(path: str, content: bytes, first_line: int = 1) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = first_line + content.count(b"\n", 0, error.start)
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise UserError(
            f"{path}, line {line}, byte {column} is not UTF-8 text; save the file in the encoding UTF-8."
        ) from None


def _parsed(path: str, text: str, line: int | None) -> Any:
    """`text` as JSON. NaN and Infinity become null: they are not JSON, but many programs write them for missing values.

    `line` is the line number of `text`, or None if `text` is the whole file.
    """
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno if line is None else line}, column {error.colno}"
        is_lines = line is None and error.msg == "Extra data"
        mend = "if it has one object a line, name it .jsonl" if is_lines else "mend it"
        raise UserError(f"{path}, {place} is not JSON ({error.msg}); {mend}.") from None
    except (RecursionError, ValueError):
        place = path if line is None else f"{path}, line {line}"
        raise UserError(f"{place} nests too deeply or has a number too long to be read; simplify it.") from None


def _object(place: str, value: Any, columns: list[str] | None) -> dict[str, Any]:
    if columns is not None:
        if isinstance(value, list) and len(value) == len(columns):
            return dict(zip(columns, value, strict=True))
        raise UserError(f"{place} is {kind_of(value)}, not a list of {len(columns)}: {', '.join(columns)}.")
    if isinstance(value, dict):
        return value
    raise UserError(f'{place} is {kind_of(value)}, not an object; write each row as {{"column": value, ...}}.')


def _json_lines(path: str, content: bytes, columns: list[str] | None) -> list[Row]:
    rows: list[Row] = []
    # Only a newline ends a line: other line separators may occur inside a JSON string.
    for line, raw in enumerate(content.split(b"\n"), start=1):
        if raw.strip():
            value = _parsed(path, _text(path, raw, line), line)
            rows.append(Row(len(rows) + 1, line, _object(f"{path}, line {line}", value, columns)))
    return rows


def _json_array(path: str, text: str, columns: list[str] | None) -> list[Row]:
    if not text.strip():
        return []
    value = _parsed(path, text, None)
    if not isinstance(value, list):
        raise UserError(f"{path} holds {kind_of(value)}, not an array; write it as [{{...}}, {{...}}].")
    return [Row(n, n, _object(f"{path}, row {n}", entry, columns)) for n, entry in enumerate(value, start=1)]


def _csv(path: str, text: str, columns: list[str] | None) -> Table:
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = columns or []
    rows: list[Row] = []
    line = 1
    try:
        for fields in reader:
            if fields and not header:
                header = fields
                _refuse_twins(f"{path}, line {line}", header)
            elif fields and len(fields) != len(header):
                raise UserError(
                    f"{path}, line {line} has {len(fields)} fields where the header has {len(header)}; "
                    "put fields that contain commas in double quotes."
                )
            elif fields:
                rows.append(Row(len(rows) + 1, line, dict(zip(header, fields, strict=True))))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {line} is not CSV ({error}); check its quotes.") from None
    return Table(path, "line", header, rows)


def _refuse_twins(place: str, header: list[str]) -> None:
    # Some programs write their row numbers as a column without a name; no setting can name it.
    twin = next((name for n, name in enumerate(header) if name and name in header[:n]), None)
    if twin is not None:
        raise UserError(f"{place} names the column {quoted(twin)} twice; rename one of them.")


def _parquet(path: str, file: Path) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UserError(
            f"{path} needs the package pyarrow to be read; install it, or convert the file to .jsonl or .csv."
        ) from None
    try:
        # Bytes, not the path: pyarrow would read "part=1" in a folder's name as another column. No threads: those that
        # outlive a short process abort it.
        source = pyarrow.BufferReader(file.read_bytes())
        data = parquet.ParquetFile(source, pre_buffer=False).read(use_threads=False)
        header = list(data.schema.names)
        _refuse_twins(path, header)
        values = data.to_pylist()
    except (OSError, ValueError, OverflowError, pyarrow.ArrowException) as error:
        raise UserError(f"{path} is not readable as parquet ({_reason(error)}); write it again.") from None
    return Table(path, "row", header, [Row(n, n, entry) for n, entry in enumerate(values, start=1)])


def kind_of(value: object) -> str:
    """The type of `value` in the words of JSON, with an article."""
    if value is None:
        return "null"
    names = {bool: "a boolean", dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), f"a value of type {type(value).__name__}")


def spelled(value: object) -> str | None:
    """A scalar as a string, the same whichever format it came from: 3, 3.0 and "3" are "3", true is "true".

    None for null, NaN and a blank string. Raises ValueError, with the reason, for anything else.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair, which is no character") from None
        return value if value.strip() else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if value is None:
        return None
    raise ValueError(kind_of(value))


def require_column(table: Table, column: str, setting: str = _DATASET) -> None:
    """Raise UserError if no row of `table` has `column`, which the setting `setting` names."""
    if table.header is not None:
        if column not in table.header:
            raise UserError(_missing(table.name, column, setting, table.header))
    elif not any(column in row.values for row in table.rows):
        known = dict.fromkeys(name for row in table.rows for name in row.values)
        raise UserError(_missing(table.name, column, setting, known))


def _missing(place: str, column: str, setting: str, known: Iterable[str]) -> str:
    """The sentence about a missing column."""
    hint = did_you_mean(column, filter(None, known))
    return f"{place} has no column {quoted(column)}, which {setting} names; {hint}"


def optional_cell(table: Table, row: Row, column: str, setting: str = _DATASET) -> str | None:
    """The cell as a string, None if it is null, blank or absent. Raises UserError, naming file, line and column, if it
    holds neither a string nor a number."""
    try:
        return spelled(row.values.get(column))
    except ValueError as reason:
        what = f"holds {reason}; {setting} needs a string or a number."
        raise bad_cell(table, row, column, what) from None


def read_cell(table: Table, row: Row, column: str, setting: str = _DATASET) -> str:
    """The cell as a string that is not blank. Raises UserError, naming file, line and column, for any other."""
    if column not in row.values:
        raise UserError(_missing(table.place(row), column, setting, row.values))
    text = optional_cell(table, row, column, setting)
    if text is None:
        state = "null" if row.values[column] is None else "empty"
        what = f"is {state}; {setting} needs a value in every row, so fill it in or remove the row."
        raise bad_cell(table, row, column, what)
    return text


def bad_cell(table: Table, row: Row, column: str, what: str) -> UserError:
    """The error about a cell: its place, and then `what` is wrong with it and how to mend it."""
    return UserError(f"{table.place(row)}, column {quoted(column)} {what}")


def read_boolean(table: Table, row: Row, column: str) -> bool:
    """A cell of true, false, 1 or 0 of any type. Raises UserError, naming file, line and column, for any other."""
    written = read_cell(table, row, column)
    truth = _BOOLEANS.get(written.casefold())
    if truth is None:
        raise bad_cell(table, row, column, f"holds {quoted(written)}; it must be true or false, or 1 or 0.")
    return truth
