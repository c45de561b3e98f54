"""Cells that say whether something holds, and rows of two texts of which one was chosen, read strictly."""

from collections.abc import Iterator

from icm_tui.errors import UserError
from icm_tui.tasks.cells import read_cell
from icm_tui.tasks.preference import Pair
from icm_tui.tasks.quoting import quoted
from icm_tui.tasks.tables import Row, Table

_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def read_boolean(table: Table, row: Row, column: str) -> bool:
    """A cell of true, false, 1 or 0 in whatever type. Raises UserError, naming file, line and column, otherwise."""
    written = read_cell(table, row, column, "the dataset")
    truth = _BOOLEANS.get(written.casefold())
    if truth is None:
        raise UserError(
            f"{table.place(row)}, column {quoted(column)} holds {quoted(written)}; it must be true or false, or 1 or 0."
        )
    return truth


def read_pair_rows(table: Table) -> Iterator[Pair]:
    """The rows question, choice, choice_2 and label (true if choice was chosen) of `table`."""
    for row in table.rows:
        question, first, second = (
            read_cell(table, row, column, "the dataset").strip() for column in ("question", "choice", "choice_2")
        )
        yield Pair(row, question, first, second, read_boolean(table, row, "label"))
