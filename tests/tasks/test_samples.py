"""The shipped sample sets are found and read."""

from collections import Counter
from pathlib import Path

import pytest

import icm_tui
from icm_tui.domain.items import Task
from icm_tui.errors import RunFailed, UserError
from icm_tui.tasks.registry import load_task
from icm_tui.tasks.samples import data_dir
from tests.tasks.given import Given, seeded


def _load(name: str, **settings: object) -> Task:
    return load_task(seeded(Given(dataset=name, **settings), 1), labels=["A", "B"], rule=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "pairs"), [("beliefs", 150), ("leanings", 120), ("dilemmas", 100)])
def test_sample_sets_of_pairs(name: str, pairs: int) -> None:
    task = _load(name)
    groups = Counter(item.group for item in task.items)
    assert (task.rule, task.notes) == ("opposite", [])
    assert len(groups) >= pairs
    assert set(groups.values()) == {2}
    assert {item.key for item in task.items} == {0, 1}


@pytest.mark.parametrize(("name", "column"), [("beliefs", "true"), ("leanings", "progressive")])
def test_sample_gold_of_pairs_is_complete_and_opposite(name: str, column: str) -> None:
    task = _load(name)
    assert list(task.gold.columns) == [column]
    labels = task.gold.columns[column]
    assert len(labels) == len(task.items)
    for one, other in zip(task.items[::2], task.items[1::2], strict=True):
        assert labels[one.uid] != labels[other.uid]


def test_sample_beliefs_show_question_and_answer() -> None:
    assert all(item.text.startswith("Q: ") and " A: " in item.text for item in _load("beliefs").items)


def test_sample_dilemmas_have_many_sparse_values() -> None:
    task = _load("dilemmas")
    assert len(task.gold.columns) >= 8
    assert not {"uid", "dilemma", "action"} & set(task.gold.columns)
    sparse = [name for name, column in task.gold.columns.items() if len(column) < len(task.items)]
    assert len(sparse) > len(task.gold.columns) / 2


def test_sample_topics_have_two_subjects_and_no_groups() -> None:
    task = _load("topics")
    assert (task.rule, task.notes, list(task.gold.columns)) == ("none", [], ["subject"])
    assert len(task.items) >= 300
    assert len(task.gold.classes["subject"]) == 2
    assert all(item.group is None for item in task.items)


def test_sample_gold_columns_can_be_chosen() -> None:
    every = list(_load("dilemmas").gold.columns)
    assert list(_load("dilemmas", gold=every[1:3]).gold.columns) == every[1:3]
    with pytest.raises(UserError) as caught:
        _load("leanings", gold=["progresive"])
    assert str(caught.value) == (
        'task.gold names "progresive", which is not in dataset "leanings"; did you mean "progressive"?'
    )
    with pytest.raises(UserError, match="is not in dataset"):
        _load("leanings", gold=["statement"])


@pytest.mark.parametrize("name", ["beliefs", "leanings", "dilemmas", "topics", "arithmetic"])
@pytest.mark.parametrize("setting", ["path", "split", "revision", "text", "uid", "group", "key"])
def test_sample_refuses_settings_it_has_no_use_for(name: str, setting: str) -> None:
    with pytest.raises(UserError) as caught:
        _load(name, **{setting: "x"})
    assert str(caught.value) == (
        f'task.{setting} has no meaning for dataset "{name}"; remove it, or use dataset = "file" to read a file of '
        "your own."
    )


def test_data_dir_is_in_the_package_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "icm_tui"
    package.mkdir()
    monkeypatch.setattr(icm_tui, "__file__", str(package / "__init__.py"))
    with pytest.raises(RunFailed, match="sample data is missing"):
        data_dir()
    (tmp_path / "data").mkdir()
    assert data_dir() == tmp_path / "data"
    (package / "data").mkdir()
    assert data_dir() == package / "data"
