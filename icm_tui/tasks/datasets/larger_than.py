"""Claims that one number is larger than another, in words (Marks and Tegmark, arXiv 2310.06824).

An item is a claim, such as "Sixty-one is larger than fifty-five." Groups are the two numbers in any order,
read from the text; the order is the key. A claim and its reverse have opposite labels, so rule `opposite` holds; a
claim whose reverse is not in the file is unconstrained. Gold, "true", is arithmetic. The numbers as digits (`n1`,
`n2`) would give the answer to a program that compares them, and are never read.
"""

import re

from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, Split, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.tables import Row, Table, bad_cell, read_boolean, read_cell
from icm_tui.text import quoted

_HUB = "callum-canavan/challenges-for-unsupervised-elicitation"
_CLAIM = re.compile(r"(\S+) is larger than (\S+?)\.?")


def _split(name: str, rows: int) -> Split:
    file = f"larger_than/{name}.jsonl"
    return one_table([f"{name}_larger_than.json", file], rows, hub=HubFiles(_HUB, [file]))


CARD = Card(
    about="Claims that one number is larger than another, in words.",
    item="a claim",
    groups="the two numbers; 1260 of 1584 claims of train and 72 of 396 of test have their reverse",
    rule="opposite",
    gold="true: the claim is true",
    paper="Marks, Tegmark: The Geometry of Truth, arXiv 2310.06824",
    licence="MIT",
    terms="free",
    splits={"train": _split("train", 1584), "test": _split("test", 396)},
    split="train",
    traps=[
        "Most claims of test have no reverse: they are bound to nothing.",
        "The embedded model sees words, not numbers: expect nothing of it here.",
        "Which files the Hub has was not checked on the live Hub.",
    ],
)


def _rows(source: Source) -> Rows:
    return Rows(source.table.each(_values), Columns("text", group="numbers", key="order", gold={"true": "true"}))


def _values(table: Table, row: Row) -> dict[str, object]:
    text = read_cell(table, row, "choice").strip()
    claim = _CLAIM.fullmatch(text)
    if claim is None:
        what = f'holds {quoted(text)}; it must be a claim such as "Two is larger than one."'
        raise bad_cell(table, row, "choice", what)
    one, other = claim[1].casefold(), claim[2].casefold()
    numbers = " and ".join(sorted((one, other)))
    return {"text": text, "numbers": numbers, "order": f"{one} first", "true": read_boolean(table, row, "label")}


DATASET = Dataset(CARD, _rows, gold=["true"])
