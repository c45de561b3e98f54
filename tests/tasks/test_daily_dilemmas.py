"""DailyDilemmas: sums of values as gold, which no item shows."""

import ast
import csv
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from icm_tui.domain.items import Item, Task
from icm_tui.errors import UserError
from icm_tui.tasks.datasets.daily_dilemmas import CARD, DATASET, read_actions, read_categories, signed_counts
from icm_tui.tasks.tables import read_table
from tests.tasks.given import Given, seeded

_ROWS = "dilemma_to_action_to_values_aggregated.csv"
_HEADER = [
    "idx",
    "dilemma_idx",
    "basic_situation",
    "dilemma_situation",
    "action_type",
    "action",
    "negative_consequence",
    "values_aggregated",
    "topic",
    "topic_group",
]
_VALUES = [
    ["", "value", "WVS", "MFT", "Virtue", "Emotion", "Maslow"],
    ["0", "candour", "", "Fairness", "Truthfulness", "", ""],
    ["1", "warmth", "Survival", "Care", "", "", ""],
    ["2", "thrift", "", "", "", "", ""],
]
_PAIRS = [
    ("['candour', 'warmth', 'candour']", "['warmth']"),
    ("['thrift']", "['candour', 'thrift']"),
    ("[]", "['thrift']"),
]


def _source() -> list[list[str]]:
    rows = []
    for n, lists in enumerate(_PAIRS):
        for half, (kind, values) in enumerate(zip(("to_do", "not_to_do"), lists, strict=True)):
            about = [str(2 * n + half), str(n + 7), f"basic {n}", f"Situation {n}.", kind, f"{kind} {n}"]
            rows.append([*about, "bad", values, "3", "home"])
    return rows


def _write(folder: Path, rows: list[list[str]], values: list[list[str]] | None = None) -> str:
    folder.mkdir(exist_ok=True)
    for name, table in ((_ROWS, [_HEADER, *rows]), ("values.csv", values or _VALUES)):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(table)
    return str(folder)


def _load(path: str | Path, rule: str | None = None, **settings: Any) -> Task:
    given = Given(dataset="daily_dilemmas", path=str(path), **settings)
    return DATASET.load(seeded(given, 5), labels=["A", "B"], rule=rule)


def _seen(items: list[Item]) -> list[tuple[str, int | None, int | None]]:
    return [(item.text, item.group, item.key) for item in items]


def test_daily_dilemmas_gold_is_the_sign_of_the_values(tmp_path: Path) -> None:
    task = _load(_write(tmp_path, _source()))
    assert task.rule == "opposite"
    assert task.gold.columns == {
        "WVS/Survival": {},
        "MFT/Care": {},
        "MFT/Fairness": {"0": 0, "1": 1, "2": 1, "3": 0},
        "Virtue/Truthfulness": {"0": 0, "1": 1, "2": 1, "3": 0},
    }
    assert task.notes == [
        'Gold column "WVS/Survival" has no value for these items.',
        'Gold column "MFT/Care" has no value for these items.',
    ]
    texts = {item.uid: item.text for item in task.items}
    assert texts["3"] == "Situation: Situation 1.\nAction: not_to_do 1"


def _counts(folder: Path | str) -> dict[str, list[int | None]]:
    categories = read_categories(read_table(f"{folder}/values.csv"))
    return signed_counts(read_actions(read_table(f"{folder}/{_ROWS}"), categories), categories)


def test_signed_counts_keep_zero_and_missing_apart(tmp_path: Path) -> None:
    folder = _write(tmp_path, _source())
    assert _counts(folder) == {
        "WVS/Survival": [0, 0, None, None, None, None],
        "MFT/Care": [0, 0, None, None, None, None],
        "MFT/Fairness": [2, -2, -1, 1, None, None],
        "Virtue/Truthfulness": [2, -2, -1, 1, None, None],
    }


def test_daily_dilemmas_value_counts_if_one_action_has_it(tmp_path: Path) -> None:
    folder = _write(tmp_path, _source())
    task = _load(folder, gold=["value/*", "MFT/Fairness"])
    assert task.gold.columns == {
        "value/candour": {"0": 0, "1": 1, "2": 1, "3": 0},
        "value/thrift": {"4": 1, "5": 0},
        "MFT/Fairness": {"0": 0, "1": 1, "2": 1, "3": 0},
    }
    with pytest.raises(UserError, match='"value/warmth", which is not in dataset "daily_dilemmas"'):
        _load(folder, gold=["value/warmth"])


def test_daily_dilemmas_items_see_neither_values_nor_row_order(tmp_path: Path) -> None:
    rows = _source()
    plain = _seen(_load(_write(tmp_path / "plain", rows)).items)
    lists = [row[7] for row in rows]
    other = [[*row[:7], lists[-n - 1], *row[8:]] for n, row in enumerate(rows)]
    assert _seen(_load(_write(tmp_path / "other", other)).items) == plain
    turned = [[str(n), *row[1:]] for n, row in enumerate(reversed(rows))]
    assert _seen(_load(_write(tmp_path / "turned", turned)).items) == plain


def test_daily_dilemmas_text_names_input_columns_only(tmp_path: Path) -> None:
    folder = _write(tmp_path, _source())
    task = _load(folder, text="{action} {negative_consequence}", rule="none")
    assert {item.text for item in task.items if item.uid == "0"} == {"to_do 0 bad"}
    assert task.rule == "none"
    for text in ("values_aggregated", "{action} {MFT/Care}", "idx"):
        with pytest.raises(UserError, match=r"^task.text names .* is no column of its input; "):
            _load(folder, text=text)


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        (4, "maybe", 'line 3, column "action_type" holds "maybe"; it must be "to_do" or "not_to_do".'),
        (
            4,
            "to_do",
            'line 3 is a second to_do action of dilemma "7", which line 2 has already; leave one of them out.',
        ),
        (
            7,
            "['warmth'",
            "line 3, column \"values_aggregated\" is not a list of values such as ['trust', 'self']; mend it.",
        ),
        (7, "[1]", "line 3, column \"values_aggregated\" is not a list of values such as ['trust', 'self']; mend it."),
        (
            7,
            "['warm']",
            'line 3, column "values_aggregated" names the value "warm", which the table of values does not have; add '
            "it there or correct it.",
        ),
        (
            1,
            "",
            'line 3, column "dilemma_idx" is empty; the dataset needs a value in every row, so fill it in or remove '
            "the row.",
        ),
    ],
)
def test_daily_dilemmas_names_the_place_of_a_bad_cell(tmp_path: Path, column: int, value: str, sentence: str) -> None:
    rows = _source()
    rows[1][column] = value
    with pytest.raises(UserError) as caught:
        _load(_write(tmp_path, rows))
    assert str(caught.value) == f"{tmp_path}/{_ROWS}, {sentence}"


def test_daily_dilemmas_refuses_missing_framework(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'values.csv has no column "MFT"'):
        _load(_write(tmp_path, _source(), [["value", "WVS"], ["candour", ""]]))


def test_daily_dilemmas_refuses_settings_it_has_no_use_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^task.group has no meaning"):
        _load(_write(tmp_path, _source()), group="topic")


def test_daily_dilemmas_real_counts(shared_datasets: Path) -> None:
    task = _load(shared_datasets / "daily_dilemmas")
    places = CARD.splits["test"].tables
    assert (places["rows"].rows, places["values"].rows, CARD.splits["test"].items) == (2720, 301, 2720)
    for place in places.values():
        assert len(read_table(str(shared_datasets / "daily_dilemmas" / place.files[0])).rows) == place.rows
    groups = Counter(item.group for item in task.items)
    assert (len(task.items), len(groups), set(groups.values()), task.notes) == (2720, 1360, {2}, [])
    assert len(task.gold.columns) == 37
    assert Counter(task.gold.columns["Virtue/Truthfulness"].values()) == {0: 522, 1: 522}
    first = Counter(task.gold.columns["Virtue/Truthfulness"].get(item.uid) for item in task.items if item.key == 0)
    assert 200 < first[0] < 322, "the order inside a pair tells the gold"
    single = _load(shared_datasets / "daily_dilemmas", gold=["value/*"])
    assert len(single.gold.columns) == 299


def test_daily_dilemmas_real_gold_has_the_missing_cells(shared_datasets: Path) -> None:
    folder = shared_datasets / "daily_dilemmas"
    counts = _counts(folder)
    truthfulness = counts["Virtue/Truthfulness"]
    known = [count for count in truthfulness if count is not None]
    assert (len(known), known.count(0)) == (1192, 148)
    missing = {name: column.count(None) / 2720 for name, column in counts.items()}
    assert round(sum(missing.values()) / 37, 2) == 0.71
    assert [sum(share > least for share in missing.values()) for least in (0.5, 0.9, 0.95)] == [26, 18, 12]


def test_daily_dilemmas_real_gold_by_other_means(shared_datasets: Path) -> None:
    folder = shared_datasets / "daily_dilemmas"
    with (folder / "values.csv").open(newline="") as file:
        members: dict[str, set[str]] = defaultdict(set)
        for row in csv.DictReader(file):
            for framework in ("WVS", "MFT", "Virtue", "Emotion", "Maslow"):
                if row[framework]:
                    members[f"{framework}/{row[framework]}"].add(row["value"])
    with (folder / _ROWS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    task = _load(folder)
    assert set(task.gold.columns) == set(members)
    for do, leave in zip(rows[::2], rows[1::2], strict=True):
        assert (do["action_type"], leave["action_type"]) == ("to_do", "not_to_do")
        assert do["dilemma_idx"] == leave["dilemma_idx"]
        lists = [ast.literal_eval(row["values_aggregated"]) for row in (do, leave)]
        for name, values in members.items():
            more, less = (sum(value in values for value in listed) for listed in lists)
            want = (None, None) if more == less else (0, 1) if more > less else (1, 0)
            assert (task.gold.columns[name].get(do["idx"]), task.gold.columns[name].get(leave["idx"])) == want
