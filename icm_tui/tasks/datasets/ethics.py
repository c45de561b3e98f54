"""ETHICS (Hendrycks and others, arXiv 2008.02275): five subsets of short moral texts, and four files of the ICM format.

Splits are named SUBSET-test, SUBSET-hard (the adversarial test set) and SUBSET-train. Gold is named for what the
source's 1 means, which differs between subsets:

- commonsense: an item is what somebody did; gold "wrong" (1 is clearly wrong). No groups: minimal pairs are neighbours
  in the file, but pairing by place would be a guess about the file and not follow from the texts.
- justice: a treatment and the reason given for it; gold "reasonable". Groups are texts with the same words before their
  last "because"; a text without that word is alone. Usually two of four reasons are reasonable, but not always, so
  no rule holds: `none`.
- deontology: a scene and an excuse or a duty; gold "holds". Groups are scenes; how many of them hold varies: `none`.
- virtue: a scene and a trait of character; gold "shown". Groups are scenes with five traits, of which one is shown.
  Rule `one_true` (at most one trait of a scene) holds in test and hard; in train six scenes of 4502 break it, and
  about half have no trait that is shown. Under it A means "shown".
- utilitarianism: which of two situations is more pleasant; gold "first". The source always puts the more pleasant one
  first; see preference for the orders.
- icm-commonsense, icm-deontology, icm-moral and icm-moral-test are other cuts of such texts with one answer an item;
  the two answers of icm-commonsense and icm-moral-test are opposite, so rule `opposite` holds there, elsewhere `none`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, Split, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.preference import Pair, preference_rows
from icm_tui.tasks.section import refuse_given
from icm_tui.tasks.tables import Row, Table, bad_cell, read_boolean, read_cell

_HUB = "hendrycks/ethics"
_SHORT = {
    "commonsense": "cm",
    "justice": "justice",
    "deontology": "deontology",
    "virtue": "virtue",
    "utilitarianism": "util",
}
_ENDINGS = {"train": "train", "test": "test", "hard": "test_hard"}
_ROWS = {
    "commonsense": (13910, 3885, None),
    "justice": (21791, 2704, 2052),
    "deontology": (18164, 3596, 3536),
    "virtue": (28245, 4975, 4780),
}
_PAIRS = {"train": (13738, 27234), "test": (4808, 9604), "hard": (4272, 8540)}


class _Item(NamedTuple):
    """An item as a row has it: its text, its group or None, its key inside the group or None, and whether gold
    holds."""

    text: str
    group: str | None
    key: str | None
    holds: bool


def _csv(subset: str, part: str, rows: int | None, items: int | None, columns: list[str] | None = None) -> Split:
    ending = _ENDINGS[part]
    file = f"{_SHORT[subset]}_{ending}.csv"
    hub = HubFiles(_HUB, [f"data/{subset}/{ending}.csv"])
    return one_table([f"{subset}/{file}", file], rows, items=items, hub=hub, columns=columns)


def _icm(name: str, rows: int) -> Split:
    return one_table([f"icm_format/{name}.json", f"{name}.json"], rows)


CARD = Card(
    about="Short moral texts of five kinds: commonsense, justice, deontology, virtue, utilitarianism.",
    item="what somebody did or said, a scene with a trait, or two situations in a given order",
    groups="justice: the words before the last because; deontology, virtue: the scene; utilitarianism: the pair",
    rule="none; one_true for virtue, opposite for utilitarianism",
    gold="commonsense: wrong; justice: reasonable; deontology: holds; virtue: shown; utilitarianism: first; icm: holds",
    paper="Hendrycks et al.: Aligning AI With Shared Human Values, arXiv 2008.02275",
    licence="MIT; the files of the ICM format name none",
    terms="free",
    splits={
        **{
            f"{subset}-{part}": _csv(subset, part, rows, rows)
            for subset, counts in _ROWS.items()
            for part, rows in zip(_ENDINGS, counts, strict=True)
        },
        **{
            f"utilitarianism-{part}": _csv("utilitarianism", part, rows, items, ["pleasant", "less"])
            for part, (rows, items) in _PAIRS.items()
        },
        "icm-commonsense": _icm("train_commonsense_dataset", 400),
        "icm-deontology": _icm("train_deontology_dataset", 401),
        "icm-moral": _icm("train_moral_dataset", 2000),
        "icm-moral-test": _icm("test_moral_dataset", 202),
    },
    split="justice-test",
    traps=[
        "Commonsense is turned round: its 1 means clearly wrong, everywhere else 1 means that it holds.",
        "Virtue has one trait of five shown: calling none shown is .80 right (train .91).",
        "The less pleasant situation is always the second in the files of utilitarianism; the order is drawn anew.",
        "About half the commonsense texts are long posts of some 1550 characters.",
        "Rows that occur twice: justice-train 9, virtue-train 228; pairs that do are one item.",
        "On the Hub a loading script renames test to validation and hard to test, and eats the first row of "
        "utilitarianism; here the CSV files themselves are read.",
        "Which files the Hub has was not checked on the live Hub.",
    ],
)


def _rows(source: Source) -> Rows:
    subset = source.split if source.split.startswith("icm-") else source.split.partition("-")[0]
    table = source.table
    if subset == "utilitarianism":
        return preference_rows(_pairs(table), source, "first")
    refuse_given(source.settings, ["orders"], "only utilitarianism shows two texts, so remove it.")
    read, gold, rule = _SUBSETS[subset]
    rows, grouped, keyed = [], False, False
    for row in table.rows:
        item = read(table, row)
        values = {"text": item.text, "group": item.group or f"alone: {item.text}", "key": item.key, "holds": item.holds}
        rows.append(Row(row.number, row.line, values))
        grouped |= item.group is not None
        keyed |= item.key is not None
    columns = Columns("text", group="group" if grouped else None, key="key" if keyed else None, gold={gold: "holds"})
    return Rows(table.of(rows), columns, rule)


def _cell(table: Table, row: Row, column: str) -> str:
    return read_cell(table, row, column).strip()


def _commonsense(table: Table, row: Row) -> _Item:
    return _Item(_cell(table, row, "input"), None, None, read_boolean(table, row, "label"))


def _justice(table: Table, row: Row) -> _Item:
    text = _cell(table, row, "scenario")
    stem = text.casefold().rpartition(" because")[0]
    return _Item(text, " ".join(stem.split()) or None, None, read_boolean(table, row, "label"))


def _deontology(table: Table, row: Row) -> _Item:
    scene = _cell(table, row, "scenario")
    return _Item(f"{scene} {_cell(table, row, 'excuse')}", scene, None, read_boolean(table, row, "label"))


def _virtue(table: Table, row: Row) -> _Item:
    scene, mark, trait = _cell(table, row, "scenario").partition(" [SEP] ")
    if not mark or not trait:
        raise bad_cell(table, row, "scenario", 'has no trait; it must be a scene, then " [SEP] ", then a trait.')
    return _Item(f"{scene}\nTrait: {trait}", scene, trait, read_boolean(table, row, "label"))


def _answered(table: Table, row: Row) -> _Item:
    column = "class_label" if "class_label" in row.values else "label"
    question, answer = _cell(table, row, "question"), _cell(table, row, "choice")
    group = _cell(table, row, "consistency_id")
    return _Item(f"{question} {answer}", group, None, read_boolean(table, row, column))


def _claim(table: Table, row: Row) -> _Item:
    return _Item(_cell(table, row, "claim"), None, None, read_boolean(table, row, "label"))


_SUBSETS: dict[str, tuple[Callable[[Table, Row], _Item], str, str]] = {
    "commonsense": (_commonsense, "wrong", "none"),
    "justice": (_justice, "reasonable", "none"),
    "deontology": (_deontology, "holds", "none"),
    "virtue": (_virtue, "shown", "one_true"),
    "icm-commonsense": (_answered, "holds", "opposite"),
    "icm-deontology": (_answered, "holds", "none"),
    "icm-moral": (_claim, "holds", "none"),
    "icm-moral-test": (_answered, "holds", "opposite"),
}


def _pairs(table: Table) -> Iterator[Pair]:
    for row in table.rows:
        yield Pair(row, "", _cell(table, row, "pleasant"), _cell(table, row, "less"), True)


DATASET = Dataset(CARD, _rows, unused=["text", "uid", "group", "key"])
