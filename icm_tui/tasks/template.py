"""How an item's text is made from a row: one column, or a template with columns in braces."""

import re

from icm_tui.errors import UserError
from icm_tui.tasks.cells import read_cell
from icm_tui.tasks.quoting import quoted
from icm_tui.tasks.tables import Row, Table

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
SETTING = "task.text"


class TextTemplate:
    """A parsed `task.text`: "question", or "Q: {question} A: {answer}"; doubled braces stand for themselves.

    What stands between braces is a column's whole name and nothing else: no formats, no attributes.
    Raises UserError if a brace stands alone or no column is named.
    """

    def __init__(self, text: str) -> None:
        self.parts: list[tuple[str, str | None]] = []
        if "{" not in text and "}" not in text:
            self.parts.append(("", text))
            return
        end = 0
        literal = ""
        for found in _PART.finditer(text):
            literal += text[end : found.start()]
            end = found.end()
            if found[0] in ("{{", "}}"):
                literal += found[0][0]
            elif found[1]:
                self.parts.append((literal, found[1]))
                literal = ""
            else:
                what = "names no column in {}" if found[0] == "{}" else f'has a single "{found[0]}"'
                mend = "write a column as {column}, and {{ or }} for a brace itself"
                raise UserError(f"{SETTING} = {quoted(text)} {what}; {mend}.")
        self.parts.append((literal + text[end:], None))
        if not self.columns:
            raise UserError(f"{SETTING} = {quoted(text)} names no column; write at least one as {{column}}.")

    @property
    def columns(self) -> list[str]:
        """The columns that the text is made of, in order."""
        return [column for _, column in self.parts if column is not None]

    def fill(self, table: Table, row: Row) -> str:
        """The text of `row`. Raises UserError, naming file, line and column, if a column lacks or is empty."""
        cells = (literal + (read_cell(table, row, column, SETTING) if column else "") for literal, column in self.parts)
        return "".join(cells)
