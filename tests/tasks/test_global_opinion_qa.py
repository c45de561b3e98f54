"""GlobalOpinionQA: two options a question, from the cuts of three countries and the wide table of 14."""

import csv
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.datasets.global_opinion_qa import CARD, COUNTRIES, DATASET, split_header
from tests.tasks.given import Given, seeded

_HEADER = ["Country", "Tea at four?\nA. Yes\nB. No\n", "Which cup?\nA. Red\nB. Blue\nC. None\n", "Milk?\nA. In\nB. Out"]


def _load(path: str | Path, split: str = "France", **settings: Any) -> Task:
    given = Given(dataset="global_opinion_qa", path=str(path), split=split, **settings)
    return DATASET.load(seeded(given, 5), labels=["A", "B"], rule=None)


def _seen(task: Task) -> list[tuple[str, int | None, int | None]]:
    return [(item.text, item.group, item.key) for item in task.items]


def _rows(gold: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {"question": f"Question {n}?", "selections": [0.2 + first, 0.8 - first], "options": ["Yes", "No"]}
        | {"consistency_id": n, "option": option, "label": label}
        for n, (first, second) in enumerate(gold)
        for option, label in (("Yes", first), ("No", second))
    ]


def _write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "France_train.json").write_text(json.dumps(rows))
    return folder


def _write_wide(folder: Path, rows: list[list[str]], header: list[str] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / "global_opinion_data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header or _HEADER, *rows])
    return folder


def test_global_opinion_options_are_a_group_and_ties_noted(tmp_path: Path) -> None:
    task = _load(_write(tmp_path, _rows([(1, 0), (0, 1), (0, 0)])))
    assert task.rule == "opposite"
    assert {item.uid: item.text for item in task.items}["2"] == "Q: Question 0? A: No"
    assert set(Counter(item.group for item in task.items).values()) == {2}
    assert task.gold.columns == {"majority": {"1": 0, "2": 1, "3": 1, "4": 0, "5": 1, "6": 1}}
    assert task.notes == ['1 of 3 questions: gold "majority" is false for both options (a tie).']


def test_global_opinion_wide_table_gives_two_option_questions(tmp_path: Path) -> None:
    folder = _write_wide(tmp_path, [["Brazil", "0.2", "0.9", "0.5"], ["Japan", "0.7", "0.1", "0.51"]])
    japan = _load(folder, "Japan (csv)")
    assert {item.uid: item.text for item in japan.items} == {
        "1.0": "Q: Tea at four? A: Yes",
        "1.1": "Q: Tea at four? A: No",
        "3.0": "Q: Milk? A: In",
        "3.1": "Q: Milk? A: Out",
    }
    assert japan.gold.columns == {"majority": {"1.0": 1, "1.1": 0, "3.0": 1, "3.1": 0}}
    brazil = _load(folder, "Brazil (csv)")
    assert _seen(brazil) == _seen(japan)
    assert brazil.gold.columns == {"majority": {"1.0": 0, "1.1": 1, "3.0": 1, "3.1": 1}}
    assert brazil.notes == ['1 of 2 questions: gold "majority" is false for both options (a tie).']


def test_global_opinion_items_see_neither_gold_nor_row_order(tmp_path: Path) -> None:
    rows = _rows([(1, 0), (0, 1), (1, 0)])
    plain = _seen(_load(_write(tmp_path / "plain", rows)))
    assert _seen(_load(_write(tmp_path / "other", _rows([(0, 1), (1, 0), (0, 0)])))) == plain
    assert _seen(_load(_write(tmp_path / "turned", rows[::-1]))) == plain
    wide = _seen(_load(_write_wide(tmp_path / "plain", [["Japan", "0.7", "0.1", "0.6"]]), "Japan (csv)"))
    turned = _write_wide(tmp_path / "turned", [["Japan", "0.4", "0.1", "0.3"]], [_HEADER[0], *_HEADER[:0:-1]])
    assert _seen(_load(turned, "Japan (csv)")) == wide


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            ["Japan", "1.2", "0", "0"],
            ', line 11, column "Tea at four?\\nA. Yes\\nB. No\\n" holds "1.2"; it must be a share ',
        ),
        (
            ["Japan", "nan", "0", "0"],
            ', line 11, column "Tea at four?\\nA. Yes\\nB. No\\n" holds "nan"; it must be a share ',
        ),
        (["Japan", "", "0", "0"], ', line 11, column "Tea at four?\\nA. Yes\\nB. No\\n" is empty; '),
        (["Chile", "1", "0", "0"], ' has no row whose column "Country" is "Japan"; choose another split.'),
    ],
)
def test_global_opinion_names_the_place_of_a_bad_cell(tmp_path: Path, row: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        _load(_write_wide(tmp_path, [row]), "Japan (csv)")
    assert str(caught.value).startswith(f"{tmp_path}/global_opinion_data.csv{sentence}")


def test_global_opinion_refuses_table_without_such_questions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no column that is a question with the options"):
        _load(_write_wide(tmp_path, [["Japan", "1"]], ["Country", "Tea?"]), "Japan (csv)")


def test_global_opinion_does_not_read_the_hub(tmp_path: Path) -> None:
    given = Given(dataset="global_opinion_qa")
    with pytest.raises(UserError, match="nowhere on the Hub; name the folder"):
        DATASET.load(seeded(given, 1), labels=["A", "B"], rule=None)


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        ("Tea at  four?\nA. Yes \nB. No\n", ("Tea at four?", "Yes", "No")),
        ("Which?\nA. Red\nB. Blue\nC. None\n", None),
        ("Which?\nA. Red\nC. Blue", None),
        ("A. Red\nB. Blue", None),
        ("Country", None),
    ],
)
def test_split_header_gives_question_and_options(column: str, parts: tuple[str, str, str] | None) -> None:
    assert split_header(column) == parts


@pytest.mark.parametrize(
    ("split", "items", "gold"),
    [
        ("France", 324, {0: 162, 1: 162}),
        ("Germany", 336, {0: 167, 1: 169}),
        ("UnitedStates", 328, {0: 161, 1: 167}),
        ("France-test", 70, {0: 35, 1: 35}),
        ("Germany-test", 70, {0: 35, 1: 35}),
        ("UnitedStates-test", 70, {0: 35, 1: 35}),
    ],
)
def test_global_opinion_real_counts(shared_datasets: Path, split: str, items: int, gold: dict[int, int]) -> None:
    folder = shared_datasets / "global_opinion_qa"
    task = _load(folder, split)
    place = CARD.splits[split].tables["rows"]
    assert (len(task.items), place.rows, CARD.splits[split].items) == (items, items, items)
    assert Counter(Counter(item.group for item in task.items).values()) == {2: items // 2}
    assert Counter(task.gold.columns["majority"].values()) == gold
    ties = {"Germany": 1, "UnitedStates": 3}.get(split, 0)
    assert len(task.notes) == bool(ties)
    assert all(note.startswith(f"{ties} of ") for note in task.notes)
    rows = json.loads((folder / place.files[0]).read_text())
    shown = {item.uid: item.text for item in task.items}
    for n, row in enumerate(rows, 1):
        assert shown[str(n)] == f"Q: {row['question']} A: {row['option']}"
        share = row["selections"][row["options"].index(row["option"])]
        assert (task.gold.columns["majority"][str(n)] == 0) == (row["label"] == 1) == (share > 0.5)


@pytest.mark.parametrize("country", COUNTRIES)
def test_global_opinion_real_wide_table_by_other_means(shared_datasets: Path, country: str) -> None:
    folder = shared_datasets / "global_opinion_qa"
    with (folder / "global_opinion_data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Country"] for row in rows] == list(COUNTRIES)
    own = rows[COUNTRIES.index(country)]
    want: dict[str, bool] = {}
    for column, cell in own.items():
        found = re.fullmatch(r"(.*?)\s*\nA\. ([^\n]*?)\s*\nB\. ([^\n]*?)\s*", column, re.DOTALL)
        if found:
            question = " ".join(found[1].split())
            want[f"Q: {question} A: {found[2]}"] = float(cell) < 0.5
            want[f"Q: {question} A: {found[3]}"] = float(cell) > 0.5
    task = _load(folder, f"{country} (csv)")
    assert (len(want), CARD.splits[f"{country} (csv)"].items) == (114, 114)
    assert {item.text: task.gold.columns["majority"][item.uid] == 0 for item in task.items} == want
    assert set(Counter(item.group for item in task.items).values()) == {2}


def test_global_opinion_both_sources_of_a_country_agree(shared_datasets: Path) -> None:
    folder = shared_datasets / "global_opinion_qa"
    same: dict[bool, int] = defaultdict(int)
    for cut, country in (("France", "France"), ("Germany", "Germany"), ("UnitedStates", "United States")):
        wide = _load(folder, f"{country} (csv)")
        gold = {item.text: wide.gold.columns["majority"][item.uid] for item in wide.items}
        for split in (cut, f"{cut}-test"):
            task = _load(folder, split)
            for item in task.items:
                text = " ".join(item.text.split())
                if text in gold:
                    same[gold[text] == task.gold.columns["majority"][item.uid]] += 1
    assert (same[True] > 200, same[False]) == (True, 0)
