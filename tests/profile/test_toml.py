"""TOML in and out, the lines of keys, and --set."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.profile.problems import KeyPath, ProfileError, key_lines
from icm_tui.profile.schema import Model, Profile, Search, TaskSection
from icm_tui.profile.toml import apply_sets, dumps, load, loads, parse_sets, with_changes
from tests.profile.strategies import profiles

_TASK = '[task]\ndataset = "topics"\n'
_PROFILE = Profile(task=TaskSection(dataset="topics"))


@given(profiles())
def test_dumps_then_loads_gives_the_same_profile(profile: Profile) -> None:
    assert loads(dumps(profile)) == profile
    assert loads(dumps(profile, sparse=True)) == profile


def test_loads_three_lines() -> None:
    assert loads(_TASK) == _PROFILE
    assert _PROFILE.run.seed == 42
    assert _PROFILE.model.backend == "embedded"
    assert _PROFILE.prompt.labels == ["A", "B"]


def test_dumps_sparse_writes_only_what_differs() -> None:
    profile = Profile(task=TaskSection(dataset="topics", gold=["subject"]), search=Search(shots=8))
    assert dumps(profile, sparse=True) == (
        '[task]\ndataset = "topics"\ngold = [\n    "subject",\n]\n\n[search]\nshots = 8\n'
    )
    assert "seed = 42" in dumps(profile)


def test_loads_takes_whole_number_for_a_number() -> None:
    assert loads(f"{_TASK}[model]\ntimeout_s = 5").model.timeout_s == 5.0


def test_load_skips_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_bytes(b"\xef\xbb\xbf" + _TASK.replace("\n", "\r\n").encode())
    assert load(path) == _PROFILE


def test_load_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(f"{_TASK}[search]\nshot = 1\n")
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:4: search.shot: unknown key; did you mean shots?"


def test_load_refuses_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path / "absent.toml")
    assert str(caught.value) == f"{tmp_path}/absent.toml cannot be read: no such file or directory."
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path} cannot be read: is a directory."
    (tmp_path / "latin.toml").write_bytes(b'[task]\ndataset = "caf\xe9"')
    with pytest.raises(UserError) as caught:
        load(tmp_path / "latin.toml")
    assert str(caught.value) == f"{tmp_path}/latin.toml: byte 21 is not UTF-8; save the file as UTF-8 text."


_ALL_OF_TOML = '''\
# [not] a = table
title = "a [x] \\" # b" # c = 1
a.b . "c d" = 1
literal = 'C:\\'
day = 1979-05-27 07:32:00

[ one . 'two' ] # [three]
text = """
fake = 1
[fake]
""\\"""""
raw = \'\'\'
fake = 2\'\'\'
list = [ # x = 1
  1, [2, "]"], {deep = 3},
]
inline = {x = 1, y.z = "}", w = [
  {v = 1}]}
last = 1

[[tables]]
k = 1
[[tables]]
l = 2
'''


def test_key_lines_finds_every_key() -> None:
    tomllib.loads(_ALL_OF_TOML)
    assert key_lines(_ALL_OF_TOML) == {
        ("title",): 2,
        ("a",): 3,
        ("a", "b"): 3,
        ("a", "b", "c d"): 3,
        ("literal",): 4,
        ("day",): 5,
        ("one",): 7,
        ("one", "two"): 7,
        ("one", "two", "text"): 8,
        ("one", "two", "raw"): 12,
        ("one", "two", "list"): 14,
        ("one", "two", "list", "deep"): 15,
        ("one", "two", "inline"): 17,
        ("one", "two", "inline", "x"): 17,
        ("one", "two", "inline", "y"): 17,
        ("one", "two", "inline", "y", "z"): 17,
        ("one", "two", "inline", "w"): 17,
        ("one", "two", "inline", "w", "v"): 18,
        ("one", "two", "last"): 19,
        ("tables",): 21,
        ("tables", "k"): 22,
        ("tables", "l"): 24,
    }


def _key_paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    if isinstance(value, dict):
        inner = [{(*path, key)} | _key_paths(each, (*path, key)) for key, each in value.items()]
    elif isinstance(value, list):
        inner = [_key_paths(each, path) for each in value]
    else:
        inner = []
    return set().union(*inner)


_awkward = st.text("ab.='\"#[]{}, \n\\é", max_size=6)
_toml_values = st.recursive(
    st.booleans() | st.integers(-99, 99) | _awkward | st.floats() | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_awkward, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_awkward, _toml_values, max_size=4), st.booleans())
def test_key_lines_finds_exactly_the_keys_of_a_document(document: dict[str, Any], multi_line: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=multi_line)
    lines = key_lines(text)
    assert set(lines) == _key_paths(tomllib.loads(text))
    written = text.split("\n")
    for path, line in lines.items():
        plain = [character for character in path[-1] if character in "abé"]
        assert all(character in written[line - 1] for character in plain)


_VALUES = [
    "1",
    "-1.5e3",
    "true",
    "1979-05-27 07:32:00",
    '"#[x]={"',
    '"\\""',
    "'\\'",
    '""',
    "''",
    '"""a"""""',
    "'''\nx = 1\n'''",
    '"""\n[x]\n\\"""y = 1"""',
    "[]",
    "[ # ]\n 1 , [ '],' ] ,\n]",
    "[{p = 1, q.r = ']'}, {}]",
    "{}",
    '{ "s t" = [ {u = 2} ] , v = "}" }',
]
_KEYS = ["a{}", "b{}.c", '"d e{}"', "'f{}'. g", "{}"]
_gaps = st.sampled_from(["", "  ", "\t"])
_pairs = st.tuples(st.sampled_from(_KEYS), _gaps, st.sampled_from(_VALUES), st.sampled_from(["", " # x = 1", "\n\n"]))
_tables = st.tuples(st.sampled_from(["[{}]", "[[{}]]", "[ {} ] # ["]), st.sampled_from(_KEYS))


@given(st.lists(_pairs | _tables, max_size=8))
def test_key_lines_finds_keys_of_written_parts(parts: list[tuple[str, ...]]) -> None:
    written = []
    for number, part in enumerate(parts):
        if len(part) == 2:
            bracket, key = part
            written.append(bracket.format(key.format(number)))
        else:
            key, gap, value, after = part
            written.append(f"{gap}{key.format(number)}{gap}={gap}{value}{gap}{after}")
    text = "\n".join(written)
    lines = key_lines(text)
    assert set(lines) == _key_paths(tomllib.loads(text))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@pytest.mark.parametrize(
    ("written", "path", "value"),
    [
        ("search.shots=8", "search.shots", 8),
        ("search.shots=all", "search.shots", "all"),
        ('search.shots="all"', "search.shots", "all"),
        (" search.shots = 8", "search.shots", 8),
        ('search."shots"=8', "search.shots", 8),
        ("search.alpha=3", "search.alpha", 3.0),
        ("search.method=fork", "search.method", "fork"),
        ("run.blind=true", "run.blind", True),
        ("run.out=a = b", "run.out", "a = b"),
        ("run.out='a'", "run.out", "a"),
        ("run.out=1\nseed = 2", "run.out", "1\nseed = 2"),
        ("run.name=2026", "run.name", "2026"),
        ("prompt.anchor=", "prompt.anchor", ""),
        ("prompt.anchor=nan", "prompt.anchor", "nan"),
        ("task.revision=1979-05-27", "task.revision", "1979-05-27"),
        ('prompt.labels=["x", "y"]', "prompt.labels", ["x", "y"]),
        ("model.extra={top_k = 1}", "model.extra", {"top_k": 1}),
        ("model.extra.top_k=1", "model.extra", {"top_k": 1}),
        ("model.extra.stop=1979", "model.extra", {"stop": 1979}),
    ],
)
def test_apply_sets_changes_one_setting(written: str, path: str, value: object) -> None:
    section, key = path.split(".")
    for changed in (apply_sets(_PROFILE, [written]), loads(_TASK, sets=[written])):
        found = getattr(getattr(changed, section), key)
        assert found == value
        assert type(found) is type(value)


def test_apply_sets_works_in_order_and_before_the_checks() -> None:
    changed = loads(f"{_TASK}[search]\nshots = -1", sets=["search.shots=3", "search.method=fork", "search.shots=4"])
    assert changed.search == Search(method="fork", shots=4)
    server = ["model.backend=openai", "model.base_url=http://localhost/v1", "model.model=m"]
    assert apply_sets(_PROFILE, server).model == Model(backend="openai", base_url="http://localhost/v1", model="m")


def test_with_changes_leaves_document_and_checks_nothing() -> None:
    document = {"search": {"shots": 3}}
    changes, faults = parse_sets(["search.shots=many", "zebra.a.b=1"])
    assert with_changes(document, changes) == ({"search": {"shots": "many"}, "zebra": {"a": {"b": 1}}}, [])
    assert (faults, document) == ([], {"search": {"shots": 3}})


@pytest.mark.parametrize(
    ("sets", "sentences"),
    [
        (["search.shots"], ["--set search.shots: expected section.key=value, such as search.shots=8"]),
        (["shots=8"], ["--set shots: expected section.key=value, such as search.shots=8"]),
        (["=8"], ["--set : expected section.key=value, such as search.shots=8"]),
        (["a b.c=8"], ["--set a b.c: expected section.key=value, such as search.shots=8"]),
        (["search.shot=8"], ["--set search.shot: unknown key; did you mean shots?"]),
        (["serch.shots=8"], ["--set serch.shots: unknown section; did you mean [search]?"]),
        (["search.shots=-1"], ['--set search.shots: expected a whole number of at least 0 or "all", not -1']),
        (["task.dataset.x=1"], ["--set task.dataset.x: dataset is one value here, not a table"]),
        (["search.sweeps.x=1"], ["--set search.sweeps.x: expected a whole number of at least 1, not a table"]),
        (
            ["search.sweeps=0", "search.chains=0", "search.schedule=log", "x"],
            [
                "--set search.sweeps: expected a whole number of at least 1, not 0",
                "--set search.chains: expected a whole number of at least 1, not 0",
                '--set search.schedule: method "icm" cools by schedule "geometric", not "log"',
                "--set x: expected section.key=value, such as search.shots=8",
            ],
        ),
        (["run.out=\udcff"], ["--set run.out: the text holds bytes that are not UTF-8"]),
        (
            ["model.base_url=https://me:hush@host"],
            [
                "--set model.base_url: the address carries a user name or password before the @; "
                "keep it in an environment variable and name that one in model.key_env"
            ],
        ),
    ],
)
def test_apply_sets_names_all_mistakes_at_once(sets: list[str], sentences: list[str]) -> None:
    with pytest.raises(ProfileError) as caught:
        apply_sets(_PROFILE, sets)
    assert str(caught.value).split("\n") == sentences


def test_with_changes_refuses_impossible_change() -> None:
    changes, faults = parse_sets(["search.shots=8", "x"])
    _, unmade = with_changes({"search": 3}, changes)
    assert [str(fault) for fault in faults + unmade] == [
        "--set x: expected section.key=value, such as search.shots=8",
        "--set search.shots: search is one value here, not a table",
    ]
