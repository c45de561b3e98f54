"""TruthfulQA in both shapes, from real files and from a Hub that is simulated or out of reach."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.registry import load_task
from icm_tui.tasks.section import TaskSection
from tests.tasks.given import Given, seeded


def _load(settings: TaskSection, rule: str | None = None) -> Task:
    return load_task(seeded(settings, 5), labels=["A", "B"], rule=rule)


def _refusal(settings: TaskSection) -> str:
    with pytest.raises(UserError) as caught:
        _load(settings)
    return str(caught.value)


def _groups(task: Task) -> Counter[int | None]:
    return Counter(item.group for item in task.items)


def _folder(shared_datasets: Path) -> str:
    return str(shared_datasets / "truthfulqa")


def test_truthfulqa_pairs_of_2025(shared_datasets: Path) -> None:
    task = _load(Given(dataset="truthfulqa", path=_folder(shared_datasets)))
    assert (len(task.items), len(_groups(task)), task.rule, task.notes) == (1580, 790, "opposite", [])
    assert set(_groups(task).values()) == {2}
    assert Counter(task.gold.columns["true"].values()) == {0: 790, 1: 790}
    assert all(item.text.startswith("Q: ") and " A: " in item.text for item in task.items)
    first = [task.gold.columns["true"][item.uid] for item in task.items[::2]]
    assert 300 < sum(first) < 490, "the order inside a pair tells the gold"


def test_truthfulqa_both_files_of_the_pairs_give_one_task(shared_datasets: Path) -> None:
    folder = shared_datasets / "truthfulqa" / "wassname_truthful_qa_v2"
    lines = _load(Given(dataset="truthfulqa", path=str(folder / "binary_validation.jsonl")))
    parquet = _load(Given(dataset="truthfulqa", path=str(folder / "binary_validation.parquet")))
    assert lines == parquet == _load(Given(dataset="truthfulqa", path=str(folder), split="validation"))


def test_truthfulqa_authors_cut(shared_datasets: Path) -> None:
    train = _load(Given(dataset="truthfulqa", path=_folder(shared_datasets), split="train"))
    assert (len(train.items), len(_groups(train)), train.rule, train.notes) == (2608, 652, "none", [])
    assert set(_groups(train).values()) == {4}
    assert Counter(train.gold.columns["true"].values()) == {0: 1194, 1: 1414}
    test = _load(Given(dataset="truthfulqa", path=_folder(shared_datasets), split="test"))
    assert (len(test.items), min(_groups(test).values()), max(_groups(test).values())) == (1000, 2, 13)
    assert Counter(test.gold.columns["true"].values()) == {0: 432, 1: 568}


def test_file_task_keyed_by_the_last_number_of_gsm8k(shared_datasets: Path) -> None:
    """Gold of mixed JSON types, answers that agree, and one row without an answer."""
    path = shared_datasets / "gsm8k_verification" / "icm_authors" / "test_gsm8k.json"
    settings = Given(
        path=str(path), text="{question}\n{cot}", group="consistency_id", key="answer", gold=["label"], limit=2972
    )
    task = _load(settings, "one_true")
    assert (len(task.items), len(_groups(task))) == (2972, 743)
    assert Counter(task.gold.columns["label"].values()) == {0: 1420, 1: 1552}
    assert task.notes == ['1 of 2972 rows have no "answer"; each counts as an answer of its own.']


def test_truthfulqa_keeps_rule_and_choice_of_gold(shared_datasets: Path) -> None:
    task = _load(Given(dataset="truthfulqa", path=_folder(shared_datasets), gold=["true"], limit=11), "paper")
    assert (len(task.items), task.rule) == (10, "paper")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            Given(path="data", split="dev"),
            'task.split = "dev" is not in dataset "truthfulqa"; known are "validation", "pairs", "v1", "train", '
            '"test", "preference-train", "preference-test".',
        ),
        (
            Given(path="data", split="train"),
            'data has no file for task.split = "train"; put icm_authors/train_truthfulqa.json or '
            "train_truthfulqa.json there or correct task.path.",
        ),
        (
            Given(path="other.jsonl", orders="one"),
            'task.orders has no meaning for dataset "truthfulqa"; only a preference split shows two texts, so '
            "remove it.",
        ),
        (
            Given(path="other.jsonl", revision="main"),
            'task.revision has no meaning for dataset "truthfulqa"; it chooses a version on the Hub, so remove it or '
            "task.path.",
        ),
        (
            Given(path="other.jsonl"),
            "other.jsonl is not TruthfulQA in a known shape; it needs the columns Question, Answer, question_id and "
            "label, or question, choice, consistency_id and label.",
        ),
        (
            Given(path="other.jsonl", key="label"),
            'task.key has no meaning for dataset "truthfulqa"; remove it, or use dataset = "file" to read a file of '
            "your own.",
        ),
        (Given(path="absent"), "absent does not exist; correct task.path."),
    ],
)
def test_truthfulqa_refuses_unknown_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: TaskSection, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("other.jsonl").write_text('{"x": 1}\n')
    assert _refusal(msgspec.structs.replace(settings, dataset="truthfulqa")) == sentence
