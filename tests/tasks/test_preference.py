"""Which of two texts: one order or both, drawn by content alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.prompts import leading_words
from icm_tui.tasks.registry import load_task
from tests.tasks.given import Given, seeded

# The first of each pair is the chosen one; every pair is listed in both orders, as the sources do.
_PAIRS = [(f"question {n}?", f"reply {n} x", f"answer {n} y") for n in range(40)]
_ROWS: list[dict[str, Any]] = [
    row
    for question, one, other in _PAIRS
    for row in (
        {"question": question, "choice": one, "choice_2": other, "label": True},
        {"question": question, "choice": other, "choice_2": one, "label": 0},
    )
]


def load(folder: Path, rows: list[dict[str, Any]], seed: int = 1, **given: Any) -> Task:
    path = folder / "test_alpaca.json"
    path.write_text(json.dumps(rows), "utf-8")
    settings = Given(dataset="alpaca", path=str(path), **given)
    return load_task(seeded(settings, seed), labels=["A", "B"], rule=None)


def seen(task: Task) -> list[tuple[str, int | None, int | None]]:
    return [(item.text, item.group, item.key) for item in task.items]


def test_preference_orders_are_a_group_of_opposites(tmp_path: Path) -> None:
    task = load(tmp_path, _ROWS)
    assert (len(task.items), task.rule, task.notes) == (80, "opposite", [])
    gold = task.gold.columns["preferred"]
    for one, other in zip(task.items[::2], task.items[1::2], strict=True):
        assert one.group == other.group
        assert one.key != other.key
        assert gold[one.uid] != gold[other.uid]
    for item in task.items:
        assert (gold[item.uid] == 0) == ("First: reply" in item.text)


def test_preference_one_order_is_drawn_by_the_shuffle(tmp_path: Path) -> None:
    task = load(tmp_path, _ROWS, orders="one")
    assert (len(task.items), task.rule) == (40, "none")
    assert all(item.group is None for item in task.items)
    first = sum(task.gold.columns["preferred"].values())
    assert 8 <= first <= 32
    other = load(tmp_path, _ROWS, seed=2, orders="one")
    assert {item.text for item in task.items} != {item.text for item in other.items}


@pytest.mark.parametrize("orders", ["one", "both"])
def test_preference_order_and_uid_see_neither_rows_nor_gold(tmp_path: Path, orders: str) -> None:
    task = load(tmp_path, _ROWS, orders=orders)
    turned = [row | {"label": not row["label"]} for row in reversed(_ROWS)]
    again = load(tmp_path, turned, orders=orders)
    assert seen(again) == seen(task)
    # Uids follow the texts alone: those of a and b have their texts in the order of the alphabet or not.
    assert [item.uid for item in again.items] == [item.uid for item in task.items]
    assert again.gold.columns["preferred"] == {uid: 1 - value for uid, value in task.gold.columns["preferred"].items()}


def test_preference_needs_only_half_of_the_rows(tmp_path: Path) -> None:
    """A source with one order a pair gives the same task."""
    assert load(tmp_path, _ROWS[::2]) == load(tmp_path, _ROWS)


def test_preference_rows_that_contradict_have_no_gold(tmp_path: Path) -> None:
    rows = [*_ROWS, _ROWS[0] | {"label": False}]
    task = load(tmp_path, rows)
    assert len(task.items) == 80
    assert len(task.gold.columns["preferred"]) == 78


def test_preference_leaves_out_two_texts_alike(tmp_path: Path) -> None:
    rows = [*_ROWS, {"question": "q", "choice": "same", "choice_2": " same ", "label": 1}]
    task = load(tmp_path, rows)
    assert len(task.items) == 80
    assert task.notes == ["1 pairs of two texts that are alike were left out: there is nothing to choose between."]


def test_preference_frame_leads_nobody(tmp_path: Path) -> None:
    task = load(tmp_path, _ROWS)
    assert leading_words("\n".join(item.text for item in task.items)) == []


@pytest.mark.parametrize("label", ["maybe", 2, "1.5"])
def test_preference_refuses_label_that_says_neither(tmp_path: Path, label: object) -> None:
    with pytest.raises(UserError, match=r"row 1, column .label. holds .*; it must be true or false, or 1 or 0"):
        load(tmp_path, [_ROWS[0] | {"label": label}])
