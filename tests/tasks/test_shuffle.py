"""The order of items, and which are held out: by content alone, in whole groups."""

import random
from itertools import groupby

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.items import Gold, Item, Task
from icm_tui.errors import UserError
from icm_tui.tasks.shuffle import SourceItem, beside, first_groups, hold_out, shuffle

_words = st.sampled_from(["a", "b", "c", "d", "e", "f"])


@st.composite
def _sources(draw: st.DrawFn) -> list[SourceItem]:
    """Rows with few different texts, groups and keys, so that rows alike in all of them are common."""
    grouped = draw(st.booleans())
    keyed = grouped and draw(st.booleans())
    rows = draw(st.lists(st.tuples(_words, _words, st.none() | _words), max_size=14))
    return [
        SourceItem(f"u{n}", text, group if grouped else None, key if keyed else None)
        for n, (text, group, key) in enumerate(rows)
    ]


def _content(items: list[Item]) -> list[tuple[str, int | None, int | None]]:
    return [(item.text, item.group, item.key) for item in items]


@given(_sources(), st.randoms(use_true_random=False), st.integers(), st.booleans())
def test_shuffle_gives_the_same_items_for_any_row_order(
    sources: list[SourceItem], order: random.Random, seed: int, own_keys: bool
) -> None:
    shuffled = shuffle(sources, seed=seed, own_keys=own_keys)
    permuted = order.sample(sources, len(sources))
    assert shuffle(permuted, seed=seed, own_keys=own_keys) == shuffled


@given(_sources(), st.integers(), st.booleans())
def test_shuffle_ignores_uids(sources: list[SourceItem], seed: int, own_keys: bool) -> None:
    renamed = [SourceItem(f"other {n}", s.text, s.group, s.key) for n, s in enumerate(reversed(sources))]
    one, other = shuffle(sources, seed=seed, own_keys=own_keys), shuffle(renamed, seed=seed, own_keys=own_keys)
    assert _content(one) == _content(other)


@given(_sources(), st.integers(), st.booleans())
def test_shuffle_keeps_groups_together_and_numbers_rising(sources: list[SourceItem], seed: int, own_keys: bool) -> None:
    items = shuffle(sources, seed=seed, own_keys=own_keys)
    of = {source.uid: source for source in sources}
    assert sorted(item.uid for item in items) == sorted(of)
    assert all(item.text == of[item.uid].text for item in items)
    groups = [item.group for item in items if item.group is not None]
    assert groups == sorted(groups)
    assert sorted(set(groups)) == list(range(len(set(groups))))
    for number in set(groups):
        members = [item for item in items if item.group == number]
        assert len({of[item.uid].group for item in members}) == 1
        keys = [item.key for item in members]
        if any(key is not None for key in keys):
            firsts = list(dict.fromkeys(key for key in keys if key is not None))
            assert firsts == list(range(len(firsts)))
        for one in members:
            for two in members:
                alike = of[one.uid].key == of[two.uid].key and (of[one.uid].key is not None or not own_keys)
                assert (one.key == two.key) == (alike or one is two)


def test_shuffle_differs_between_seeds() -> None:
    sources = [SourceItem(str(n), f"text {n}", f"group {n // 2}") for n in range(40)]
    orders = {tuple(item.uid for item in shuffle(sources, seed=seed)) for seed in range(20)}
    assert len(orders) == 20


def test_shuffle_is_about_uniform() -> None:
    """Over 600 seeds either member of a pair comes first, and any of the three groups, about equally often."""
    sources = [SourceItem(f"{n}", f"text {n}", f"group {n // 2}") for n in range(6)]
    first = [shuffle(sources, seed=seed)[0].uid for seed in range(600)]
    assert all(60 < first.count(str(n)) < 140 for n in range(6))


def test_shuffle_of_equal_rows_ignores_which_came_first() -> None:
    sources = [SourceItem("1", "same", "g"), SourceItem("2", "same", "g")]
    first = [shuffle(sources, seed=seed)[0].uid for seed in range(200)]
    assert 60 < first.count("1") < 140


def test_first_groups_are_whole() -> None:
    sources = [SourceItem(str(n), f"text {n}", f"group {n // 3}") for n in range(12)]
    items = shuffle(sources, seed=3)
    assert first_groups(items, None) == items
    assert first_groups(items, 100) == items
    assert first_groups(items, 8) == items[:6]
    assert first_groups(items, 3) == items[:3]


def test_first_groups_count_items_if_there_are_no_groups() -> None:
    items = shuffle([SourceItem(str(n), f"text {n}") for n in range(5)], seed=3)
    assert first_groups(items, 4) == items[:4]


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (0, "task.limit = 0 leaves nothing to label; give at least 1, or leave it out."),
        (
            2,
            "task.limit = 2 is smaller than the first group, which has 3 rows and is never split; give at least 3.",
        ),
    ],
)
def test_first_groups_refuse_limit_that_leaves_nothing(limit: int, sentence: str) -> None:
    items = shuffle([SourceItem(str(n), f"text {n}", f"group {n // 3}") for n in range(12)], seed=3)
    with pytest.raises(UserError) as caught:
        first_groups(items, limit)
    assert str(caught.value) == sentence


def task_of(sizes: list[int], prefix: str = "") -> Task:
    """Groups of these sizes; of size 0 an item without a group."""
    items = [
        Item(f"u{group}.{place}", f"{prefix}text {group} {place}", group if size else None, place if size else None)
        for group, size in enumerate(sizes)
        for place in range(size or 1)
    ]
    return Task(items, Gold({"truth": {item.uid: len(item.uid) % 2 for item in items}}, {"truth": ["1", "0"]}), "none")


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.floats(0.01, 0.99), st.integers(0, 2**63))
def test_hold_out_takes_whole_groups_and_loses_none(sizes: list[int], fraction: float, seed: int) -> None:
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
def test_hold_out_ignores_gold_uids_and_order(sizes: list[int]) -> None:
    task = task_of(sizes)
    other = [msgspec.structs.replace(item, uid=f"other {item.uid}") for item in reversed(task.items)]
    texts = [
        {item.text for item in hold_out(each, 0.4, seed=3).held_out}
        for each in (task, Task(other, Gold(), "none"), msgspec.structs.replace(task, gold=Gold()))
    ]
    assert texts[0] == texts[1] == texts[2]


def test_hold_out_differs_between_seeds() -> None:
    task = task_of([2] * 40)
    assert hold_out(task, 0.5, seed=1).held_out != hold_out(task, 0.5, seed=2).held_out


def test_hold_out_keeps_same_texts_on_one_side() -> None:
    items = [Item(f"{place}", "twice" if place < 8 else f"text {place}") for place in range(16)]
    split = hold_out(Task(items, Gold(), "none"), 0.5, seed=0)
    assert not {item.text for item in split.items} & {item.text for item in split.held_out}


def test_hold_out_refuses_a_single_group() -> None:
    with pytest.raises(UserError, match="needs at least 2 groups"):
        hold_out(task_of([3]), 0.5, seed=0)


def test_beside_keeps_uids_apart_and_gold() -> None:
    task, other = task_of([2, 2]), task_of([2, 2], "other ")
    other = msgspec.structs.replace(other, gold=Gold(other.gold.columns, {"truth": ["0", "1"]}))
    both = beside(task, other)
    assert both.items == task.items
    assert [item.uid for item in both.held_out] == ["held-out/" + item.uid for item in other.items]
    for item in other.items:
        assert both.gold.columns["truth"]["held-out/" + item.uid] == 1 - other.gold.columns["truth"][item.uid]


def test_beside_leaves_out_shared_groups_and_notes_them() -> None:
    task, other = task_of([1, 1]), task_of([1, 2, 3])
    both = beside(task, msgspec.structs.replace(other, items=other.items))
    assert [item.text for item in both.held_out] == ["text 2 0", "text 2 1", "text 2 2"]
    assert [item.group for item in both.held_out] == [0, 0, 0]
    assert any(note.startswith("3 items of that split are left out") for note in both.notes)
    with pytest.raises(UserError, match="all labelled already"):
        beside(task, task)
