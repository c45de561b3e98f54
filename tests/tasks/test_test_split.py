"""Items kept from the search: whole groups, by content alone."""

from itertools import groupby

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.items import Gold, Item, Task
from icm_tui.errors import UserError
from icm_tui.tasks.test_split import beside, hold_out


def task_of(sizes: list[int], prefix: str = "") -> Task:
    """Groups of these sizes; of size 0 an item without a group."""
    items = [
        Item(f"u{group}.{place}", f"{prefix}text {group} {place}", group if size else None, place if size else None)
        for group, size in enumerate(sizes)
        for place in range(size or 1)
    ]
    return Task(items, Gold({"truth": {item.uid: len(item.uid) % 2 for item in items}}, {"truth": ["1", "0"]}), "none")


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.floats(0.01, 0.99), st.integers(0, 2**63))
def test_whole_groups_are_held_out_and_none_are_lost(sizes: list[int], fraction: float, seed: int) -> None:
    task = task_of(sizes)
    split = hold_out(task, fraction, seed=seed)
    assert split.items
    assert split.held_out
    kept, out = {item.uid for item in split.items}, {item.uid for item in split.held_out}
    assert kept | out == {item.uid for item in task.items}
    assert not kept & out
    assert not {uid.split(".")[0] for uid in kept} & {uid.split(".")[0] for uid in out}
    number = {uid.split(".")[0] for uid in out}
    assert len(number) == min(max(1, round(fraction * len(sizes))), len(sizes) - 1)
    for side in (split.items, split.held_out):
        numbers = [group for group, _ in groupby(item.group for item in side if item.group is not None)]
        assert numbers == list(range(len(numbers)))


@given(st.lists(st.integers(0, 4), min_size=2, max_size=20))
def test_neither_gold_nor_uids_nor_the_order_choose(sizes: list[int]) -> None:
    task = task_of(sizes)
    other = [msgspec.structs.replace(item, uid=f"other {item.uid}") for item in reversed(task.items)]
    texts = [
        {item.text for item in hold_out(each, 0.4, seed=3).held_out}
        for each in (task, Task(other, Gold(), "none"), msgspec.structs.replace(task, gold=Gold()))
    ]
    assert texts[0] == texts[1] == texts[2]


def test_another_seed_holds_others_out() -> None:
    task = task_of([2] * 40)
    assert hold_out(task, 0.5, seed=1).held_out != hold_out(task, 0.5, seed=2).held_out


def test_the_same_texts_stay_on_one_side() -> None:
    items = [Item(f"{place}", "twice" if place < 8 else f"text {place}") for place in range(16)]
    split = hold_out(Task(items, Gold(), "none"), 0.5, seed=0)
    assert not {item.text for item in split.items} & {item.text for item in split.held_out}


def test_one_group_cannot_be_cut() -> None:
    with pytest.raises(UserError, match="needs at least 2 groups"):
        hold_out(task_of([3]), 0.5, seed=0)


def test_a_split_beside_has_uids_of_its_own_and_its_gold() -> None:
    task, other = task_of([2, 2]), task_of([2, 2], "other ")
    other = msgspec.structs.replace(other, gold=Gold(other.gold.columns, {"truth": ["0", "1"]}))
    both = beside(task, other)
    assert both.items == task.items
    assert [item.uid for item in both.held_out] == ["held-out/" + item.uid for item in other.items]
    for item in other.items:
        assert both.gold.columns["truth"]["held-out/" + item.uid] == 1 - other.gold.columns["truth"][item.uid]


def test_what_both_splits_have_is_left_out_in_whole_groups_and_told() -> None:
    task, other = task_of([1, 1]), task_of([1, 2, 3])
    both = beside(task, msgspec.structs.replace(other, items=other.items))
    assert [item.text for item in both.held_out] == ["text 2 0", "text 2 1", "text 2 2"]
    assert [item.group for item in both.held_out] == [0, 0, 0]
    assert any(note.startswith("3 items of that split are left out") for note in both.notes)
    with pytest.raises(UserError, match="every item also occurs"):
        beside(task, task)
