"""The answer that a solution ends in: the key that groups what must be right or wrong together."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from icm_tui.errors import UserError
from icm_tui.tasks.datasets.gsm8k import final_answer
from icm_tui.tasks.registry import load_task
from tests.tasks.given import Given, seeded


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("3 x 25 = 75. The answer is 600.", "600"),
        ("The answer is $27.", "27"),
        ("The answer is 27.0", "27"),
        ("The answer is 3,000 dollars.", "3000"),
        ("the ANSWER IS -4.50.", "-4.5"),
        ("She has 5. The answer is 7 of 12 cakes.", "7"),
        ("The answer is 1. Wait, no. The answer is 2.", "2"),
        ("6 - 3 = <<6-3=3>>3 eggs\nA: 26", "26"),
        ("steps\n#### 1,000", "1000"),
        ("so 4 and then 9", "9"),
        ("The answer is ten cents.", "ten cents"),
        ("nothing at all", "nothing at all"),
        ("The answer is", ""),
        ("", ""),
    ],
)
def test_final_answer(solution: str, answer: str) -> None:
    assert final_answer(solution) == answer


def test_final_answer_equals_the_sources_own_number(shared_datasets: Path) -> None:
    rows = json.loads((shared_datasets / "gsm8k_verification/icm_authors/test_gsm8k.json").read_text("utf-8"))
    assert all(final_answer(f"The answer is {row['answer']}") == final_answer(row["cot"]) for row in rows)


def test_gsm8k_key_and_rule_fit_gold_but_for_its_noise(shared_datasets: Path) -> None:
    """87 answers of 743 questions carry both labels: the source calls "$27" wrong but 27 right."""
    settings = Given(dataset="gsm8k", path=str(shared_datasets / "gsm8k_verification"))
    task = load_task(seeded(settings, 1), labels=["A", "B"], rule=None)
    gold = task.gold.columns["right"]
    labels: dict[tuple[int | None, int | None], set[int]] = defaultdict(set)
    for item in task.items:
        labels[item.group, item.key].add(gold[item.uid])
    mixed = [place for place, found in labels.items() if len(found) > 1]
    assert len(mixed) == 87


def test_gsm8k_refuses_model_without_a_solution(tmp_path: Path) -> None:
    (tmp_path / "example_model_solutions.jsonl").write_text('{"question": "q", "6b_finetuning": 3}\n')
    with pytest.raises(UserError, match='line 1, column "6b_finetuning" holds a number'):
        load_task(Given(dataset="gsm8k", path=str(tmp_path), split="model-solutions"), labels=["A", "B"], rule=None)
