"""Opposed political statements (Nayak and others), from "Three Concrete Challenges and Two Hopes for the Safety of
Unsupervised Elicitation": a set on which there is no truth to find.

An item is a statement; the question that it answers is not shown, since it is the same for both sides. Groups are the
questions: two statements, a liberal and a conservative one, so rule `opposite` holds. A question that recurs has four
statements or more, whose pairs only the order of the rows shows; such groups are unconstrained. Gold, "liberal", is a
leaning of the statement and no judgement of it.
"""

from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, Split, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.tables import Row, Table, read_boolean, read_cell

_HUB = "callum-canavan/challenges-for-unsupervised-elicitation"


def _split(name: str, rows: int) -> Split:
    file = f"normative_political/{name}.jsonl"
    return one_table([f"{name}_political_normative.json", file], rows, hub=HubFiles(_HUB, [file]))


CARD = Card(
    about="Opposed political statements in pairs; a leaning, and no truth to find.",
    item="a statement",
    groups="the question; 87 of 2101 in train and 2 of 277 in test recur and have four statements or more",
    rule="opposite",
    gold="liberal: the statement is the liberal one; there is no truth label",
    paper="Three Concrete Challenges and Two Hopes for the Safety of Unsupervised Elicitation; Nayak et al.: Political "
    "Ideologies",
    licence="MIT",
    terms="free",
    splits={"train": _split("train", 4530), "test": _split("test", 558)},
    split="train",
    traps=[
        "Every pair lists the conservative statement first; items are shuffled by their content.",
        "A split by leaning is what the set is made for: agreement with it says nothing about truth.",
        "Which files the Hub has was not checked on the live Hub.",
    ],
)


def _rows(source: Source) -> Rows:
    return Rows(source.table.each(_values), Columns("text", group="question", gold={"liberal": "liberal"}))


def _values(table: Table, row: Row) -> dict[str, object]:
    question, text = (read_cell(table, row, column) for column in ("question", "choice"))
    if "political_leaning" in row.values:  # as the Hub has it
        liberal = read_cell(table, row, "political_leaning").casefold() == "liberal"
    else:
        liberal = read_boolean(table, row, "is_liberal")
    return {"text": text.strip(), "question": question, "liberal": liberal}


DATASET = Dataset(CARD, _rows, gold=["liberal"])
