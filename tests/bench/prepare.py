"""Writes real data sets as JSON lines for `file` tasks, with a profile each.

    python -m tests.bench.prepare FOLDER [--datasets ../shared/datasets]

The sets are political, truthfulqa, dilemmas, dilemmas_action, gsm8k and arithmetic; each at most 2000 items, in whole
groups drawn at random with a fixed seed. A row has text, group, gold, and key where answers repeat inside a group.
Prints a line a set: its file, how many items and groups it has, and the share of gold that is true.
"""

import argparse
import ast
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

LIMIT = 2000
SEED = 1
Row = dict[str, Any]


def political(datasets: Path) -> Iterator[Row]:
    """Statements; a pair is two neighbouring rows; gold is their leaning."""
    rows = json.loads((datasets / "political_normative/train_political_normative.json").read_text("utf-8"))
    for place, row in enumerate(rows):
        yield {"text": row["choice"], "group": place // 2, "gold": bool(row["is_liberal"])}


def truthfulqa(datasets: Path) -> Iterator[Row]:
    """The binary pairs of 2025; gold is whether the answer is true."""
    path = datasets / "truthfulqa/wassname_truthful_qa_v2/binary_validation.jsonl"
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        text = f"{row['Question']} {row['Answer']}"
        yield {"text": text, "group": row["question_id"], "gold": bool(row["label"])}


def dilemmas(datasets: Path, *, consequence: bool = True) -> Iterator[Row]:
    """Actions, with their possible consequences; gold is which action of a dilemma has more values of truthfulness, and
    dilemmas where neither has are left out."""
    folder = datasets / "daily_dilemmas"
    with (folder / "values.csv").open(encoding="utf-8", newline="") as file:
        truthful = {row["value"] for row in csv.DictReader(file) if row["Virtue"] == "Truthfulness"}
    pairs: dict[str, list[dict[str, str]]] = {}
    path = folder / "dilemma_to_action_to_values_aggregated.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            pairs.setdefault(row["dilemma_idx"], []).append(row)
    for number, pair in pairs.items():
        counts = [sum(value in truthful for value in ast.literal_eval(row["values_aggregated"])) for row in pair]
        if counts[0] == counts[1]:
            continue
        for row, count in zip(pair, counts, strict=True):
            text = f"{row['action']} {row['negative_consequence']}" if consequence else row["action"]
            yield {"text": text, "group": number, "gold": count == max(counts)}


def dilemmas_action(datasets: Path) -> Iterator[Row]:
    """The same without the consequences."""
    return dilemmas(datasets, consequence=False)


def gsm8k(datasets: Path) -> Iterator[Row]:
    """Solutions, four to a question; the key is the final number; gold is whether it is right."""
    for row in json.loads((datasets / "gsm8k_verification/icm_authors/test_gsm8k.json").read_text("utf-8")):
        yield {
            "text": row["cot"],
            "group": row["consistency_id"],
            "key": str(row["answer"]),
            "gold": bool(row["label"]),
        }


def arithmetic(datasets: Path) -> Iterator[Row]:
    """Which of two numbers is larger; a group is the two numbers in either order."""
    for part in ("train", "test"):
        for row in json.loads((datasets / f"larger_than/{part}_larger_than.json").read_text("utf-8")):
            group = f"{min(row['n1'], row['n2'])}, {max(row['n1'], row['n2'])}"
            yield {"text": row["choice"], "group": group, "gold": bool(row["label"])}


SETS: dict[str, tuple[Callable[[Path], Iterator[Row]], str]] = {
    "political": (political, "opposite"),
    "truthfulqa": (truthfulqa, "opposite"),
    "dilemmas": (dilemmas, "opposite"),
    "dilemmas_action": (dilemmas_action, "opposite"),
    "gsm8k": (gsm8k, "one_true"),
    "arithmetic": (arithmetic, "opposite"),
}


def at_most(rows: Iterator[Row], limit: int) -> list[Row]:
    """Whole groups, drawn at random, with at most `limit` rows in all."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    order = list(groups.values())
    Random(SEED).shuffle(order)
    kept: list[Row] = []
    for group in order:
        if len(kept) + len(group) <= limit:
            kept.extend(group)
    return kept


def profile(path: Path, rule: str, *, keyed: bool) -> str:
    """A profile that labels a set with all defaults."""
    lines = ["[task]", 'dataset = "file"', f"path = {json.dumps(str(path))}", 'text = "text"', 'group = "group"']
    lines += ['key = "key"'] if keyed else []
    return "\n".join([*lines, 'gold = ["gold"]', "", "[consistency]", f'rule = "{rule}"', ""])


def prepare(folder: Path, datasets: Path) -> None:
    """Write every set and its profile into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (read, rule) in SETS.items():
        rows = at_most(read(datasets), LIMIT)
        path = (folder / f"{name}.jsonl").resolve()
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        (folder / f"{name}.toml").write_text(profile(path, rule, keyed="key" in rows[0]), "utf-8")
        true = sum(row["gold"] for row in rows) / len(rows)
        groups = len({row["group"] for row in rows})
        print(f"{name:16} {len(rows):5} items  {groups:5} groups  {true:.3f} true  {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write real data sets for `file` tasks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--datasets", type=Path, default=Path(__file__).parents[3] / "shared" / "datasets")
    arguments = parser.parse_args()
    prepare(arguments.folder, arguments.datasets)


if __name__ == "__main__":
    main()
