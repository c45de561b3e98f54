"""One cell of a table, read as a string or as true or false, with the sentence to say if that cannot be done."""

import math
from collections.abc import Iterable

from icm_tui.errors import UserError
from icm_tui.tasks.tables import Row, Table, kind_of
from icm_tui.text import nearest, quoted

_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def spelled(value: object) -> str | None:
    """A scalar as a string, the same whichever format it came from: 3, 3.0 and "3" are "3", true is "true".

    None for null, NaN and a blank string. Raises ValueError with the reason for anything else.
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


def require_column(table: Table, column: str, setting: str) -> None:
    """Raise UserError if no row of `table` has `column`, which the setting `setting` names."""
    if table.header is not None:
        if column not in table.header:
            raise UserError(missing(table.name, column, setting, table.header))
    elif not any(column in row.values for row in table.rows):
        known = dict.fromkeys(name for row in table.rows for name in row.values)
        raise UserError(missing(table.name, column, setting, known))


def missing(place: str, column: str, setting: str, known: Iterable[str]) -> str:
    """The sentence about a column that is not there."""
    return f"{place} has no column {quoted(column)}, which {setting} names; {nearest(column, (n for n in known if n))}"


def optional_cell(table: Table, row: Row, column: str, setting: str) -> str | None:
    """The cell as a string, None if it is null, blank or not there. Raises UserError naming file, line and column
    if it holds neither a string nor a number."""
    try:
        return spelled(row.values.get(column))
    except ValueError as reason:
        raise UserError(
            f"{table.place(row)}, column {quoted(column)} holds {reason}; {setting} needs a string or a number."
        ) from None


def read_cell(table: Table, row: Row, column: str, setting: str) -> str:
    """The cell as a string that is not blank. Raises UserError naming file, line and column otherwise."""
    if column not in row.values:
        raise UserError(missing(table.place(row), column, setting, row.values))
    text = optional_cell(table, row, column, setting)
    if text is None:
        state = "null" if row.values[column] is None else "empty"
        raise UserError(
            f"{table.place(row)}, column {quoted(column)} is {state}; {setting} needs a value in every row, "
            "so fill it in or remove the row."
        )
    return text


def read_boolean(table: Table, row: Row, column: str) -> bool:
    """A cell of true, false, 1 or 0 in whatever type. Raises UserError, naming file, line and column, otherwise."""
    written = read_cell(table, row, column, "the dataset")
    truth = _BOOLEANS.get(written.casefold())
    if truth is None:
        raise UserError(
            f"{table.place(row)}, column {quoted(column)} holds {quoted(written)}; it must be true or false, or 1 or 0."
        )
    return truth
