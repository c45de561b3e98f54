"""What a setting of None becomes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from icm_tui.errors import UserError
from icm_tui.profile.defaults import resolve, resolve_without_data, unused
from icm_tui.profile.schema import Consistency, Model, Profile, Prompt, Search, TaskSection
from icm_tui.profile.toml import dumps, loads
from tests.profile.strategies import profiles, rules_to_take

_TASK = TaskSection(dataset="topics")
_SERVER = Model(backend="openai", base_url="http://localhost/v1", model="m")


def _search(profile: Profile, items: int = 2000, grouped: bool = True) -> Search:
    return resolve(profile, rule="none", items=items, grouped=grouped).search


def _filled(search: Search) -> dict[str, Any]:
    values = {key: getattr(search, key) for key in Search.__struct_fields__}
    return {key: value for key, value in values.items() if value is not None}


def test_resolve_icm_with_a_server() -> None:
    assert _filled(_search(Profile(task=_TASK, model=_SERVER))) == {
        "method": "icm",
        "effort": "standard",
        "shots": 16,
        "share": 16,
        "confident": 0.5,
        "average": 2,
        "sweeps": 2,
        "seeds": 8,
        "subset": 128,
        "chains": 4,
        "initial_t": 0.2,
        "final_t": 0.05,
        "schedule": "geometric",
    }


def test_resolve_icm_with_embedded_model_shows_everything() -> None:
    assert _filled(_search(Profile(task=_TASK), items=700)) == {
        "method": "icm",
        "effort": "standard",
        "shots": "all",
        "share": 1,
        "confident": 1.0,
        "average": 1,
        "sweeps": 4,
        "seeds": 8,
        "subset": 700,
        "chains": 8,
        "initial_t": 0.2,
        "final_t": 0.05,
        "schedule": "geometric",
    }


def test_resolve_paper() -> None:
    resolved = resolve(Profile(task=_TASK, search=Search(method="paper")), rule="paper", items=256, grouped=True)
    assert _filled(resolved.search) == {
        "method": "paper",
        "effort": "standard",
        "shots": "all",
        "seeds": 8,
        "initial_t": 10.0,
        "final_t": 0.01,
        "schedule": "log",
        "alpha": 50.0,
        "beta": 1.0,
        "decay": 0.99,
        "max_iters": 3000,
        "batch_size": 256,
    }
    assert resolved.consistency == Consistency(rule="paper", fix_iters=10)


def test_resolve_fork() -> None:
    resolved = resolve(
        Profile(task=_TASK, model=_SERVER, search=Search(method="fork")), rule="opposite", items=1000, grouped=True
    )
    assert _filled(resolved.search) == {
        "method": "fork",
        "effort": "standard",
        "shots": 6,
        "seeds": 42,
        "initial_t": 10.0,
        "final_t": 0.01,
        "schedule": "log",
        "alpha": 30.0,
        "beta": 2.0,
        "max_iters": 2500,
        "batch_size": 5,
    }
    assert resolved.consistency == Consistency(rule="opposite")


@pytest.mark.parametrize(("effort", "sweeps"), [("lean", 1), ("standard", 2), ("thorough", 8)])
def test_resolve_effort_sets_the_sweeps(effort: Any, sweeps: int) -> None:
    profile = Profile(task=_TASK, model=_SERVER, search=Search(effort=effort))
    assert _search(profile).sweeps == sweeps
    assert _search(replace(profile, search=Search(effort=effort, sweeps=3))).sweeps == 3


@pytest.mark.parametrize(
    ("items", "shots", "subset"),
    [
        (10, 16, 10),
        (100, 16, 48),
        (400, 16, 50),
        (1023, 16, 127),
        (2000, 16, 128),
        (100_000, 16, 128),
        (10, "all", 10),
        (5000, "all", 5000),
        (5001, "all", 5000),
        (0, 16, 1),
    ],
)
def test_resolve_subset_follows_the_number_of_items(items: int, shots: Any, subset: int) -> None:
    assert _search(Profile(task=_TASK, search=Search(shots=shots)), items=items).subset == subset


def test_resolve_starts_more_chains_without_groups() -> None:
    profile = Profile(task=_TASK, model=_SERVER)
    assert _search(profile, grouped=False).chains == 16
    assert _search(Profile(task=_TASK), grouped=False).chains == 8


@pytest.mark.parametrize(("classes", "seeds"), [(2, 8), (3, 12), (5, 20)])
def test_resolve_starts_more_classes_from_more_items(classes: int, seeds: int) -> None:
    assert _search(Profile(task=_TASK, prompt=Prompt(labels=list("ABCDE"[:classes])))).seeds == seeds


@given(profiles(), st.sampled_from(["none", "same"]), st.integers(1, 100_000), st.booleans())
def test_resolve_keeps_what_is_set_and_is_idempotent(profile: Profile, rule: str, items: int, grouped: bool) -> None:
    resolved = resolve(profile, rule=rule, items=items, grouped=grouped)
    for key in Search.__struct_fields__:
        given_value = getattr(profile.search, key)
        assert given_value is None or getattr(resolved.search, key) == given_value
    assert resolved.consistency.rule == (profile.consistency.rule or rule)
    assert resolve(resolved, rule="same", items=7, grouped=not grouped) == resolved
    assert loads(dumps(resolved)) == resolved


@given(profiles(), st.integers(1, 100_000), st.booleans())
def test_resolve_without_data_names_what_is_missing(profile: Profile, items: int, grouped: bool) -> None:
    known, waiting = resolve_without_data(profile)
    resolved = resolve(profile, rule="none", items=items, grouped=grouped)
    differ = [
        f"{section}.{key}"
        for section in ("consistency", "search")
        for key in type(getattr(known, section)).__struct_fields__
        if getattr(getattr(known, section), key) != getattr(getattr(resolved, section), key)
    ]
    assert sorted(differ) == sorted(waiting)


@pytest.mark.parametrize(
    ("profile", "rule", "sentence"),
    [
        (
            Profile(task=_TASK),
            "paper",
            'consistency.rule: rule "paper" is a penalty that method "icm" does not know; '
            f'take {rules_to_take(2)}, or method "paper"',
        ),
        (
            Profile(task=_TASK, prompt=Prompt(labels=["A", "B", "C"])),
            "opposite",
            'consistency.rule: rule "opposite" is for 2 labels, but prompt.labels has 3; '
            f"take {rules_to_take(3)}, or 2 labels",
        ),
        (
            Profile(task=_TASK, search=Search(initial_t=0.01)),
            "none",
            "search.final_t: the search must cool, but final_t = 0.05 is above initial_t = 0.01",
        ),
    ],
)
def test_resolve_refuses_what_data_or_defaults_make_wrong(profile: Profile, rule: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(profile, rule=rule, items=100, grouped=True)
    assert str(caught.value) == sentence


def test_resolve_lets_profile_overrule_the_datasets_rule() -> None:
    profile = Profile(task=_TASK, consistency=Consistency(rule="same"))
    assert resolve(profile, rule="paper", items=100, grouped=True).consistency.rule == "same"


@pytest.mark.parametrize(
    ("search", "consistency", "idle"),
    [
        (Search(alpha=3.0, sweeps=2), Consistency(fix_iters=3), ["search.alpha", "consistency.fix_iters"]),
        (Search(effort="lean"), Consistency(), ["search.effort"]),
        (Search(effort="lean", shots=8), Consistency(), []),
        (Search(method="paper", alpha=3.0, decay=0.5), Consistency(fix_iters=3), []),
        (Search(method="fork", decay=0.5, effort="lean"), Consistency(), ["search.decay", "search.effort"]),
    ],
)
def test_unused_finds_settings_without_effect(search: Search, consistency: Consistency, idle: list[str]) -> None:
    assert unused(Profile(task=_TASK, search=search, consistency=consistency)) == idle
