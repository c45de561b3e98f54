"""Jiminy Cricket: one item a text, four harms and goods as gold, and the order of the files' numbers."""

import csv
import itertools
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.datasets.jiminy_cricket import CARD, DATASET, GOLD, HARMS
from tests.tasks.given import Given, seeded

_HEADER = ["File", "Line", "Neighboring text", "Description", "Review", "Conditioning", "Morality", "Python Filters"]
_ROWS: list[list[Any]] = [
    ["Action: hug", [0, 0, 2, 1], "mill"],
    ["Action: shove", [1, 0, 0, 0], "mill"],
    ["Action: look", None, "mill"],
    ["Action: shove", [2, 1, 0, 0], "tower"],
    ["Action: trip", [0, 3, 0, 0], "tower"],
]


def _load(path: str | Path, split: str = "test", **settings: Any) -> Task:
    given = Given(dataset="jiminy_cricket", path=str(path), split=split, **settings)
    return DATASET.load(seeded(given, 5), labels=["A", "B"], rule=None)


def _seen(task: Task) -> list[tuple[str, int | None, int | None]]:
    return [(item.text, item.group, item.key) for item in task.items]


def _write(folder: Path, rows: list[list[Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "jiminy_test.json").write_text(json.dumps(rows))
    return folder


def _write_subset(folder: Path, rows: list[tuple[str, str]]) -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / "jiminy_subset.csv").open("w", newline="") as file:
        csv.writer(file).writerows([_HEADER, *(["a.zil", "3", text, "d", "", "", label, ""] for text, label in rows)])
    return folder


def test_jiminy_cricket_copies_of_a_text_are_one_item(tmp_path: Path) -> None:
    task = _load(_write(tmp_path, _ROWS))
    assert (len(task.items), task.rule, task.notes) == (4, "none", [])
    assert {item.uid: item.text for item in task.items}["2"] == "Action: shove"
    assert task.gold.columns == {
        "bad for others": {"1": 1, "2": 0, "3": 1, "5": 1},
        "bad for self": {"1": 1, "3": 1, "5": 0},
        "good for others": {"1": 0, "2": 1, "3": 1, "5": 1},
        "good for self": {"1": 0, "2": 1, "3": 1, "5": 1},
        "neutral": {"1": 1, "2": 1, "3": 0, "5": 1},
    }


def test_jiminy_cricket_annotators_table(tmp_path: Path) -> None:
    rows = [
        ("You fall.", "bad, self, 3\nbad, others, 1"),
        (" ", "good, self, 1"),
        ("You dine.", "good, self, 1"),
        ("You nod.", ""),
        ("You hum.", "ancillary"),
        ("You dine.", "good, self, 2"),
    ]
    task = _load(_write_subset(tmp_path, rows), "subset", gold=["bad for self", "good for self", "neutral"])
    assert {item.uid: item.text for item in task.items} == {
        "1": "You fall.",
        "3": "You dine.",
        "4": "You nod.",
        "5": "You hum.",
    }
    assert task.gold.columns == {
        "bad for self": {"1": 0, "3": 1, "4": 1},
        "good for self": {"1": 1, "3": 0, "4": 1},
        "neutral": {"1": 1, "3": 1, "4": 0},
    }


def test_jiminy_cricket_items_see_neither_gold_nor_row_order(tmp_path: Path) -> None:
    plain = _seen(_load(_write(tmp_path / "plain", _ROWS)))
    other = [[row[0], turned[1], row[2]] for row, turned in zip(_ROWS, _ROWS[::-1], strict=True)]
    assert _seen(_load(_write(tmp_path / "other", other))) == plain
    assert _seen(_load(_write(tmp_path / "turned", _ROWS[::-1]))) == plain
    rows = [("You fall.", "bad, self, 3"), ("You dine.", ""), ("You nod.", "good, others, 1")]
    subset = _seen(_load(_write_subset(tmp_path / "plain", rows), "subset"))
    swapped = [(text, label) for (text, _), (_, label) in zip(rows, rows[::-1], strict=True)]
    assert _seen(_load(_write_subset(tmp_path / "other", swapped), "subset")) == subset
    assert _seen(_load(_write_subset(tmp_path / "turned", rows[::-1]), "subset")) == subset


@pytest.mark.parametrize(
    ("label", "what"),
    [
        ([1, 0], "a list of 2; it must be null or a list of four numbers."),
        ("bad", "a string; it must be null or a list of four numbers."),
        ([0, 0, 0, -1], "-1; it must be four numbers that are not below zero."),
        ([0, 0, 0, "1"], '"1"; it must be four numbers that are not below zero.'),
    ],
)
def test_jiminy_cricket_names_the_place_of_a_broken_label(tmp_path: Path, label: object, what: str) -> None:
    with pytest.raises(UserError) as caught:
        _load(_write(tmp_path, [_ROWS[0], ["Action: x", label, "mill"]]))
    assert str(caught.value) == f'{tmp_path}/jiminy_test.json, row 2, column "label" holds {what}'


def test_jiminy_cricket_names_the_place_of_unknown_words(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        _load(_write_subset(tmp_path, [("You fall.", "bad, selves, 1")]), "subset")
    assert str(caught.value) == (
        f'{tmp_path}/jiminy_subset.csv, line 2, column "Morality" holds "bad, selves, 1"; give lines such as '
        '"bad, others, 1".'
    )


@pytest.mark.parametrize(
    ("split", "rows", "items", "true"),
    [
        ("test", 4000, 3351, [933, 679, 73, 88, 1673]),
        ("train", 1000, 924, [259, 202, 22, 36, 425]),
        ("subset", 2091, 1479, [795, 642, 54, 42, 32]),
    ],
)
def test_jiminy_cricket_real_counts(shared_datasets: Path, split: str, rows: int, items: int, true: list[int]) -> None:
    task = _load(shared_datasets / "jiminy_cricket", split)
    assert (len(task.items), CARD.splits[split].items) == (items, items)
    assert CARD.splits[split].tables["rows"].rows == rows
    assert [Counter(task.gold.columns[name].values())[0] for name in GOLD] == true
    assert len({item.text for item in task.items}) == items


def test_jiminy_cricket_real_rows_are_as_the_card_says(shared_datasets: Path) -> None:
    folder = shared_datasets / "jiminy_cricket"
    test = json.loads((folder / "jiminy_test.json").read_text())
    train = json.loads((folder / "jiminy_train.json").read_text())
    assert (len(test), len({row[0] for row in test}), sum(row[1] is None for row in test)) == (4000, 3351, 1793)
    assert (len(train), len({row[0] for row in train})) == (1000, 924)
    table = _annotated(folder)
    assert (len(table), sum(not row["Morality"] for row in table)) == (2091, 245)


def _annotated(folder: Path) -> list[dict[str, str]]:
    with (folder / "jiminy_subset.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("split", ["test", "train"])
def test_jiminy_cricket_real_gold_by_other_means(shared_datasets: Path, split: str) -> None:
    folder = shared_datasets / "jiminy_cricket"
    labels: dict[str, list[Any]] = defaultdict(list)
    for text, label, _ in json.loads((folder / f"jiminy_{split}.json").read_text()):
        labels[text.strip()].append(label or [0, 0, 0, 0])
    task = _load(folder, split)
    for item in task.items:
        for n, name in enumerate(GOLD):
            found = {any(label) == 0 if name == "neutral" else label[n] > 0 for label in labels[item.text]}
            want = None if len(found) == 2 else 0 if found.pop() else 1
            assert task.gold.columns[name].get(item.uid) == want


def test_jiminy_cricket_real_annotators_gold_by_other_means(shared_datasets: Path) -> None:
    strings: dict[str, list[str]] = defaultdict(list)
    for row in _annotated(shared_datasets / "jiminy_cricket"):
        strings[row["Neighboring text"].strip()].append(row["Morality"])
    task = _load(shared_datasets / "jiminy_cricket", "subset")
    for item in task.items:
        for name in GOLD:
            start = name.replace(" for ", ", ")
            found = {not text.strip() if name == "neutral" else start in text for text in strings[item.text]}
            odd = len(found) == 2 or "ancillary" in strings[item.text]
            assert task.gold.columns[name].get(item.uid) == (None if odd else 0 if found.pop() else 1)


def test_jiminy_cricket_order_of_numbers_is_the_annotators(shared_datasets: Path) -> None:
    """Strings of the annotated source code, looked for in the scenes: the label there against the annotator's."""
    folder = shared_datasets / "jiminy_cricket"
    scenes = [row for split in ("test", "train") for row in json.loads((folder / f"jiminy_{split}.json").read_text())]
    answers = [(_plain(text.split("Current Observation:", 1)[-1]), label) for text, label, _ in scenes if label]
    pairs: set[tuple[tuple[int, ...], tuple[int, ...], str]] = set()
    for row in _annotated(folder):
        given = dict.fromkeys(HARMS, 0)
        for valence, who, intensity in re.findall(r"(bad|good), (others|self), ([1-9])", row["Morality"]):
            given[f"{valence} for {who}"] = int(intensity)
        strings = [_plain(found) for found in re.findall(r'"([^"]{30,})"', row["Neighboring text"])]
        for string in strings if any(given.values()) else []:
            if len(string) >= 30:
                hits = [label for answer, label in answers if string in answer]
                pairs |= {(tuple(given.values()), tuple(label), string) for label in hits}
    agree = {
        order: sum(tuple(given[n] for n in order) == label for given, label, _ in pairs)
        for order in itertools.permutations(range(4))
    }
    best, next_best, third = sorted(agree, key=lambda order: -agree[order])[:3]
    assert (len(pairs), best, agree[best]) == (154, (0, 1, 2, 3), 127)
    assert (next_best, agree[next_best], agree[third]) == ((0, 1, 3, 2), 116, 60)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
