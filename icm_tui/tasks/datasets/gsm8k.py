"""GSM8K verification (Cobbe and others, arXiv 2110.14168): is a solution of a word problem right?

An item is a question and a solution to it. Groups are the questions; the key is the answer that the solution ends in,
parsed from its text. Solutions with the same answer are right or wrong together, and at most one answer is right: rule
`one_true`, under which A means right. Answers are compared as numbers, so that "$27" and "27.0" are 27, or as text if
they are not numbers.

The splits: "test" is the cut of the authors of Internal Coherence Maximization, four solutions to a question; "pairs"
has two, of which one is right; "model-solutions" are those of four models to the 1319 questions of GSM8K's test split.

Gold, "right", carries noise: 89 rows of "test" are called wrong though their answer is the official one, and 23 answers
carry both labels, so that even the gold breaks the rule there. Other columns that reveal the gold are never read: the
reference solution and answer, whose mere absence means right, and the difficulty and category made from the gold.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.tables import Row, Table, bad_cell, kind_of, read_boolean, read_cell

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
_MODELS_SPLIT = "model-solutions"
_ENDING = re.compile(r"answer is|^A:|####", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"-?\$?\s?-?\d[\d,]*(?:\.\d+)?")

CARD = Card(
    about="Solutions of word problems in arithmetic, right or wrong.",
    item="a question and a solution to it",
    groups="the question; the key is the number that the solution ends in",
    rule="one_true",
    gold="right: the solution is right",
    paper="Cobbe et al.: Training Verifiers to Solve Math Word Problems, arXiv 2110.14168",
    licence="MIT upstream; the authors' cut names none",
    terms="free",
    splits={
        "test": one_table(["icm_authors/test_gsm8k.json", "test_gsm8k.json"], 2972),
        "pairs": one_table(["callum_canavan_preference/test_gsm8k.json", "test_gsm8k.json"], 1486),
        _MODELS_SPLIT: one_table(
            ["openai_grade_school_math/example_model_solutions.jsonl", "example_model_solutions.jsonl"],
            1319,
            items=5276,
        ),
    },
    split="test",
    traps=[
        "Every question lists its right solutions first; items are shuffled by their content.",
        "Calling the commonest answer right is a strong baseline without any model (majority answer).",
        "89 rows of test are called wrong though their answer is the official one.",
        "A row without a reference solution is right: its presence is never looked at.",
        "432 of 1319 questions of model-solutions have no right one, 156 have four.",
        "None of these files is on the Hub in this form; name their folder in task.path.",
    ],
)


def _rows(source: Source) -> Rows:
    table = source.table
    rows = list(_solutions_of_models(table) if source.split == _MODELS_SPLIT else _a_solution_a_row(table))
    return Rows(table.of(rows), Columns("text", uid="uid", group="question", key="answer", gold={"right": "right"}))


def final_answer(solution: str) -> str:
    """The answer that a solution ends in, numbers in one spelling ("27" for "$27", "27.0" and "27 dollars").

    It is the first number after the last "answer is", "A:" or "####", or in a solution without these the last number;
    if there is no number, it is the last line."""
    endings = list(_ENDING.finditer(solution))
    tail = solution[endings[-1].end() :].strip() if endings else solution.strip()
    numbers = _NUMBER.findall(tail)
    if numbers:
        # The first number after "answer is" is the answer; without these words, it is the last one.
        return _spelled(numbers[0] if endings else numbers[-1])
    lines = tail.splitlines()
    return " ".join(lines[-1].casefold().split()).rstrip(".") if lines else ""


def _spelled(number: str) -> str:
    value = Decimal(re.sub(r"[$,\s]", "", number).replace("--", "-")).normalize()
    return f"{value:f}"


def _row(row: Row, uid: str, question: str, solution: str, right: bool) -> Row:
    text = f"Q: {question.strip()}\nSolution: {solution.strip()}"
    # A solution without any answer is an answer of its own.
    answer = final_answer(solution) or None
    return Row(row.number, row.line, {"uid": uid, "text": text, "question": question, "answer": answer, "right": right})


def _a_solution_a_row(table: Table) -> Iterator[Row]:
    for row in table.rows:
        column = "cot" if "cot" in row.values else "choice"
        question, solution = (read_cell(table, row, name) for name in ("question", column))
        yield _row(row, str(row.number), question, solution, read_boolean(table, row, "label"))


def _solutions_of_models(table: Table) -> Iterator[Row]:
    for row in table.rows:
        question = read_cell(table, row, "question")
        for model in MODELS:
            cell = row.values.get(model)
            if not isinstance(cell, dict) or not isinstance(cell.get("solution"), str):
                what = f"holds {kind_of(cell)}; it must be an object with solution and is_correct."
                raise bad_cell(table, row, model, what)
            inner = Row(row.number, row.line, cell)
            solution = read_cell(table, inner, "solution")
            yield _row(row, f"{row.number}:{model}", question, solution, read_boolean(table, inner, "is_correct"))


DATASET = Dataset(CARD, _rows, gold=["right"])
