"""GlobalOpinionQA (Durmus and others, arXiv 2306.16388): survey questions, and which of two options a country chose.

An item is a question and one of its two options, without a word about whose view is meant. That belongs in
prompt.persona, such as "most people in France" for split "France".

Groups are the questions. The input alone justifies rule `opposite`, since at most one of two options can have the
majority. Gold "majority": true for the option that most people of the country chose.

- Splits "France", "Germany", "UnitedStates", and the same with "-test", are two-option cuts.
- "Brazil (csv)" and so on are the 14 countries of one wide table. Its header holds questions and options, and its cells
  the share of people that chose the second option: more than half is a majority for the second, less than half for the
  first. Only its 57 questions with two options are read.

Ties break the rule: if both options were chosen equally often, gold is false for both. Ties are kept and noted.
`selections`, the shares themselves, are gold and never read. The first option has the majority more often than not, so
the options of a question are shuffled by their content.
"""

import re

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, Split, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.tables import Row, Table, bad_cell, read_cell
from icm_tui.text import quoted

_WIDE = "global_opinion_data.csv"
_WIDE_MARK = " (csv)"
COUNTRIES = (
    "Brazil", "France", "Germany", "India", "Indonesia", "Japan", "Jordan", "Lebanon", "Mexico", "Nigeria", "Pakistan",
    "Russia", "Turkey", "United States",
)  # fmt: skip


def _cut(country: str, part: str, rows: int) -> Split:
    return one_table([f"{country}_{part}.json"], rows)


CARD = Card(
    about="GlobalOpinionQA: two options to a survey question, and which of them a country's people chose.",
    item="a question and one of its two options",
    groups="consistency_id, or the question: its two options",
    rule="opposite",
    gold="majority: the option that most people of the country chose",
    paper="Durmus and others: Measuring the Representation of Subjective Global Opinions, arXiv 2306.16388",
    licence="CC-BY-NC-SA-4.0 of the survey data; the cuts name none",
    terms="non-commercial",
    splits={
        "France": _cut("France", "train", 324),
        "Germany": _cut("Germany", "train", 336),
        "UnitedStates": _cut("UnitedStates", "train", 328),
        "France-test": _cut("France", "test", 70),
        "Germany-test": _cut("Germany", "test", 70),
        "UnitedStates-test": _cut("UnitedStates", "test", 70),
        **{f"{name}{_WIDE_MARK}": one_table([_WIDE], 14, items=114) for name in COUNTRIES},
    },
    split="France",
    traps=[
        "Ties break the rule: 1 question of Germany and 3 of the United States have no majority; in the wide table 1 "
        "of Brazil, India and Pakistan each and 3 of the United States.",
        "The first option has the majority more often than the second; items are shuffled by their content.",
        "The Hub's table (Anthropic/llm_global_opinions) is of another shape and is not read; give task.path.",
        'prompt.persona says whose view is asked for, such as "most people in France".',
    ],
)

_OPTION = re.compile(r"^([A-Z])\. +(\S.*?)\s*$", re.MULTILINE)


def _rows(source: Source) -> Rows:
    table = source.table
    text, gold = "Q: {question} A: {option}", {"majority": "label"}
    if not source.split.endswith(_WIDE_MARK):
        return Rows(table, Columns(text, group="consistency_id", gold=gold), notes=_ties)
    table = _unfolded(table, source.split.removesuffix(_WIDE_MARK))
    return Rows(table, Columns(text, uid="uid", group="question", gold=gold), notes=_ties)


def _unfolded(table: Table, country: str) -> Table:
    """A table with one row per option, from the row of `country` in the wide table."""
    row = next((row for row in table.rows if row.values.get("Country") == country), None)
    if row is None:
        raise UserError(f'{table.name} has no row whose column "Country" is {quoted(country)}; choose another split.')
    rows: list[Row] = []
    for number, column in enumerate(table.header or row.values):
        options = split_header(column)
        if options is None:
            continue
        question, *texts = options
        share = _share(table, row, column)
        for option, label in zip(texts, (share < 0.5, share > 0.5), strict=True):
            cells = {"uid": f"{number}.{len(rows) % 2}", "question": question, "option": option, "label": label}
            rows.append(Row(len(rows) + 1, row.line, cells))
    if not rows:
        raise UserError(f'{table.name} has no column that is a question with the options "A." and "B."; mend it.')
    return Table(table.name, table.unit, ["uid", "question", "option", "label"], rows)


def split_header(column: str) -> tuple[str, str, str] | None:
    """Question and both options of a column "question, A. first, B. second" (a line each); None for any other."""
    options = list(_OPTION.finditer(column))
    if [found[1] for found in options] != ["A", "B"]:
        return None
    question = " ".join(column[: options[0].start()].split())
    return (question, options[0][2], options[1][2]) if question else None


def _share(table: Table, row: Row, column: str) -> float:
    cell = read_cell(table, row, column)
    try:
        share = float(cell)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise bad_cell(table, row, column, f"holds {quoted(cell)}; it must be a share from 0 to 1.")
    return share


def _ties(task: Task) -> list[str]:
    labels = task.gold.columns.get("majority", {})
    true = {item.group for item in task.items if labels.get(item.uid) == 0}
    groups = {item.group for item in task.items if item.uid in labels}
    ties = len(groups - true)
    return [f'{ties} of {len(groups)} questions: gold "majority" is false for both options (a tie).'] if ties else []


DATASET = Dataset(CARD, _rows, gold=["majority"])
