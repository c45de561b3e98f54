"""TruthfulQA (Lin, Hilton, Evans, arXiv 2109.07958) in its several shapes.

- "validation", the default, and "pairs" are of 2025: the best answer to a question and the best incorrect one, one row
  per answer or one row per question. Exactly one of two is true, so rule `opposite` holds.
- "v1" is of 2021: every correct and every incorrect answer to a question; "train" and "test" are the cut of the authors
  of Internal Coherence Maximization, up to 13 answers to a question. Several of them can be true together, and in some
  groups all or none are, so no rule about them holds: `none`.
- "preference-train" and "preference-test" ask which of two answers; see preference.

An item is a question and an answer. The question alone groups the items. Other programs use the label as a key, which
would show the search the gold.
"""

from collections.abc import Iterator

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.preference import preference_rows, read_pair_rows
from icm_tui.tasks.section import refuse_given
from icm_tui.tasks.tables import Row, Table, bad_cell, read_boolean, read_cell

_BINARY = [f"wassname_truthful_qa_v2/binary_validation.{kind}" for kind in ("jsonl", "parquet")]
_PAIRS = ["original_v2_2025/TruthfulQA.csv", "wassname_truthful_qa_v2/default_validation.parquet"]
_V1, _V1_FILES = "truthfulqa/truthful_qa", "generation/validation-*.parquet"
_V2 = "wassname/truthful_qa_v2"


def _plain(*files: str) -> list[str]:
    """The files under their folders, then by their own names."""
    return [*files, *(file.rpartition("/")[2] for file in files)]


CARD = Card(
    about="Questions that people answer wrongly, with true and false answers.",
    item="a question and an answer to it, or two answers in a given order",
    groups="the question; in the preference splits the pair of answers",
    rule="opposite",
    gold="true: the answer is true, or the true one of two stands first",
    paper="Lin, Hilton, Evans: TruthfulQA, arXiv 2109.07958",
    licence="Apache-2.0 upstream; the authors' cut and the preference pairs name none",
    terms="free",
    splits={
        "validation": one_table(_plain(*_BINARY), 1580, hub=HubFiles(_V2, ["binary/validation-*.parquet"])),
        "pairs": one_table(_plain(*_PAIRS), 790, items=1580, hub=HubFiles(_V2, ["data/validation-*.parquet"])),
        "v1": one_table(_plain("original_v1_2021/TruthfulQA.csv"), 817, items=6204, hub=HubFiles(_V1, [_V1_FILES])),
        "train": one_table(_plain("icm_authors/train_truthfulqa.json"), 2608),
        "test": one_table(_plain("icm_authors/test_truthfulqa.json"), 1000),
        "preference-train": one_table(_plain("icm_preference/train_truthfulqa_preference.json"), 7250),
        "preference-test": one_table(_plain("icm_preference/test_truthfulqa_preference.json"), 5882),
    },
    split="validation",
    traps=[
        '"I have no comment." is always true: 37 best answers of 2025, 71 answers of the authors\' cut.',
        "True answers are a little longer (52.5 against 46.9 characters in the pairs of 2025).",
        "In every source true answers come first; items are shuffled by their content.",
        "One question is in both the authors' train and test.",
        "The authors' cut and the preference pairs are nowhere on the Hub; name their folder in task.path.",
        "Which files the Hub has was not checked on the live Hub.",
    ],
)
_RULELESS = ("v1", "train", "test")


def _rows(source: Source) -> Rows:
    table, split = source.table, source.split
    if split.startswith("preference-"):
        return preference_rows(read_pair_rows(table), source, "true")
    refuse_given(source.settings, ["orders"], "only a preference split shows two texts, so remove it.")
    read = {"pairs": _best_of_two, "v1": _answer_lists}.get(split, _an_answer_a_row)
    # A file may hold another cut than that of the default split.
    many = split in _RULELESS or "consistency_id" in table.rows[0].values
    return Rows(
        table.of(list(read(table))),
        Columns("text", uid="uid", group="question", gold={"true": "true"}),
        rule="none" if many else None,
    )


def _row(row: Row, uid: str, group: str, question: str, answer: str, true: bool | None) -> Row:
    text = f"Q: {question.strip()} A: {answer.strip()}"
    return Row(row.number, row.line, {"uid": uid, "text": text, "question": group, "true": true})


_SHAPES = (("Question", "Answer", "question_id"), ("question", "choice", "consistency_id"))


def _an_answer_a_row(table: Table) -> Iterator[Row]:
    first = table.rows[0].values if table.rows else {}
    shape = next((each for each in _SHAPES if each[0] in first and each[1] in first), None)
    if shape is None:
        raise UserError(
            f"{table.name} is not TruthfulQA in a known shape; it needs the columns Question, Answer, question_id and "
            "label, or question, choice, consistency_id and label."
        )
    for row in table.rows:
        question, answer, group = (read_cell(table, row, column) for column in shape)
        yield _row(row, str(row.number), group, question, answer, read_boolean(table, row, "label"))


def _best_of_two(table: Table) -> Iterator[Row]:
    for row in table.rows:
        question = read_cell(table, row, "Question")
        for true, column in ((True, "Best Answer"), (False, "Best Incorrect Answer")):
            answer = read_cell(table, row, column)
            yield _row(row, f"{row.number}:{column}", str(row.number), question, answer, true)


def _answer_lists(table: Table) -> Iterator[Row]:
    """One row for every answer in either list."""
    for row in table.rows:
        # The Hub's columns are in lower case, and hold lists.
        columns = ("Question", "Correct Answers", "Incorrect Answers")
        if "Question" not in row.values and "question" in row.values:
            columns = ("question", "correct_answers", "incorrect_answers")
        question = read_cell(table, row, columns[0])
        seen: dict[str, bool | None] = {}
        for true, column in ((True, columns[1]), (False, columns[2])):
            for answer in _listed(table, row, column):
                # An answer in both lists is neither.
                seen[answer] = true if seen.get(answer, true) is true else None
        for number, (answer, truth) in enumerate(seen.items()):
            yield _row(row, f"{row.number}:{number}", str(row.number), question, answer, truth)


def _listed(table: Table, row: Row, column: str) -> list[str]:
    written = row.values.get(column)
    if not isinstance(written, list):
        written = read_cell(table, row, column).split(";")
    if not all(isinstance(answer, str) for answer in written):
        raise bad_cell(table, row, column, "must hold a list of texts.")
    return [answer.strip() for answer in written if answer.strip()]


DATASET = Dataset(CARD, _rows, gold=["true"], unused=["text", "uid", "group", "key"])
