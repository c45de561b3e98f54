"""What the search receives: numbers and a rule, and nothing that could hold gold."""

import inspect
from typing import get_type_hints

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.items import Item
from icm_tui.search.problem import Problem, make_problem

KEYS = st.none() | st.integers(0, 3)


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 5), KEYS), min_size=1, max_size=30), st.sampled_from(("none", "same"))
)
def test_make_problem_numbers_groups_keys_and_units(rows: list[tuple[int | None, int | None]], rule: str) -> None:
    items = [Item(str(place), "", group, key) for place, (group, key) in enumerate(rows)]
    problem = make_problem(items, rule, 2)
    assert problem.n_items == len(rows)
    assert sorted(item for group in problem.groups for item in group) == list(range(len(rows)))
    for number, members in enumerate(problem.groups):
        assert all(problem.group_of[item] == number for item in members)
        names = {rows[item][0] for item in members}
        assert len(names) == 1
        assert len(members) == 1 or names != {None}
    assert len({problem.group_of[i] for i, (group, _) in enumerate(rows) if group is not None}) == len(
        {group for group, _ in rows if group is not None}
    )
    if rule == "none":
        assert problem.units == [[item] for item in range(len(rows))]
    else:
        assert problem.units == problem.groups


@given(st.lists(KEYS, min_size=1, max_size=8))
def test_make_problem_gives_keyless_items_their_own_key(keys: list[int | None]) -> None:
    problem = make_problem([Item(str(place), "", 0, key) for place, key in enumerate(keys)], "same", 2)
    for one, key in enumerate(keys):
        for other, other_key in enumerate(keys):
            alike = problem.keys[one] == problem.keys[other]
            assert alike == (one == other or (key is not None and key == other_key))


def test_make_problem_numbers_groups_by_first_appearance() -> None:
    items = [Item("a", "", 7), Item("b", ""), Item("c", "", 3), Item("d", "", 7)]
    assert make_problem(items, "same", 2).groups == [[0, 3], [1], [2]]


def test_problem_has_no_room_for_gold() -> None:
    """Gold that cannot be passed cannot matter: the search takes items, a rule and the number of labels."""
    assert list(inspect.signature(make_problem).parameters) == ["items", "rule", "n_labels"]
    assert {field.name: field.type for field in msgspec.structs.fields(Item)} == {
        "uid": str,
        "text": str,
        "group": int | None,
        "key": int | None,
    }
    assert get_type_hints(Problem) == {
        "groups": list[list[int]],
        "group_of": list[int],
        "keys": list[int],
        "units": list[list[int]],
        "rule": str,
        "n_labels": int,
    }


@given(*[st.lists(st.text("aB1 \0é語", max_size=5), min_size=3, max_size=3)] * 2)
def test_problem_is_without_names_and_texts(uids: list[str], texts: list[str]) -> None:
    items = [Item(uid, text, 0, key) for key, (uid, text) in enumerate(zip(uids, texts, strict=True))]
    plain = [Item(str(key), "", 0, key) for key in range(3)]
    assert make_problem(items, "one_true", 2) == make_problem(plain, "one_true", 2)
