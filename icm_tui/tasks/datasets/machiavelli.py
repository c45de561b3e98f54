"""MACHIAVELLI (Pan and others, arXiv 2304.03279): scenes of text games and what the player may choose in them.

An item is a scene and one of its choices. Groups are the scenes; no rule holds among the choices of one, since all or
none of them may harm somebody: `none`.

- Split "train" is the table of choices on the Hub. A scene is its short summary, or else what the player reads. Gold
  columns are what annotators saw in a choice: each morality_ column, true if the violation was seen at all, and
  each agg_ column, true if it is above zero and missing if it is zero. A slot of the wide table that is null is
  no choice; a choice without annotations has no gold.
- Split "scenes" has 13 scenes that a model shortened. Their choices are a list at the end of the text, which is split
  here; scenes without a list are left out. They have no gold: `axes` is about a whole scene, and is not read.
"""

import re
from collections.abc import Mapping
from typing import Any

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.section import choose_gold
from icm_tui.tasks.tables import Row, Table, bad_cell, kind_of, optional_cell, read_cell
from icm_tui.text import quoted

_VIOLATIONS = (
    "deception", "manipulation", "killing", "physical_harm", "non_physical_harm", "intending_harm", "stealing",
    "trespassing", "spying", "vandalism", "promises", "fairness", "other",
)  # fmt: skip
MORALITY = tuple(f"morality_{name}" for name in _VIOLATIONS)
AGGREGATED = tuple(f"agg_{name}" for name in ("power", "morality", "utility", "honest", "cooperation"))

CARD = Card(
    about="MACHIAVELLI: one choice of a scene of a text game, held against what its annotators saw.",
    item="a scene and one of its choices",
    groups="the scene: game and row, or source_id",
    rule="none",
    gold="13 morality_ columns (a violation was seen) and 5 agg_ columns (above zero) in split train; none in scenes",
    paper="Pan and others: Do the Rewards Justify the Means?, arXiv 2304.03279",
    licence="none stated for either table; the games' texts belong to their authors",
    terms="no licence",
    splits={
        "train": one_table(
            ["data/train-00000-of-00001.parquet", "train.parquet", "train.jsonl"],
            hub=HubFiles("wassname/machiavelli", ["data/train-*.parquet"]),
        ),
        "scenes": one_table(["machiavelli_summaries_13.jsonl"], 13, items=49),
    },
    split="train",
    traps=[
        "Which files and columns the Hub has was not checked on the live Hub.",
        "A violation that few choices have gives a majority answer a high accuracy: look at that baseline first.",
        "Three of the 13 scenes end without a list of choices, and are left out.",
    ],
)

# "1. ", "0: " or "- " at the start of a line.
_CHOICE = re.compile(r"(?:\d+[.:]|-)\s+(\S.*)")
_COLUMNS = ("uid", "scene", "situation", "choice")


def _rows(source: Source) -> Rows:
    table = source.table
    gold: list[str] = []
    notes: list[str] = []
    if source.split == "scenes":
        choose_gold(source.settings, gold)
        rows, without = _listed(table)
        if without:
            notes = [f"{without} of {len(table.rows)} scenes have no list of choices and are left out."]
    else:
        gold = [*MORALITY, *AGGREGATED]
        choose_gold(source.settings, gold)
        rows = _annotated(table)
    if not rows:
        raise UserError(f"{table.name} has no scene with choices; correct task.path.")
    text = "{situation}\nChoice: {choice}"
    columns = Columns(text, uid="uid", group="scene", gold={name: name for name in gold})
    return Rows(table.of(rows, [*_COLUMNS, *gold]), columns, notes=lambda task: notes)


def split_choices(text: str) -> tuple[str, list[str]]:
    """A scene's text without the list of choices in it, and the choices; none if there is no such list.

    Lines that begin with a number and a dot or colon, or with a dash, are choices.
    """
    scene: list[str] = []
    choices: list[str] = []
    for line in text.splitlines():
        found = _CHOICE.fullmatch(line.strip())
        if found is None:
            scene.append(line)
        else:
            choices.append(found[1])
    return "\n".join(scene).strip(), choices


def _listed(table: Table) -> tuple[list[Row], int]:
    rows: list[Row] = []
    without = 0
    for row in table.rows:
        name = read_cell(table, row, "source_id")
        situation, choices = split_choices(read_cell(table, row, "text"))
        without += not choices
        for index, choice in enumerate(choices):
            cells = {"uid": f"{name}.{index}", "scene": name, "situation": situation, "choice": choice}
            rows.append(Row(len(rows) + 1, row.line, cells))
    return rows, without


def _annotated(table: Table) -> list[Row]:
    rows: list[Row] = []
    for row in table.rows:
        game = read_cell(table, row, "f")
        scene = f"{game}/{read_cell(table, row, 'row_i', 'the dataset')}"
        situation = optional_cell(table, row, "short_summary")
        situation = situation or read_cell(table, row, "obs")
        labelled = _slots(table, row, "choice_labels")
        for index, choice in _slots(table, row, "choice_text").items():
            if choice is None:
                continue
            if not isinstance(choice, str):
                what = f"holds {kind_of(choice)} as choice {quoted(index)}; it must be a text."
                raise bad_cell(table, row, "choice_text", what)
            cells = {"uid": f"{scene}/{index}", "scene": scene, "situation": situation, "choice": choice.strip()}
            rows.append(Row(len(rows) + 1, row.line, cells | _gold(table, row, index, labelled.get(index))))
    return rows


def _slots(table: Table, row: Row, column: str) -> Mapping[str, Any]:
    cell = row.values.get(column)
    if cell is None and column in row.values:
        return {}
    if not isinstance(cell, dict):
        raise UserError(
            f"{table.place(row)} needs an object of choices in column {quoted(column)}; it holds {kind_of(cell)}."
        )
    return cell


def _gold(table: Table, row: Row, index: str, annotated: object) -> dict[str, bool | None]:
    if annotated is None:
        return {}
    if not isinstance(annotated, dict):
        what = f"holds {kind_of(annotated)} for choice {quoted(index)}; it must be an object or null."
        raise bad_cell(table, row, "choice_labels", what)
    gold: dict[str, bool | None] = {}
    for name in (*MORALITY, *AGGREGATED):
        value = annotated.get(name)
        if value is None or value != value:
            continue
        if isinstance(value, str | list | dict):
            raise UserError(
                f'{table.place(row)}, column "choice_labels", {name} of choice {quoted(index)} holds {kind_of(value)}; '
                "it must be a number."
            )
        gold[name] = None if not value and name in AGGREGATED else value > 0
    return gold


DATASET = Dataset(CARD, _rows)
