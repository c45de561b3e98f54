"""Settings of the methods that ask every item once."""

import pytest

from icm_tui.errors import UserError
from icm_tui.profile.defaults import resolve, resolve_without_data, unused
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import apply_sets, loads


def profile(*sets: str) -> Profile:
    return apply_sets(loads('[task]\ndataset = "beliefs"\n', "a test"), sets)


def test_baselines_default_shots() -> None:
    shown = resolve(profile("search.method=random_labels"), rule="opposite", items=40, grouped=True).search
    assert (shown.shots, shown.share, shown.initial_t) == (16, 16, None)
    bare = resolve(profile("search.method=zero_shot"), rule="opposite", items=40, grouped=True).search
    assert (bare.shots, bare.share, bare.initial_t) == (None, None, None)
    assert resolve_without_data(profile("search.method=zero_shot"))[1] == ["consistency.rule"]


def test_baselines_name_settings_without_use() -> None:
    given = ("search.shots=4", "search.share=2", "search.initial_t=3", "search.alpha=2", "search.effort=lean")
    assert unused(profile("search.method=zero_shot", *given)) == [
        "search.shots",
        "search.share",
        "search.initial_t",
        "search.alpha",
        "search.effort",
    ]
    assert unused(profile("search.method=random_labels", *given)) == [
        "search.initial_t",
        "search.alpha",
        "search.effort",
    ]


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        (["search.method=random_labels", "search.shots=all"], 'method "random_labels" shows lists of shots examples'),
        (["search.method=random_labels", "search.shots=0"], 'method "random_labels" shows lists of shots examples'),
        (["search.method=zero_shot", "consistency.rule=paper"], 'a penalty that method "zero_shot" does not know'),
    ],
)
def test_baselines_refuse_impossible_settings(sets: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve(profile(*sets), rule="opposite", items=40, grouped=True)


def test_baselines_take_more_than_two_labels() -> None:
    for method in ("zero_shot", "random_labels"):
        more = profile(f"search.method={method}", 'prompt.labels=["A","B","C"]')
        assert resolve(more, rule="none", items=40, grouped=False).search.method == method
