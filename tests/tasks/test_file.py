"""Files of every format become the same task, and gold never reaches the items."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icm_tui.domain.items import Task
from icm_tui.tasks.registry import load_task
from icm_tui.tasks.section import TaskSection
from tests.tasks.given import Given, seeded

_ROWS: list[dict[str, Any]] = [
    {"id": n, "q": f"question {n // 2}", "a": f'Łuk, "{n}"\nsecond line', "pair": n // 2, "y": bool(n % 2)}
    for n in range(12)
]


def _load(settings: TaskSection, rule: str | None = None, seed: int = 1) -> Task:
    return load_task(seeded(settings, seed), labels=["A", "B"], rule=rule)


def _write(folder: Path, rows: list[dict[str, Any]], suffix: str, bom: bytes = b"") -> str:
    file = folder / f"data{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif suffix == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        file.write_bytes(bom + text.getvalue().encode())
    elif suffix == ".json":
        file.write_bytes(bom + json.dumps(rows, indent=1).encode())
    else:
        file.write_bytes(bom + "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode())
    return str(file)


_BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("suffix", "bom"),
    [
        (".jsonl", b""),
        (".jsonl", _BOM),
        (".ndjson", b""),
        (".JSONL", b""),
        (".json", b""),
        (".json", _BOM),
        (".csv", b""),
        (".csv", _BOM),
        (".parquet", b""),
    ],
)
def test_file_gives_the_same_task_in_every_format(tmp_path: Path, suffix: str, bom: bytes) -> None:
    path = _write(tmp_path, _ROWS, suffix, bom)
    task = _load(Given(path=path, text="Q: {q} A: {a}", uid="id", group="pair", gold=["y"]), "opposite")
    assert task.rule == "opposite"
    assert task.notes == []
    of = {str(row["id"]): row for row in _ROWS}
    # Written down, since a run is repeated from its seed: the same rows must give this order in every version.
    assert [item.uid for item in task.items] == ["3", "2", "11", "10", "6", "7", "1", "0", "9", "8", "5", "4"]
    for n, item in enumerate(task.items):
        assert item.text == f"Q: {of[item.uid]['q']} A: {of[item.uid]['a']}"
        assert (item.group, item.key) == (n // 2, n % 2)
        assert task.gold.columns["y"][item.uid] == (0 if of[item.uid]["y"] else 1)


def test_file_row_number_is_the_uid_without_a_column(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('\n{"t": "one"}\n\n{"t": 2}\n{"t": 2.5}\n{"t": true}\n')
    task = _load(Given(path=str(tmp_path / "data.jsonl"), text="t"))
    assert {item.uid: item.text for item in task.items} == {"1": "one", "2": "2", "3": "2.5", "4": "true"}
    assert all(item.group is None and item.key is None for item in task.items)
    assert task.rule == "none"


def test_file_path_expands_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "data.jsonl").write_text('{"t": "one"}')
    assert len(_load(Given(path="~/data.jsonl", text="t")).items) == 1


def test_file_reads_csv_field_beyond_the_modules_default(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(f"t\n{'x' * 200_000}\n")
    assert len(_load(Given(path=str(tmp_path / "data.csv"), text="t")).items[0].text) == 200_000


def test_file_order_follows_shuffle_seed_alone(tmp_path: Path) -> None:
    path = _write(tmp_path, _ROWS, ".jsonl")
    orders = [
        tuple(item.uid for item in _load(Given(path=path, text="{q} {a}"), seed=seed).items) for seed in (0, 1, 2, 1)
    ]
    assert orders[1] == orders[3]
    assert len(set(orders)) == 3


def test_file_row_order_reaches_neither_texts_groups_nor_keys(tmp_path: Path) -> None:
    """Also if the uid is the row's number, which the order does change."""

    def content(rows: list[dict[str, Any]]) -> list[tuple[str, int | None, int | None]]:
        task = _load(Given(path=_write(tmp_path, rows, ".jsonl"), text="{q} {a}", group="pair"), "opposite")
        return [(item.text, item.group, item.key) for item in task.items]

    assert content(_ROWS) == content(_ROWS[::-1]) == content(sorted(_ROWS, key=lambda row: bool(row["y"])))


def test_file_limit_keeps_whole_groups_and_their_gold(tmp_path: Path) -> None:
    path = _write(tmp_path, _ROWS, ".jsonl")
    whole = _load(Given(path=path, text="{q} {a}", group="pair", gold=["y"]))
    part = _load(Given(path=path, text="{q} {a}", group="pair", gold=["y"], limit=5))
    assert part.items == whole.items[:4]
    assert part.gold.columns["y"] == {item.uid: whole.gold.columns["y"][item.uid] for item in part.items}


def test_file_rows_of_one_key_stay_together(tmp_path: Path) -> None:
    rows = [{"t": f"solution {n}", "g": "same", "k": n % 2} for n in range(4)]
    task = _load(Given(path=_write(tmp_path, rows, ".jsonl"), text="t", group="g", key="k"), "one_true")
    of = {item.text: item.key for item in task.items}
    assert of["solution 0"] == of["solution 2"] != of["solution 1"] == of["solution 3"]
    assert task.items[0].key == 0
    assert task.notes == []


def test_file_row_without_a_key_is_an_answer_of_its_own(tmp_path: Path) -> None:
    rows = [{"t": f"solution {n}", "g": 1, "k": key} for n, key in enumerate(["x", "x", None, ""])]
    task = _load(Given(path=_write(tmp_path, rows, ".jsonl"), text="t", group="g", key="k"), "one_true")
    assert len({item.key for item in task.items}) == 3
    assert task.notes == ['2 of 4 rows have no "k"; each counts as an answer of its own.']


def test_file_without_key_column_has_keys_under_opposite_only(tmp_path: Path) -> None:
    path = _write(tmp_path, _ROWS, ".jsonl")
    assert {item.key for item in _load(Given(path=path, text="a", group="pair"), "same").items} == {None}
    assert {item.key for item in _load(Given(path=path, text="a", group="pair"), "opposite").items} == {0, 1}


def test_notes_count_groups_that_opposite_leaves_free(tmp_path: Path) -> None:
    rows = [{"t": str(n), "g": n // 2} for n in range(4)] + [{"t": "alone", "g": 9}]
    task = _load(Given(path=_write(tmp_path, rows, ".jsonl"), text="t", group="g"), "opposite")
    assert task.notes == ['1 of 3 groups do not have exactly 2 keys; rule "opposite" leaves them free.']


def test_notes_name_rule_without_groups(tmp_path: Path) -> None:
    task = _load(Given(path=_write(tmp_path, _ROWS, ".jsonl"), text="a"), "opposite")
    assert task.notes == ['Rule "opposite" binds nothing here, since the task has no groups.']
    assert {item.key for item in task.items} == {None}


def test_notes_name_gold_column_without_values(tmp_path: Path) -> None:
    rows = [{"t": "one", "y": None}]
    task = _load(Given(path=_write(tmp_path, rows, ".jsonl"), text="t", gold=["y"]))
    assert task.notes == ['Gold column "y" has no value for these items.']
    assert task.gold.columns == {"y": {}}


def test_notes_name_key_that_shows_the_gold(tmp_path: Path) -> None:
    rows = [{"t": str(n), "g": n // 3, "k": "AB"[n % 3 == 0], "y": n % 3 == 0} for n in range(9)]
    path = _write(tmp_path, rows, ".jsonl")
    task = _load(Given(path=path, text="t", group="g", key="k", gold=["y"]), "one_true")
    assert task.notes == [
        'The key column "k" splits the groups of three or more exactly as gold column "y" does, '
        "so it may show the search the answers."
    ]


_row = st.fixed_dictionaries(
    {
        "t": st.sampled_from("abcdef"),
        "g": st.integers(0, 3),
        "k": st.sampled_from(["x", "y", None]),
        "y": st.sampled_from([True, False, None]),
    }
)


@given(
    rows=st.lists(_row, min_size=1, max_size=12),
    gold=st.lists(st.sampled_from([1, -1, None]), min_size=12, max_size=12),
    rule=st.sampled_from(["none", "opposite", "one_true", "same", "paper"]),
    keyed=st.booleans(),
    limit=st.none() | st.integers(12, 20),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_file_gold_never_moves_an_item(
    tmp_path: Path,
    rows: list[dict[str, Any]],
    gold: list[int | None],
    rule: str,
    keyed: bool,
    limit: int | None,
    seed: int,
) -> None:
    """The same items for gold as it is, inverted, replaced by anything, and absent."""

    def items(changed: list[dict[str, Any]], columns: list[str]) -> Task:
        path = _write(tmp_path, changed, ".jsonl")
        key = "k" if keyed else None
        return _load(Given(path=path, text="t", group="g", key=key, gold=columns, limit=limit), rule, seed)

    seen = items(rows, ["y"])
    inverted = items([row | {"y": None if row["y"] is None else not row["y"]} for row in rows], ["y"])
    other = items([row | {"y": value} for row, value in zip(rows, gold, strict=False)], ["y"])
    absent = items([{name: row[name] for name in "tgk"} for row in rows], [])
    assert seen.items == inverted.items == other.items == absent.items
    assert absent.gold.columns == {}
    assert inverted.gold.columns["y"] == {uid: 1 - label for uid, label in seen.gold.columns["y"].items()}
