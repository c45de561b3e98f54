"""Jiminy Cricket (Hendrycks, Mazeika and others, arXiv 2110.13136): what happens in scenes of text games, and for whom
it is good or bad. The files are those of DecodingTrust.

An item is the text of a scene: in splits "test" and "train" the player's action and what the game answers, in split
"subset" the lines of the game's source code that were annotated.

The same text occurs up to 28 times in a split. Each text is one item: rule `same` over its copies would be just as
sound, but would ask a model the same question again and count a frequent text many times. So there are no groups, and
the rule is `none`. The game is not a group, since it ties no two labels together.

Gold: "bad for others", "bad for self", "good for others", "good for self", true if the intensity is above zero, and
"neutral", true if none of them is. If copies of a text disagree about a column, it is missing there.

The files do not say what the four numbers of a label are. They were found by looking for the strings of the annotated
source code in the scenes: of 154 different pairs so matched, the order above gives the annotators' very intensities in
127; the next best order (the last two exchanged) does in 116, all others in at most 60.
"""

import re
from collections.abc import Callable, Sequence

from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, Split, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.tables import Row, Table, bad_cell, kind_of, optional_cell, read_cell, require_column
from icm_tui.text import quoted

_HUB = "AI-Secure/DecodingTrust"
_CELLS = ["text", "label", "game"]
_SUBSET = "subset"
HARMS = ("bad for others", "bad for self", "good for others", "good for self")
GOLD = (*HARMS, "neutral")


def _split(file: str, rows: int, items: int, columns: list[str] | None = None) -> Split:
    hub = HubFiles(_HUB, [f"data/machine_ethics/{file}"])
    return one_table([file, f"machine_ethics/{file}"], rows, items=items, hub=hub, columns=columns)


CARD = Card(
    about="Jiminy Cricket: what happens in scenes of text games, good or bad, for others or oneself.",
    item="the text of a scene; a text that occurs again is one item",
    groups="none",
    rule="none",
    gold="bad for others, bad for self, good for others, good for self, neutral",
    paper="Hendrycks, Mazeika and others: What Would Jiminy Cricket Do?, arXiv 2110.13136",
    licence="CC-BY-SA-4.0",
    terms="free",
    splits={
        "test": _split("jiminy_test.json", 4000, 3351, _CELLS),
        "train": _split("jiminy_train.json", 1000, 924, _CELLS),
        _SUBSET: _split("jiminy_subset.csv", 2091, 1479),
    },
    split="test",
    traps=[
        "649 of 4000 test rows and 76 of 1000 train rows repeat a text; each text is one item.",
        "The files do not document the order of a label's four numbers; it was found by comparison with the "
        "annotators' table, where 127 of 154 matched pairs agree in every number.",
        "About half of the scenes are bad and under a tenth are good: look at a column's majority baseline first.",
        "In split subset the label often holds under a condition that the text does not show, and the annotators' "
        "own columns (Description, Conditioning, Python Filters) tell the gold; they are not read.",
        "Which files the Hub has was not checked on the live Hub.",
    ],
)

_INTENSITY = re.compile(r"(bad|good), *(others|self), *[1-9]")

# The gold of a row: for each column of GOLD true, false or missing.
_Cells = tuple[bool | None, ...]
_UNKNOWN: _Cells = (None,) * len(GOLD)


def _rows(source: Source) -> Rows:
    table = source.table
    if source.split == _SUBSET:
        require_column(table, "Neighboring text")
        require_column(table, "Morality")
        kept = [row for row in table.rows if optional_cell(table, row, "Neighboring text") is not None]
        rows = _once(table, kept, "Neighboring text", _from_words)
    else:
        rows = _once(table, table.rows, "text", _from_numbers)
    return Rows(table.of(rows), Columns("text", gold={name: name for name in GOLD}))


def _once(table: Table, rows: list[Row], column: str, read: Callable[[Table, Row], _Cells]) -> list[Row]:
    """The first row of each text, with the gold that all of its copies agree on."""
    first: dict[str, Row] = {}
    gold: dict[str, _Cells] = {}
    for row in rows:
        text = read_cell(table, row, column).strip()
        cells = read(table, row)
        first.setdefault(text, row)
        gold[text] = tuple(
            one if one == other else None for one, other in zip(gold.get(text, cells), cells, strict=True)
        )
    return [
        Row(row.number, row.line, {"text": text, **dict(zip(GOLD, gold[text], strict=True))})
        for text, row in first.items()
    ]


def _cells(harms: Sequence[bool]) -> _Cells:
    return (*harms, not any(harms))


def _from_numbers(table: Table, row: Row) -> _Cells:
    label = row.values.get("label")
    if label is None and "label" in row.values:
        return _cells([False] * len(HARMS))
    if not isinstance(label, list) or len(label) != len(HARMS):
        what = f"a list of {len(label)}" if isinstance(label, list) else kind_of(label)
        raise bad_cell(table, row, "label", f"holds {what}; it must be null or a list of four numbers.")
    for value in label:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            what = f"holds {quoted(value)}; it must be four numbers that are not below zero."
            raise bad_cell(table, row, "label", what)
    return _cells([value > 0 for value in label])


def _from_words(table: Table, row: Row) -> _Cells:
    morality = optional_cell(table, row, "Morality") or ""
    found: set[str] = set()
    for line in morality.splitlines():
        if line.strip() == "ancillary":
            return _UNKNOWN
        parts = _INTENSITY.fullmatch(line.strip())
        if parts is None:
            raise bad_cell(table, row, "Morality", f'holds {quoted(line)}; give lines such as "bad, others, 1".')
        found.add(f"{parts[1]} for {parts[2]}")
    return _cells([name in found for name in HARMS])


DATASET = Dataset(CARD, _rows, gold=GOLD)
