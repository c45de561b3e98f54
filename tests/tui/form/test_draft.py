"""A profile as it is typed: what each text means, what is wrong, and the same again from TOML."""

import tomllib
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from icm_tui.errors import UserError
from icm_tui.profile.problems import ProfileError
from icm_tui.profile.schema import Profile, Search
from icm_tui.profile.toml import dumps, loads
from icm_tui.tui.form.draft import FIELDS, Draft
from icm_tui.tui.form.values import Field, Key, Kind, defaults, fields, is_clean, read, settled, written
from tests.profile.strategies import profiles

DATASET = '[task]\ndataset = "leanings"\n'


def _field(section: str, name: str) -> Field:
    return FIELDS[section, name]


def test_fields_are_those_of_the_profile() -> None:
    assert [section.name for section in fields()] == list(Profile.__struct_fields__)
    assert [name for section, name in FIELDS if section == "search"] == list(Search.__struct_fields__)
    assert all(field.description for field in FIELDS.values())


def test_a_field_tells_its_range_and_default_in_words() -> None:
    concurrency, labels, blind = _field("model", "concurrency"), _field("prompt", "labels"), _field("run", "blind")
    assert (concurrency.kind, concurrency.range, concurrency.default) == ("int", "1 to 1024", "8")
    assert (labels.kind, labels.range, labels.default) == ("texts", "2 to 26 texts", "A, B")
    assert (blind.kind, blind.choices, blind.initial) == ("bool", ("true", "false"), "false")
    assert _field("search", "shots").range == "0 or more, or all"
    assert _field("search", "shots").kind == "int"
    assert _field("search", "decay").range == "above 0, at most 1"
    assert _field("run", "seed").range == "0 or more"
    assert _field("task", "dataset").default == "needed"
    assert _field("model", "key_env").hide
    assert not _field("model", "base_url").hide


def test_a_new_setting_appears_by_itself() -> None:
    class Weather(msgspec.Struct, frozen=True):
        """What it is like outside. More."""

        wind: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="Speed in m/s.")] = None
        sky: Annotated[Literal["clear", "grey"], Meta(description="Colour.")] = "grey"
        extra: dict[str, Any] = {}

    class Made(msgspec.Struct):
        weather: Weather = Weather()

    (section,) = fields(Made)
    assert (section.name, section.title) == ("weather", "What it is like outside")
    assert section.fields == (
        Field("weather", "wind", "float", "above 0", "none", "Speed in m/s."),
        Field("weather", "sky", "choice", "clear / grey", "grey", "Colour.", ("clear", "grey"), "grey"),
        Field("weather", "extra", "table", "a table: {name = value, …}", "none", ""),
    )


def test_what_is_left_out_stands_for_what_the_method_takes() -> None:
    icm = defaults(loads(DATASET))
    assert icm["search", "shots"] == "all"
    assert icm["search", "chains"] == "8"
    assert icm["search", "subset"] == "from the data"
    assert icm["consistency", "rule"] == "from the data"
    assert icm["search", "alpha"] == "not used by icm"
    fork = defaults(loads(DATASET + '[search]\nmethod = "fork"\nalpha = 2\n'))
    assert fork["search", "shots"] == "6"
    assert fork["search", "alpha"] == "30"
    assert fork["search", "sweeps"] == "not used by fork"


@pytest.mark.parametrize(
    ("kind", "typed", "value", "text"),
    [
        ("text", "qwen/qwen3", "qwen/qwen3", "qwen/qwen3"),
        ("text", "  spaced  ", "spaced", "spaced"),
        ("text", '"  spaced  "', "  spaced  ", '"  spaced  "'),
        ("text", '""', "", '""'),
        ("text", "7", "7", "7"),
        ("text", '"two\\nlines"', "two\nlines", '"two\\nlines"'),
        ("text", '"red\\u001b[31m"', "red\x1b[31m", '"red\\u001b[31m"'),
        ("text", '"turned\\u202e"', "turned\u202e", '"turned\\u202e"'),
        ("text", '"open', '"open', '"open'),
        ("text", "[/foo] [red]x", "[/foo] [red]x", "[/foo] [red]x"),
        ("choice", "icm", "icm", "icm"),
        ("texts", "A, B", ["A", "B"], "A, B"),
        ("texts", "A ,B,", ["A", "B"], "A, B"),
        ("texts", '["a, b", "c"]', ["a, b", "c"], '["a, b", "c"]'),
        ("texts", '"a, b", "c"', ["a, b", "c"], '["a, b", "c"]'),
        ("texts", "[]", [], "[]"),
        ("texts", "[1", "[1", "[1"),
        ("int", "1_000", 1000, "1000"),
        ("int", "many", "many", "many"),
        ("int", '"16"', "16", '"16"'),
        ("int", "all", "all", "all"),
        ("int", "5\nseed = 6", "5 seed = 6", "5 seed = 6"),
        ("float", "1e3", 1000.0, "1000.0"),
        ("float", "nan", float("nan"), "nan"),
        ("bool", "true", True, "true"),
        ("bool", "True", "True", "True"),
        ("table", "{a = 1, b = {c = [true]}}", {"a": 1, "b": {"c": [True]}}, "{a = 1, b = {c = [true]}}"),
        ("table", "{a", "{a", "{a"),
        ("table", '{"a b" = 2024-01-01}', None, '{"a b" = 2024-01-01}'),
    ],
)
def test_what_is_typed_means_one_value(kind: Kind, typed: str, value: object, text: str) -> None:
    found = settled(kind, typed)
    assert found == text
    if value is not None:
        assert repr(read(kind, found)) == repr(value)


def test_numbers_and_tables_that_no_computer_writes_are_texts() -> None:
    assert read("int", "9" * 5000) == "9" * 5000
    assert read("int", "0x" + "f" * 5000) == "0x" + "f" * 5000
    assert read("table", "[" * 5000) == "[" * 5000


def test_a_wrong_value_is_a_fault_beside_its_field() -> None:
    draft = Draft.from_toml(DATASET)
    for key, typed in {
        ("search", "shots"): "many",
        ("run", "blind"): "yes",
        ("run", "seed"): "-1",
        ("prompt", "labels"): "A",
        ("model", "extra"): "{headers = {Authorization = 'x'}}",
        ("model", "price_in"): "inf",
        ("search", "schedule"): "log",
    }.items():
        draft = draft.with_text(key, typed)
    checked = draft.check()
    assert checked.profile is None
    assert checked.general == []
    assert checked.faults == {
        ("search", "shots"): 'expected a whole number of at least 0 or "all", not "many"',
        ("run", "blind"): 'expected true or false, not "yes"',
        ("run", "seed"): "expected a whole number from 0 to 9223372036854775807, not -1",
        ("prompt", "labels"): "expected a list of 2 to 26 texts of 1 to 16 "
        'characters without spaces or control characters, not ["A"]',
        ("model", "extra"): "headers.Authorization: this carries a credential; keep it in an environment variable and "
        "name that one in model.key_env",
        ("model", "price_in"): "expected a finite number, not inf",
        ("search", "schedule"): 'method "icm" cools by schedule "geometric", not "log"',
    }
    assert checked.count == 7


def test_what_no_field_has_is_told_apart_and_not_lost() -> None:
    text = 'zebra = 1\nrun = 3\n\n[task]\ndataset = "leanings"\nshots = 3\n\n[stripes]\nblack = true\n'
    draft = Draft.from_toml(text)
    checked = draft.check()
    assert checked.faults == {}
    assert [each.partition(":")[0] for each in checked.general] == ["zebra", "stripes", "run", "task.shots"]
    assert tomllib.loads(draft.to_toml()) == tomllib.loads(text)
    mended = draft.with_text(("run", "seed"), "3")
    assert "run" not in {each.partition(":")[0] for each in mended.check().general}
    assert tomllib.loads(mended.to_toml())["run"] == {"seed": 3}


def test_a_dataset_is_needed() -> None:
    assert Draft.from_toml("").check().faults.keys() == {("task", "dataset")}


def test_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(ProfileError, match=r"^mine:3: not valid TOML at column 9: "):
        Draft.from_toml(DATASET + "shots = many\n", "mine")
    with pytest.raises(UserError, match=r"^mine: a number in it has too many digits\.$"):
        Draft.from_toml("a = 0x" + "f" * 5000, "mine")
    with pytest.raises(UserError, match=r"^mine: .* nested too deeply\.$"):
        Draft.from_toml("a = " + "[" * 5000 + "]" * 5000, "mine")


def test_what_was_set_is_all_that_is_written() -> None:
    draft = Draft.from_toml("# a note\n" + DATASET, "demo")
    assert draft.to_toml() == DATASET
    assert not draft.dirty
    changed = draft.with_text(("search", "shots"), "8")
    assert changed.to_toml() == DATASET + "\n[search]\nshots = 8\n"
    assert changed.dirty
    assert not changed.as_kept("mine").dirty
    assert changed.as_kept("mine").name == "mine"
    assert changed.with_text(("search", "shots"), "").to_toml() == DATASET
    assert changed.with_text(("search", "shots"), " 0x8 ") == changed


def test_a_setting_without_effect_is_told() -> None:
    assert Draft.from_toml(DATASET + "[search]\nalpha = 2\n").check().idle == {("search", "alpha")}


def test_another_run_has_its_own_name_and_directory() -> None:
    old = Draft.from_toml(DATASET + '[run]\nname = "old"\nout = "there"\nseed = 1\n', "demo")
    assert old.run_name == "old"
    assert old.as_new().texts == {("task", "dataset"): "leanings", ("run", "seed"): "1"}
    assert old.as_new().run_name == "demo"
    assert Draft.from_toml(DATASET, "../a b").run_name == "profile"
    assert Draft.from_toml(DATASET + '[run]\nname = "../x"\n', "../a b").run_name == "profile"


@given(profiles())
def test_a_profile_is_the_same_from_its_draft(profile: Profile) -> None:
    draft = Draft.from_toml(dumps(profile))
    checked = draft.check()
    assert checked.faults == {}
    assert checked.profile == profile
    assert Draft.from_toml(draft.to_toml()) == draft
    assert all(is_clean(text) for text in draft.texts.values())


_typed = (
    st.text(max_size=12)
    | st.text("[]{}\"'\\,=# a1.\n\u0301\u200b\x1b\ufe0f", max_size=12)
    | st.sampled_from(
        ["8", "0", "-1", "0.5", "1e400", "true", "all", "A, B", "{a = 1}", "none", "log", "icm", "2024-01-01"]
    )
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), _typed, max_size=8))
def test_any_draft_is_a_profile_or_has_faults(typed: dict[Key, str]) -> None:
    draft = Draft.from_toml(DATASET)
    for key, text in typed.items():
        draft = draft.with_text(key, text)
    assert Draft.from_toml(draft.to_toml()).texts == draft.texts
    assert all(is_clean(text) for text in draft.texts.values())
    checked = draft.check()
    if checked.count:
        assert checked.profile is None
        with pytest.raises(ProfileError) as refused:
            loads(draft.to_toml())
        told = {tuple(fault.key.split(".")[:2]) for fault in refused.value.faults}
        assert told == checked.faults.keys()
        return
    loaded = loads(draft.to_toml())
    assert checked.profile == loaded
    for key in typed:
        if key in draft.texts:
            assert getattr(getattr(loaded, key[0]), key[1]) == read(FIELDS[key].kind, draft.texts[key])


@given(st.sampled_from(sorted({field.kind for field in FIELDS.values()})), _typed)
def test_a_settled_text_stays(kind: Kind, typed: str) -> None:
    text = settled(kind, typed)
    assert settled(kind, text) == text
    assert text == "" or written(kind, read(kind, text)) == text
