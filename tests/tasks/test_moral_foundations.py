"""Moral foundations vignettes: six wordings, the published table, and gold that no item shows."""

import csv
import json
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from icm_tui.domain.items import Item, Task
from icm_tui.errors import UserError
from icm_tui.tasks.datasets.moral_foundations import CARD, DATASET, FOUNDATIONS, WORDINGS
from tests.tasks.given import Given, seeded

_COUNTS = {"Care": 32, "Fairness": 17, "Authority": 17, "Sanctity": 17, "Liberty": 17, "Loyalty": 16}
_TWO = [*FOUNDATIONS, "violation", "wrong (above median)"]
_GOLD = [("Care (e)", "Care", 3.0), ("Liberty", "Liberty", 2.0), ("Social Norms", "Social Norms", 0.5)]


def _load(path: str | Path, labels: str = "AB", rule: str | None = None, **settings: Any) -> Task:
    given = Given(dataset="moral_foundations", path=str(path), **settings)
    return DATASET.load(seeded(given, 5), labels=list(labels), rule=rule)


def _seen(task: Task) -> list[tuple[str, int | None, int | None]]:
    return [(item.text, item.group, item.key) for item in task.items]


def _file(wording: str) -> str:
    kind, _, who = wording.rpartition("-")
    return f"vignettes_{kind}_{who}_violate.jsonl"


def _rows(wording: str) -> list[dict[str, Any]]:
    world = "s" if wording.startswith("scifi") else "c"
    return [
        {"id": f"{world}{n}", "foundation": fine, "foundation_coarse": coarse, "wrong": wrong}
        | {"text": f"{wording} scene {n}", "ai_Care": n, "human_Care": 9 - n}
        for n, (fine, coarse, wrong) in enumerate(_GOLD)
    ]


def _write(folder: Path, change: Any = None) -> str:
    folder.mkdir(exist_ok=True)
    for wording in WORDINGS:
        rows = _rows(wording)
        if change is not None:
            rows = change(rows)
        (folder / _file(wording)).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def test_moral_foundations_wordings_of_a_vignette_are_a_group(tmp_path: Path) -> None:
    task = _load(_write(tmp_path))
    assert (len(task.items), task.rule, task.notes) == (18, "same", [])
    members: dict[int | None, set[str]] = {}
    for item in task.items:
        members.setdefault(item.group, set()).add(item.uid)
    assert sorted(map(len, members.values())) == [2, 2, 2, 4, 4, 4]
    assert {f"{w}:c0" for w in WORDINGS if not w.startswith("scifi")} in members.values()


def test_moral_foundations_gold_for_two_and_seven_labels(tmp_path: Path) -> None:
    folder = _write(tmp_path)
    two = _load(folder, split="classic-self")
    assert (list(two.gold.columns), two.rule, two.items[0].group) == (_TWO, "none", None)
    uids = [f"classic-self:c{n}" for n in range(3)]
    assert [two.gold.columns["Care"][uid] for uid in uids] == [0, 1, 1]
    assert [two.gold.columns["violation"][uid] for uid in uids] == [0, 0, 1]
    assert [two.gold.columns["wrong (above median)"][uid] for uid in uids] == [0, 1, 1]
    seven = _load(folder, "ABCDEFG", split="classic-self")
    assert seven.gold.classes == {"foundation": ["Care", "Liberty", "Social Norms"]}
    assert [seven.gold.columns["foundation"][uid] for uid in uids] == [0, 1, 2]


def test_moral_foundations_refuses_more_classes_than_labels(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"one class more than the 2 labels of prompt\.labels; add a label"):
        _load(_write(tmp_path), gold=["foundation"])


def test_moral_foundations_items_see_no_gold_nor_row_order(tmp_path: Path) -> None:
    def other_gold(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = ("foundation", "foundation_coarse", "wrong", "ai_Care", "human_Care")
        return [row | {name: rows[-n - 1][name] for name in names} for n, row in enumerate(rows)]

    for split in ("all", "ai-actor-self"):
        plain = _load(_write(tmp_path / "plain"), split=split)
        assert _seen(_load(_write(tmp_path / "gold", other_gold), split=split)) == _seen(plain)
        assert _load(_write(tmp_path / "turned", lambda rows: rows[::-1]), split=split).items == plain.items


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"wrong": "much"}, 'line 2, column "wrong" holds "much"; it must be a number.'),
        (
            {"foundation_coarse": "Liberties"},
            'line 2, column "foundation_coarse" holds "Liberties", which is no foundation; did you mean "Liberty"?',
        ),
        ({"id": "c0"}, 'line 2, column "id" repeats "c0" of line 1; leave one of them out.'),
        (
            {"text": " "},
            'line 2, column "text" is empty; the dataset needs a value in every row, so fill it in or remove the row.',
        ),
    ],
)
def test_moral_foundations_names_the_place_of_a_bad_cell(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    folder = _write(tmp_path, lambda rows: [rows[0], rows[1] | change, rows[2]])
    with pytest.raises(UserError) as caught:
        _load(folder, split="classic-other")
    assert str(caught.value) == f"{folder}/{_file('classic-other')}, {sentence}"


@pytest.mark.parametrize("split", list(CARD.splits))
def test_moral_foundations_real_counts(shared_datasets: Path, split: str) -> None:
    times = 6 if split == "all" else 1
    for labels in ("AB", "ABCDEFG"):
        task = _load(shared_datasets / "moral_foundations_vignettes", labels, split=split)
        assert (len(task.items), task.notes) == (132 * times, [])
        assert CARD.splits[split].items == 132 * times
        if labels == "AB":
            assert list(task.gold.columns) == _TWO
            balance = {name: Counter(task.gold.columns[name].values()) for name in _TWO}
            assert {name: balance[name][0] for name in _COUNTS} == {n: c * times for n, c in _COUNTS.items()}
            assert balance["violation"] == {0: 116 * times, 1: 16 * times}
        else:
            names = task.gold.classes["foundation"]
            counts = Counter(names[label] for label in task.gold.columns["foundation"].values())
            assert counts == {n: c * times for n, c in (_COUNTS | {"Social Norms": 16}).items()}
    assert all(place.rows == 132 for place in CARD.splits[split].tables.values())
    groups = Counter(item.group for item in task.items)
    assert Counter(groups.values()) == ({4: 132, 2: 132} if split == "all" else {132: 1})
    assert task.rule == ("same" if split == "all" else "none")


def test_moral_foundations_real_gold_by_other_means(shared_datasets: Path) -> None:
    folder = shared_datasets / "moral_foundations_vignettes"
    for wording in WORDINGS:
        with (folder / "tiny_mfv" / _file(wording)).open() as file:
            rows = [json.loads(line) for line in file]
        _check(
            _load(folder, split=wording),
            _load(folder, "ABCDEFG", split=wording),
            [(f"{wording}:{row['id']}", row["text"], row["foundation_coarse"], row["wrong"]) for row in rows],
        )
    with (folder / "clifford_2015" / "vignettes.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    _check(
        _load(folder, split="clifford"),
        _load(folder, "ABCDEFG", split="clifford"),
        [
            (str(n), row["Scenario"], row["Foundation"].split(" (")[0], float(row["Wrong"]))
            for n, row in enumerate(table, 1)
        ],
    )


def _check(two: Task, seven: Task, rows: list[tuple[str, str, str, float]]) -> None:
    texts: dict[str, Item] = {item.uid: item for item in two.items}
    middle = statistics.median(rating for *_, rating in rows)
    for uid, text, foundation, rating in rows:
        assert texts[uid].text == text
        assert [two.gold.columns[name][uid] == 0 for name in FOUNDATIONS] == [n == foundation for n in FOUNDATIONS]
        assert (two.gold.columns["violation"][uid] == 1) == (foundation == "Social Norms")
        assert (two.gold.columns["wrong (above median)"][uid] == 0) == (rating > middle)
        assert seven.gold.classes["foundation"][seven.gold.columns["foundation"][uid]] == foundation
