"""Make a task of a table: the roles of its columns, the checks, the shuffle, and notes for a person."""

import re
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from icm_tui.domain.items import Gold, Item, Task
from icm_tui.domain.rules import RULES
from icm_tui.errors import UserError
from icm_tui.tasks.gold import read_gold, telling_columns
from icm_tui.tasks.shuffle import SourceItem, first_groups, shuffle
from icm_tui.tasks.tables import Row, Table, optional_cell, read_cell, require_column
from icm_tui.text import quoted

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SETTING = "task.text"


class TextTemplate:
    """A parsed `task.text`: "question", or "Q: {question} A: {answer}"; doubled braces are literal.

    Braces hold the whole name of a column, without formats or attributes. Raises UserError for a single brace, or if no
    column is named.
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
                raise UserError(f"{_SETTING} = {quoted(text)} {what}; {mend}.")
        self.parts.append((literal + text[end:], None))
        if not self.columns:
            raise UserError(f"{_SETTING} = {quoted(text)} names no column; write at least one as {{column}}.")

    @property
    def columns(self) -> list[str]:
        """The columns that the text uses, in order."""
        return [column for _, column in self.parts if column is not None]

    def fill(self, table: Table, row: Row) -> str:
        """The text of `row`. Raises UserError, naming file, line and column, if a column is missing or empty."""
        cells = (
            literal + (read_cell(table, row, column, _SETTING) if column else "") for literal, column in self.parts
        )
        return "".join(cells)


class Columns(msgspec.Struct, frozen=True):
    """The columns of a table by their role. `text` is a column or a template; without `uid`, a row's number is its uid;
    `gold` maps the name of a gold column to the table's column."""

    text: str
    uid: str | None = None
    group: str | None = None
    key: str | None = None
    gold: dict[str, str] = {}


def make_task(
    table: Table, columns: Columns, *, labels: Sequence[str], rule: str, limit: int | None, seed: int
) -> Task:
    """The task in `table`: its items, shuffled by `seed` and cut to whole groups within `limit`, and their gold.

    A row whose key is null or empty is an answer of its own. So is every row under a rule like "opposite" if no key
    column is named. All rows are checked, including those beyond the limit. Raises UserError, naming file, line and
    column, for a missing column, an empty text, group or key, a uid that occurs twice and gold that cannot be read.
    """
    template = TextTemplate(columns.text)
    used = _used(columns, template)
    _refuse_gold_in_sight(columns, used)
    if columns.key is not None and columns.group is None:
        raise UserError(
            f"task.key = {quoted(columns.key)} tells answers apart inside a group, but task.group is not given; "
            "name the group's column or remove task.key."
        )
    for setting, names in used:
        for name in names:
            require_column(table, name, setting)
    sources = _sources(table, columns, template)
    gold = read_gold(table, columns.gold, [source.uid for source in sources], labels)
    own_keys = RULES[rule].own_keys or columns.key is not None
    items = first_groups(shuffle(sources, seed=seed, own_keys=own_keys), limit)
    if len(items) < len(sources):
        kept = {item.uid for item in items}
        left = {
            name: {uid: label for uid, label in column.items() if uid in kept} for name, column in gold.columns.items()
        }
        gold = Gold(left, gold.classes)
    notes = _notes(items, gold, rule, columns, len(labels)) + _keyless(sources, columns)
    return Task(items, gold, rule, notes)


def _used(columns: Columns, template: TextTemplate) -> list[tuple[str, list[str]]]:
    """The columns that items are made of, each with the setting that names it."""
    single = [("task.uid", columns.uid), ("task.group", columns.group), ("task.key", columns.key)]
    return [(_SETTING, template.columns), *((setting, [name]) for setting, name in single if name is not None)]


def _refuse_gold_in_sight(columns: Columns, used: list[tuple[str, list[str]]]) -> None:
    for setting, names in used:
        for name in names:
            if name in columns.gold.values():
                raise UserError(
                    f"{setting} and task.gold both name the column {quoted(name)}, which would show the gold; "
                    "remove it from one of them."
                )


def _sources(table: Table, columns: Columns, template: TextTemplate) -> list[SourceItem]:
    sources: list[SourceItem] = []
    line_of: dict[str, int] = {}
    for row in table.rows:
        uid = str(row.number) if columns.uid is None else read_cell(table, row, columns.uid, "task.uid")
        if uid in line_of:
            raise UserError(
                f"{table.place(row)}, column {quoted(columns.uid)} repeats the uid {quoted(uid)} of {table.unit} "
                f"{line_of[uid]}; make it unique or leave task.uid out."
            )
        line_of[uid] = row.line
        text = template.fill(table, row)
        group = None if columns.group is None else read_cell(table, row, columns.group, "task.group")
        key = None if columns.key is None else optional_cell(table, row, columns.key, "task.key")
        sources.append(SourceItem(uid, text, group, key))
    return sources


def _notes(items: list[Item], gold: Gold, rule: str, columns: Columns, n_labels: int) -> list[str]:
    empty = [name for name, column in gold.columns.items() if not column]
    notes = [f"Gold column {quoted(name)} has no value for these items." for name in empty]
    if RULES[rule].decides_groups and columns.group is None:
        notes.append(f'Rule "{rule}" binds nothing here, since the task has no groups.')
    if (needs := RULES[rule].needs) and columns.group is not None:
        keys: dict[int | None, set[int | None]] = defaultdict(set)
        for item in items:
            keys[item.group].add(item.key)
        odd = sum(not RULES[rule].binds(len(found), n_labels) for found in keys.values())
        if odd:
            notes.append(f'{odd} of {len(keys)} groups do not have {needs}; rule "{rule}" leaves them free.')
    if columns.key is not None:
        notes += [
            f"The key column {quoted(columns.key)} splits the groups of three or more exactly as gold column "
            f"{quoted(name)} does, so it may show the search the answers."
            for name in telling_columns(items, gold)
        ]
    return notes


def _keyless(sources: list[SourceItem], columns: Columns) -> list[str]:
    without = sum(source.key is None for source in sources)
    if columns.key is None or not without:
        return []
    return [f"{without} of {len(sources)} rows have no {quoted(columns.key)}; each counts as an answer of its own."]
