"""DailyDilemmas (Chiu, Jiang, Choi, arXiv 2410.02683): everyday dilemmas, two opposed actions each.

An item is a dilemma's situation and one of its two actions, as the fork that this project follows shows them. What the
action may lead to (`negative_consequence`) is left out: a model wrote it, and it colours the action. task.text may name
it, or any other input column.

Groups are the dilemmas (`dilemma_idx`), and inside each, `action_type` is the key. The input alone justifies rule
`opposite`: one action is to do a thing, the other is not to do it.

The source has no gold label; gold columns are derived from the values behind each action. Of a category of values, such
as "MFT/Care", +1 counts for every value of the action to do, -1 for every value of the other one; on rows of the other
action the sign is turned. The sign of that sum is gold: true (class 0) is the action that has more of the category.
A sum of zero favours neither action, and if neither has the category there is no sum: both are missing.

All 37 categories are read by default. Single values, such as "value/honesty", are read if task.gold names them
("value/*" for all): there are 299 of them, most behind fewer than 50 of 1360 dilemmas, and among so many columns one
looks good by chance. For a single value, true is the action that alone has it; dilemmas where both actions have it, or
neither, are missing.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns, TextTemplate
from icm_tui.tasks.card import Card, HubFiles, Place, Split
from icm_tui.tasks.dataset import Dataset, Rows, Source, read_source
from icm_tui.tasks.section import TaskSection, choose_gold
from icm_tui.tasks.tables import Row, Table, bad_cell, optional_cell, read_cell
from icm_tui.text import did_you_mean, quoted

_HUB = "kellycyy/daily_dilemmas"
_ROWS = "dilemma_to_action_to_values_aggregated.csv"
_VALUES = "values.csv"

CARD = Card(
    about="Everyday dilemmas with two opposed actions each, and the values behind both as gold columns.",
    item="a dilemma's situation and one of its two actions",
    groups="dilemma_idx: the two actions of a dilemma",
    rule="opposite",
    gold="37 categories of values in five frameworks (such as MFT/Care), by the sign of what speaks for each action; "
    "single values (such as value/honesty) if task.gold names them",
    paper="Chiu, Jiang, Choi: DailyDilemmas, arXiv 2410.02683",
    licence="CC-BY-4.0",
    terms="free",
    splits={
        "test": Split(
            {
                "rows": Place([_ROWS], HubFiles(_HUB, [_ROWS]), rows=2720),
                "values": Place([_VALUES], HubFiles(_HUB, [_VALUES]), rows=301),
            },
            items=2720,
        )
    },
    split="test",
    traps=[
        "Most cells of the gold are missing: 26 of 37 categories have a value for less than half of the rows. Missing "
        "and zero are left out, not counted as wrong.",
        "Gold is balanced by construction, since the two actions of a dilemma have opposite signs.",
        "The action to do comes first in every pair of the file; items are shuffled by their content.",
        "The file spells a list of values with repetitions; each counts, as in the fork's sums.",
        "A model wrote situations, actions and values; people checked them.",
        "Which files the Hub has was not checked on the live Hub.",
    ],
)

FRAMEWORKS = ("WVS", "MFT", "Virtue", "Emotion", "Maslow")
TEXT = "Situation: {dilemma_situation}\nAction: {action}"
# The columns that an item may show. All others reveal the values.
_INPUT = (
    "basic_situation", "dilemma_situation", "action_type", "action", "negative_consequence", "topic", "topic_group",
)  # fmt: skip
_SIGN = {"to_do": 1, "not_to_do": -1}


class _Action(NamedTuple):
    """The row of an action, with its dilemma, +1 for the action to do and -1 for the other, and its values as
    listed."""

    row: Row
    dilemma: str
    sign: int
    values: list[str]


def _rows(source: Source) -> Rows:
    """`task.text` may name other input columns; `task.gold` categories, single values, or a whole family, such as
    "MFT/*"."""
    table = source.table
    categories = read_categories(source.tables["values"])
    actions = read_actions(table, categories)
    columns = {name: _signs(sums) for name, sums in signed_counts(actions, categories).items()}
    columns |= _single_values(actions)
    cells = [name for name in (*_INPUT, "dilemma_idx", "idx") if name in (table.header or table.rows[0].values)]
    default = [name for name in columns if not name.startswith("value/")]
    chosen = choose_gold(source.settings, list(columns), default)
    rows = [
        Row(row.number, row.line, {name: row.values.get(name) for name in cells} | {n: columns[n][i] for n in chosen})
        for i, row in enumerate(table.rows)
    ]
    gold = {name: name for name in chosen}
    text = source.settings.text or TEXT
    return Rows(table.of(rows), Columns(text, uid="idx", group="dilemma_idx", key="action_type", gold=gold))


def _read(settings: TaskSection, card: Card, labels: Sequence[str]) -> Source:
    _refuse_other_columns(settings.text or TEXT)
    return read_source(settings, card, labels)


def _refuse_other_columns(text: str) -> None:
    for column in TextTemplate(text).columns:
        if column not in _INPUT:
            raise UserError(
                f"task.text names {quoted(column)}, which is no column of its input; {did_you_mean(column, _INPUT)}"
            )


def read_categories(values: Table) -> dict[str, list[str]]:
    """The categories, such as "MFT/Care", of each value of the table of values; a value may have none.

    Raises UserError for a missing column or an empty name.
    """
    found: dict[str, list[str]] = {}
    for row in values.rows:
        name = read_cell(values, row, "value")
        if row.number == 1:
            for framework in FRAMEWORKS:
                if framework not in (values.header or row.values):
                    raise UserError(f"{values.name} has no column {quoted(framework)}, a framework of DailyDilemmas.")
        cells = ((framework, optional_cell(values, row, framework)) for framework in FRAMEWORKS)
        found[name] = [f"{framework}/{category}" for framework, category in cells if category is not None]
    return found


def read_actions(table: Table, categories: Mapping[str, list[str]]) -> list[_Action]:
    """The actions in `table`, in its order. Raises UserError, naming file, line and column, for a broken row."""
    actions: list[_Action] = []
    first: dict[tuple[str, int], Row] = {}
    for row in table.rows:
        dilemma = read_cell(table, row, "dilemma_idx")
        kind = read_cell(table, row, "action_type")
        if kind not in _SIGN:
            raise bad_cell(table, row, "action_type", f'holds {quoted(kind)}; it must be "to_do" or "not_to_do".')
        twin = first.setdefault((dilemma, _SIGN[kind]), row)
        if twin is not row:
            raise UserError(
                f"{table.place(row)} is a second {kind} action of dilemma {quoted(dilemma)}, which {table.unit} "
                f"{twin.line} has already; leave one of them out."
            )
        actions.append(_Action(row, dilemma, _SIGN[kind], _values(table, row, categories)))
    return actions


def _values(table: Table, row: Row, categories: Mapping[str, list[str]]) -> list[str]:
    cell = row.values.get("values_aggregated")
    if isinstance(cell, str):
        try:
            cell = ast.literal_eval(cell)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            cell = None
    if not isinstance(cell, list) or not all(isinstance(value, str) for value in cell):
        what = "is not a list of values such as ['trust', 'self']; mend it."
        raise bad_cell(table, row, "values_aggregated", what)
    for value in cell:
        if value not in categories:
            what = (
                f"names the value {quoted(value)}, which the table of values does not have; add it there or correct it."
            )
            raise bad_cell(table, row, "values_aggregated", what)
    return cell


def signed_counts(actions: Sequence[_Action], categories: Mapping[str, list[str]]) -> dict[str, list[int | None]]:
    """The counts behind the gold: for each category, one cell per action.

    A cell is how many more values of the category the action has than the other action of its dilemma; 0 if both have
    as many, None if neither has any. These are the columns that the fork compares its labels with.
    """
    sums: dict[str, dict[str, int]] = {name: {} for value in categories.values() for name in value}
    for action in actions:
        for value in action.values:
            for name in categories[value]:
                sums[name][action.dilemma] = sums[name].get(action.dilemma, 0) + action.sign
    ordered = sorted(sums, key=lambda name: (FRAMEWORKS.index(name.partition("/")[0]), name))
    return {
        name: [sums[name][a.dilemma] * a.sign if a.dilemma in sums[name] else None for a in actions] for name in ordered
    }


def _signs(sums: Sequence[int | None]) -> list[bool | None]:
    return [None if not count else count > 0 for count in sums]


def _single_values(actions: Sequence[_Action]) -> dict[str, list[bool | None]]:
    """A column for each value that at least one dilemma has behind only one of its actions."""
    owners: dict[str, dict[str, int]] = {}
    for action in actions:
        for value in set(action.values):
            owner = owners.setdefault(value, {})
            # A value behind both actions speaks for neither.
            owner[action.dilemma] = 0 if action.dilemma in owner else action.sign
    return {
        f"value/{value}": _signs([owners[value].get(action.dilemma, 0) * action.sign for action in actions])
        for value in sorted(owners)
        if any(owners[value].values())
    }


DATASET = Dataset(CARD, _rows, unused=["uid", "group", "key", "orders"], read=_read)
