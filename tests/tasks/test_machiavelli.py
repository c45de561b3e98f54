"""MACHIAVELLI: choices of scenes, from a table of the Hub's shape and from the 13 scenes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.datasets.machiavelli import AGGREGATED, CARD, DATASET, MORALITY, split_choices
from tests.tasks.given import Given, seeded


def _load(path: str | Path, **settings: Any) -> Task:
    return DATASET.load(
        seeded(Given(dataset="machiavelli", path=str(path), **settings), 5), labels=["A", "B"], rule=None
    )


def _seen(task: Task) -> list[tuple[str, int | None, int | None]]:
    return [(item.text, item.group, item.key) for item in task.items]


def _labels(**given: float) -> dict[str, float]:
    return dict.fromkeys((*MORALITY, *AGGREGATED), 0.0) | given


def _rows() -> list[dict[str, Any]]:
    return [
        {
            "f": "harbour",
            "row_i": 4,
            "short_summary": "A boat drifts.",
            "obs": "long",
            "choice_text": {"0": "Pull it in. ", "1": "Take its cargo.", "2": None},
            "choice_labels": {
                "0": _labels(agg_morality=0.5),
                "1": _labels(morality_stealing=0.5, agg_morality=-1.0),
                "2": None,
            },
            "label_sum": 1.5,
        },
        {
            "f": "harbour",
            "row_i": 5,
            "short_summary": None,
            "obs": "Rain falls.",
            "choice_text": {"0": "Wait.", "1": "Run.", "2": None},
            "choice_labels": {"0": None, "1": _labels() | {"morality_spying": None}, "2": None},
            "label_sum": 0,
        },
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.mkdir(exist_ok=True)
    (path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_machiavelli_choices_of_the_wide_table(tmp_path: Path) -> None:
    task = _load(_write(tmp_path, _rows()))
    assert (task.rule, list(task.gold.columns)) == ("none", [*MORALITY, *AGGREGATED])
    assert {item.uid: item.text for item in task.items} == {
        "harbour/4/0": "A boat drifts.\nChoice: Pull it in.",
        "harbour/4/1": "A boat drifts.\nChoice: Take its cargo.",
        "harbour/5/0": "Rain falls.\nChoice: Wait.",
        "harbour/5/1": "Rain falls.\nChoice: Run.",
    }
    assert sorted(Counter(item.group for item in task.items).values()) == [2, 2]
    assert task.gold.columns["morality_stealing"] == {"harbour/4/0": 1, "harbour/4/1": 0, "harbour/5/1": 1}
    assert task.gold.columns["morality_spying"] == {"harbour/4/0": 1, "harbour/4/1": 1}
    assert task.gold.columns["agg_morality"] == {"harbour/4/0": 0, "harbour/4/1": 1}


def test_machiavelli_items_see_neither_gold_nor_row_order(tmp_path: Path) -> None:
    plain = _load(_write(tmp_path / "plain", _rows()))
    other = _rows()
    for row in other:
        row["choice_labels"] = {"0": _labels(morality_killing=1.0), "1": None, "2": None}
        row["label_sum"] = 7
    assert _seen(_load(_write(tmp_path / "other", other))) == _seen(plain)
    assert _load(_write(tmp_path / "turned", _rows()[::-1])).items == plain.items


def test_machiavelli_reads_the_table_as_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "data").mkdir()
    table = pyarrow.Table.from_pylist(_rows())
    parquet.write_table(table, tmp_path / "data" / "train-00000-of-00001.parquet")
    assert _load(tmp_path) == _load(_write(tmp_path / "lines", _rows()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"choice_text": "Wait."},
            'line 2 needs an object of choices in column "choice_text"; it holds a string.',
        ),
        (
            {"choice_text": {"0": 3}},
            'line 2, column "choice_text" holds a number as choice "0"; it must be a text.',
        ),
        (
            {"choice_labels": {"0": [1]}},
            'line 2, column "choice_labels" holds a list for choice "0"; it must be an object or null.',
        ),
        (
            {"choice_labels": {"0": {"morality_spying": "yes"}}},
            'line 2, column "choice_labels", morality_spying of choice "0" holds a string; it must be a number.',
        ),
    ],
)
def test_machiavelli_names_the_place_of_a_bad_cell(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    first, second = _rows()
    with pytest.raises(UserError) as caught:
        _load(_write(tmp_path, [first, second | change]))
    assert str(caught.value) == f"{tmp_path}/train.jsonl, {sentence}"


def test_machiavelli_refuses_table_without_choices(tmp_path: Path) -> None:
    row = _rows()[0] | {"choice_text": None}
    with pytest.raises(UserError, match="has no scene with choices"):
        _load(_write(tmp_path, [row]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("A door.\n\n1. Open it.  \n2. Leave.", ("A door.", ["Open it.", "Leave."])),
        ("A door. You:\n0: Open it.\n1: Leave.\n\nAnd why?", ("A door. You:\n\nAnd why?", ["Open it.", "Leave."])),
        ("A door.\n- Open it.\n- Leave.", ("A door.", ["Open it.", "Leave."])),
        ("A door - open it or leave at 3.", ("A door - open it or leave at 3.", [])),
    ],
)
def test_split_choices_tells_choices_from_the_scene(text: str, parts: tuple[str, list[str]]) -> None:
    assert split_choices(text) == parts


def test_machiavelli_real_scenes(shared_datasets: Path) -> None:
    task = _load(shared_datasets / "machiavelli", split="scenes")
    split = CARD.splits["scenes"]
    assert (len(task.items), split.items, split.tables["rows"].rows) == (49, 49, 13)
    assert sorted(Counter(item.group for item in task.items).values()) == [3, 3, 4, 4, 4, 5, 5, 5, 6, 10]
    assert task.notes == ["3 of 13 scenes have no list of choices and are left out."]
    assert task.gold.columns == {}
    path = shared_datasets / "machiavelli" / "machiavelli_summaries_13.jsonl"
    scenes = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(scenes) == 13
    whole = {scene["source_id"]: scene["text"] for scene in scenes}
    for item in task.items:
        situation, _, choice = item.text.rpartition("\nChoice: ")
        text = whole[item.uid.rpartition(".")[0]]
        assert situation.splitlines()[0].strip() == text.splitlines()[0].strip()
        assert choice in text
        assert choice not in situation


def test_machiavelli_scenes_have_no_gold(shared_datasets: Path) -> None:
    with pytest.raises(UserError, match='"axes", which is not in dataset "machiavelli"'):
        _load(shared_datasets / "machiavelli", split="scenes", gold=["axes"])
