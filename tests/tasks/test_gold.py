"""What gold columns may hold, and the note about keys that show it."""

import pytest

from icm_tui.domain.items import Gold, Item
from icm_tui.tasks.gold import read_gold, telling_columns
from icm_tui.tasks.tables import Row, Table


def _gold(values: list[object], labels: int = 2) -> tuple[list[int | None], list[str]]:
    rows = [Row(n, n, {"y": value}) for n, value in enumerate(values, start=1)]
    uids = [str(row.number) for row in rows]
    gold = read_gold(Table("data.jsonl", "line", None, rows), {"y": "y"}, uids, "ABCDEFGH"[:labels])
    return [gold.columns["y"].get(uid) for uid in uids], gold.classes["y"]


@pytest.mark.parametrize(
    ("values", "classes", "names"),
    [
        ([True, False, None], [0, 1, None], ["true", "false"]),
        ([1, 0, ""], [0, 1, None], ["1", "0"]),
        ([1, -1], [0, 1], ["1", "-1"]),
        ([-1, 1.0, float("nan")], [1, 0, None], ["1", "-1"]),
        (["1", "0", " "], [0, 1, None], ["1", "0"]),
        (["+1", "-1.0"], [0, 1], ["1", "-1"]),
        (["true", "FALSE"], [0, 1], ["true", "FALSE"]),
        (["False", "True"], [1, 0], ["True", "False"]),
        ([True, 1, False], [0, 0, 1], ["true", "false"]),
        ([1, True, False], [0, 0, 1], ["1", "false"]),
        ([0, 0], [1, 1], ["1", "0"]),
        ([True], [0], ["true", "false"]),
        (["pro", "con", None, "pro "], [1, 0, None, 1], ["con", "pro"]),
        (["only"], [0], ["only"]),
        ([None, ""], [None, None], []),
    ],
)
def test_read_gold_two_values(values: list[object], classes: list[int | None], names: list[str]) -> None:
    assert _gold(values) == (classes, names)


def test_read_gold_sorts_word_classes_by_name() -> None:
    assert _gold(["true", "neither", "false"], labels=3) == ([2, 1, 0], ["false", "neither", "true"])


def test_read_gold_column_of_some_rows_is_missing_elsewhere() -> None:
    rows = [Row(1, 1, {"x": 1}), Row(2, 2, {"y": True})]
    gold = read_gold(Table("data.jsonl", "line", None, rows), {"y": "y"}, ["a", "b"], "AB")
    assert gold == Gold({"y": {"b": 0}}, {"y": ["true", "false"]})


def _keyed(keys: list[int | None], group: int = 0) -> list[Item]:
    return [Item(f"{group}-{n}", f"text {n}", group, key) for n, key in enumerate(keys)]


def _column(classes: list[int], group: int = 0) -> dict[str, int]:
    return {f"{group}-{n}": label for n, label in enumerate(classes)}


@pytest.mark.parametrize(
    ("keys", "classes", "told"),
    [
        ([0, 1, 1], [0, 1, 1], True),
        ([0, 1, 1], [1, 0, 0], True),
        ([0, 1, 2], [0, 1, 1], False),
        ([0, 1, 1], [0, 1, 0], False),
        ([0, 0, 0], [1, 1, 1], False),
        ([0, 0, 1], [1, 1, 1], False),
        ([0, 1], [0, 1], False),
    ],
)
def test_telling_columns_finds_key_that_splits_alike(keys: list[int | None], classes: list[int], told: bool) -> None:
    assert telling_columns(_keyed(keys), Gold({"y": _column(classes)})) == (["y"] if told else [])


def test_telling_columns_clears_key_if_one_group_differs() -> None:
    items = _keyed([0, 1, 1]) + _keyed([0, 1, 1], group=1)
    column = _column([0, 1, 1]) | _column([0, 0, 1], group=1)
    assert telling_columns(items, Gold({"y": column})) == []


def test_telling_columns_leaves_out_items_without_gold() -> None:
    column = _column([0, 1, 1, 1])
    del column["0-3"]
    assert telling_columns(_keyed([0, 1, 1, 0]), Gold({"y": column})) == ["y"]
