"""ETHICS, GSM8K, Alpaca, TruthfulQA, political statements and number claims: counts, gold by other means, no leaks."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from icm_tui.domain.items import Task
from icm_tui.tasks.registry import find_dataset, load_task
from tests.tasks.given import Given, seeded

FOLDERS = {
    "truthfulqa": "truthfulqa",
    "ethics": "ethics",
    "gsm8k": "gsm8k_verification",
    "alpaca": "alpaca_preference",
    "political": "political_normative",
    "larger_than": "larger_than",
}

# Dataset, split, items, groups with more than one item, rule, gold true, gold false: as the README of each folder says.
COUNTS = [
    ("truthfulqa", "validation", 1580, 790, "opposite", 790, 790),
    ("truthfulqa", "pairs", 1580, 790, "opposite", 790, 790),
    ("truthfulqa", "train", 2608, 652, "none", 1194, 1414),
    ("truthfulqa", "test", 1000, 144, "none", 432, 568),
    ("truthfulqa", "preference-train", 7250, 3625, "opposite", 3625, 3625),
    ("truthfulqa", "preference-test", 5882, 2941, "opposite", 2941, 2941),
    ("ethics", "commonsense-test", 3885, 0, "none", 1816, 2069),
    ("ethics", "justice-test", 2704, 515, "none", 1354, 1350),
    ("ethics", "deontology-test", 3596, 899, "none", 1786, 1810),
    ("ethics", "deontology-train", 18164, 4899, "none", 9790, 8374),
    ("ethics", "virtue-test", 4975, 995, "one_true", 995, 3980),
    ("ethics", "virtue-hard", 4780, 956, "one_true", 956, 3824),
    ("ethics", "utilitarianism-test", 9604, 4802, "opposite", 4802, 4802),
    ("ethics", "icm-commonsense", 400, 200, "opposite", 200, 200),
    ("ethics", "icm-deontology", 401, 142, "none", 225, 176),
    ("ethics", "icm-moral", 2000, 0, "none", 1000, 1000),
    ("ethics", "icm-moral-test", 202, 101, "opposite", 101, 101),
    ("gsm8k", "test", 2972, 743, "one_true", 1420, 1552),
    ("gsm8k", "pairs", 1486, 743, "one_true", 743, 743),
    ("gsm8k", "model-solutions", 5276, 1319, "one_true", 2001, 3275),
    ("alpaca", "test", 934, 467, "opposite", 467, 467),
    ("political", "train", 4530, 2101, "opposite", 2265, 2265),
    ("political", "test", 558, 277, "opposite", 279, 279),
    ("larger_than", "train", 1584, 630, "opposite", 801, 783),
    ("larger_than", "test", 396, 36, "opposite", 189, 207),
]
# Files of large or repeated cuts are read for their number of rows alone.
LARGE = [("ethics", f"{subset}-train") for subset in ("justice", "virtue", "utilitarianism")]
LARGE += [("ethics", f"{subset}-hard") for subset in ("justice", "deontology", "utilitarianism")]


def load(folder: Path, name: str, split: str, **given: Any) -> Task:
    settings = Given(dataset=name, path=str(folder / FOLDERS[name]), split=split, **given)
    return load_task(seeded(settings, 3), labels=["A", "B"], rule=None)


def gold_of(task: Task) -> dict[str, int]:
    (column,) = task.gold.columns.values()
    return column


@pytest.mark.parametrize(("name", "split", "items", "groups", "rule", "true", "false"), COUNTS)
def test_answers_have_the_counts_of_their_cards(
    shared_datasets: Path, name: str, split: str, items: int, groups: int, rule: str, true: int, false: int
) -> None:
    task = load(shared_datasets, name, split)
    sizes = Counter(item.group for item in task.items if item.group is not None)
    assert len(task.items) == items == find_dataset(name).card.splits[split].items
    assert sum(size > 1 for size in sizes.values()) == groups
    assert task.rule == rule
    assert Counter(gold_of(task).values()) == {0: true, 1: false}


@pytest.mark.parametrize(("name", "split"), LARGE)
def test_answers_large_cuts_have_their_counts(shared_datasets: Path, name: str, split: str) -> None:
    task = load(shared_datasets, name, split)
    card = find_dataset(name).card.splits[split]
    assert len(task.items) == card.items
    rows = card.tables["rows"].rows
    assert rows is not None
    assert len(task.items) in (rows, 2 * rows) or split.startswith("utilitarianism")


# Gold by other means: (text, whether it holds) straight from the files, by a few lines a set.


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _truthfulqa(folder: Path, split: str) -> Iterator[tuple[str, bool]]:
    if split == "validation":
        for line in (folder / "wassname_truthful_qa_v2/binary_validation.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            yield f"Q: {row['Question'].strip()} A: {row['Answer'].strip()}", row["label"] == 1
    elif split == "pairs":
        for row in _csv(folder / "original_v2_2025/TruthfulQA.csv"):
            yield f"Q: {row['Question'].strip()} A: {row['Best Answer'].strip()}", True
            yield f"Q: {row['Question'].strip()} A: {row['Best Incorrect Answer'].strip()}", False
    else:
        for row in _json(folder / f"icm_authors/{split}_truthfulqa.json"):
            yield f"Q: {row['question'].strip()} A: {row['choice'].strip()}", row["label"] == 1


def _ethics(folder: Path, split: str) -> Iterator[tuple[str, bool]]:
    subset = split.partition("-")[0]
    if subset == "commonsense":
        for row in _csv(folder / "commonsense/cm_test.csv"):
            yield row["input"].strip(), row["label"] == "1"
    elif subset == "virtue":
        for row in _csv(folder / "virtue/virtue_test.csv"):
            yield row["scenario"].strip().replace(" [SEP] ", "\nTrait: "), row["label"] == "1"
    elif subset == "deontology":
        for row in _csv(folder / "deontology/deontology_test.csv"):
            yield f"{row['scenario'].strip()} {row['excuse'].strip()}", row["label"] == "1"
    elif subset == "justice":
        for row in _csv(folder / "justice/justice_test.csv"):
            yield row["scenario"].strip(), row["label"] == "1"
    else:
        with (folder / "utilitarianism/util_test.csv").open(encoding="utf-8", newline="") as file:
            for better, worse in {tuple(part.strip() for part in row) for row in csv.reader(file)}:
                yield f"First: {better}\nSecond: {worse}", True
                yield f"First: {worse}\nSecond: {better}", False


def _gsm8k(folder: Path, split: str) -> Iterator[tuple[str, bool]]:
    if split == "model-solutions":
        path = folder / "openai_grade_school_math/example_model_solutions.jsonl"
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
                solution = row[model]
                yield f"Q: {row['question'].strip()}\nSolution: {solution['solution'].strip()}", solution["is_correct"]
        return
    source = "icm_authors" if split == "test" else "callum_canavan_preference"
    for row in _json(folder / source / "test_gsm8k.json"):
        solution = row["cot"] if split == "test" else row["choice"]
        yield f"Q: {row['question'].strip()}\nSolution: {solution.strip()}", bool(row["label"])


def _preferences(rows: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    for row in rows:
        first, second = row["choice"].strip(), row["choice_2"].strip()
        yield f"Q: {row['question'].strip()}\nFirst: {first}\nSecond: {second}", bool(row["label"])


def _statements(path: Path, gold: str) -> Iterator[tuple[str, bool]]:
    for row in _json(path):
        yield row["choice"].strip(), row[gold]


OTHER_MEANS: dict[tuple[str, str], Callable[[Path], Iterator[tuple[str, bool]]]] = {
    **{
        ("truthfulqa", split): lambda f, s=split: _truthfulqa(f, s)
        for split in ("validation", "pairs", "train", "test")
    },  # type: ignore[misc]
    **{
        ("ethics", f"{subset}-test"): lambda f, s=subset: _ethics(f, f"{s}-test")  # type: ignore[misc]
        for subset in ("commonsense", "justice", "deontology", "virtue", "utilitarianism")
    },
    **{("gsm8k", split): lambda f, s=split: _gsm8k(f, s) for split in ("test", "pairs", "model-solutions")},  # type: ignore[misc]
    ("truthfulqa", "preference-test"): lambda f: _preferences(
        _json(f / "icm_preference/test_truthfulqa_preference.json")
    ),
    ("alpaca", "test"): lambda f: _preferences(_json(f / "icm_authors/test_alpaca.json")),
    ("political", "test"): lambda f: _statements(f / "test_political_normative.json", "is_liberal"),
    ("larger_than", "test"): lambda f: _statements(f / "test_larger_than.json", "label"),
}


@pytest.mark.parametrize(("name", "split"), list(OTHER_MEANS))
def test_answers_gold_equals_the_files_row_by_row(shared_datasets: Path, name: str, split: str) -> None:
    task = load(shared_datasets, name, split)
    gold = gold_of(task)
    ours = Counter((item.text, gold[item.uid] == 0) for item in task.items)
    assert ours == Counter(OTHER_MEANS[name, split](shared_datasets / FOLDERS[name]))


# Gold cannot reach the items: its inversion and the order of rows change nothing but uids.

_SOURCES = [
    ("truthfulqa", "validation", "truthfulqa/wassname_truthful_qa_v2/binary_validation.jsonl", "label"),
    ("truthfulqa", "test", "truthfulqa/icm_authors/test_truthfulqa.json", "label"),
    ("truthfulqa", "preference-test", "truthfulqa/icm_preference/test_truthfulqa_preference.json", "label"),
    ("ethics", "justice-test", "ethics/justice/justice_test.csv", "label"),
    ("ethics", "virtue-test", "ethics/virtue/virtue_test.csv", "label"),
    ("gsm8k", "test", "gsm8k_verification/icm_authors/test_gsm8k.json", "label"),
    ("alpaca", "test", "alpaca_preference/icm_authors/test_alpaca.json", "label"),
    ("political", "test", "political_normative/test_political_normative.json", "is_liberal"),
    ("larger_than", "test", "larger_than/test_larger_than.json", "label"),
]


@pytest.mark.parametrize(("name", "split", "file", "gold"), _SOURCES)
def test_answers_items_see_neither_gold_nor_row_order(
    shared_datasets: Path, tmp_path: Path, name: str, split: str, file: str, gold: str
) -> None:
    source = shared_datasets / file
    turned = tmp_path / source.name
    if source.suffix == ".csv":
        rows: list[dict[str, Any]] = list(_csv(source))
    elif source.suffix == ".jsonl":
        rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    else:
        rows = _json(source)
    told = ("ref_cot", "ref_answer", "difficulty", "category", "candidate_label", "confidence")
    changed = [
        {column: value for column, value in row.items() if column not in told} | {gold: 1 - int(row[gold])}
        for row in reversed(rows)
    ]
    if source.suffix == ".csv":
        with turned.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(changed[0]))
            writer.writeheader()
            writer.writerows(changed)
    elif source.suffix == ".jsonl":
        turned.write_text("".join(json.dumps(row) + "\n" for row in changed), "utf-8")
    else:
        turned.write_text(json.dumps(changed), "utf-8")
    before = load(shared_datasets, name, split)
    settings = Given(dataset=name, path=str(turned), split=split)
    after = load_task(seeded(settings, 3), labels=["A", "B"], rule=None)
    assert [(item.text, item.group, item.key) for item in after.items] == [
        (item.text, item.group, item.key) for item in before.items
    ]
    assert Counter(gold_of(after).values())[0] == Counter(gold_of(before).values())[1]


def test_larger_than_gold_is_arithmetic(shared_datasets: Path) -> None:
    rows = _json(shared_datasets / "larger_than/test_larger_than.json")
    assert all(row["label"] == (row["n1"] > row["n2"]) for row in rows)


def test_ethics_rule_of_virtue_holds_in_its_test_files(shared_datasets: Path) -> None:
    for split in ("virtue-test", "virtue-hard"):
        task = load(shared_datasets, "ethics", split)
        gold = gold_of(task)
        shown = Counter(item.group for item in task.items if gold[item.uid] == 0)
        assert set(shown.values()) == {1}


def test_truthfulqa_no_comment_is_always_true(shared_datasets: Path) -> None:
    task = load(shared_datasets, "truthfulqa", "validation")
    gold = gold_of(task)
    cues = [gold[item.uid] for item in task.items if re.search(r"A: I have no comment\.?$", item.text)]
    assert cues == [0] * 37
