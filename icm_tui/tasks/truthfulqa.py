"""TruthfulQA (Lin, Hilton, Evans, arXiv 2109.07958) in two shapes.

- The pairs of 2025: a row an answer, two to a question, of which exactly one is called true; so rule `opposite` holds.
- The cut used by the authors of Internal Coherence Maximization: up to 13 answers to a question. Several of them can
  be true together, and in some groups all or none are, so no rule about them holds; the default is `none`.

Only the question groups the rows. The label as a key, which other programs use, would show the search the gold.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns, make_task
from icm_tui.tasks.item import Task
from icm_tui.tasks.rows import Row, Table, expanded, read_table
from icm_tui.tasks.settings import TaskSettings, choose_gold, refuse_given
from icm_tui.tasks.wording import shown

HUB_ID = "wassname/truthful_qa_v2"
HUB_CONFIG = "binary"
PAIRS_SPLIT = "validation"


class Shape(msgspec.Struct, frozen=True):
    """The columns of one shape of the data, and the rule that fits it."""

    question: str
    answer: str
    group: str
    rule: str


PAIRS = Shape("Question", "Answer", "question_id", "opposite")
AUTHORS = Shape("question", "choice", "consistency_id", "none")

# Where a folder keeps the file of each split, first found first.
FILES = {
    PAIRS_SPLIT: [
        "wassname_truthful_qa_v2/binary_validation.jsonl",
        "wassname_truthful_qa_v2/binary_validation.parquet",
        "binary_validation.jsonl",
        "binary_validation.parquet",
    ],
    "train": ["icm_authors/train_truthfulqa.json", "train_truthfulqa.json"],
    "test": ["icm_authors/test_truthfulqa.json", "test_truthfulqa.json"],
}


def load(settings: TaskSettings, *, labels: Sequence[str], rule: str | None, seed: int) -> Task:
    """Read TruthfulQA from `settings.path`, or from the Hub where no path is given.

    The path is a file of either shape, or a folder that holds them under the names in FILES; there `settings.split`
    chooses: "validation" (the default) for the pairs, "train" or "test" for the authors' cut. From the Hub come the
    pairs, at `settings.revision`. Raises UserError if that cannot be done.
    """
    names = ["text", "uid", "group", "key"]
    refuse_given(settings, names, 'remove it, or use dataset = "file" to read a file of your own.')
    if settings.path:
        refuse_given(settings, ["revision"], "it chooses a version on the Hub, so remove it or task.path.")
        table = read_table(_file(settings, settings.path))
    else:
        table = _from_hub(settings.split or PAIRS_SPLIT, settings.revision)
    shape = _shape(table)
    columns = Columns(
        text=f"Q: {{{shape.question}}} A: {{{shape.answer}}}",
        group=shape.group,
        gold=dict.fromkeys(choose_gold(settings, ["true"]), "label"),
    )
    return make_task(table, columns, labels=labels, rule=rule or shape.rule, limit=settings.limit, seed=seed)


def _file(settings: TaskSettings, path: str) -> str:
    folder = expanded(path)
    if not folder.is_dir():
        refuse_given(settings, ["split"], "task.path is one file already, so remove it or name the folder.")
        return path
    split = settings.split or PAIRS_SPLIT
    if split not in FILES:
        raise UserError(f"task.split = {shown(split)} is unknown; {path} is read for one of {', '.join(FILES)}.")
    for name in FILES[split]:
        if (folder / name).is_file():
            return str(folder / name)
    raise UserError(
        f"{path} has no file for task.split = {shown(split)}; it is looked for as {' or '.join(FILES[split])}."
    )


def _shape(table: Table) -> Shape:
    first = table.rows[0].values if table.rows else {}
    for shape in (PAIRS, AUTHORS):
        if shape.question in first and shape.answer in first:
            return shape
    raise UserError(
        f"{table.name} is not TruthfulQA in a known shape; it needs the columns Question, Answer, question_id and "
        "label, or question, choice, consistency_id and label."
    )


def _from_hub(split: str, revision: str | None) -> Table:
    try:
        # Imported here only: it takes seconds, and most runs do not need it.
        import datasets

        found: Any = datasets.load_dataset(HUB_ID, HUB_CONFIG, split=split, revision=revision)
    except Exception as error:  # what the library and its transports raise is without end, and none of it is our fault
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"TruthfulQA could not be fetched from the Hub as {HUB_ID} ({reason}); check the network, or download it "
            "elsewhere and name the file in task.path."
        ) from None
    rows = [Row(n, n, dict(values)) for n, values in enumerate(found, start=1)]
    return Table(f"{HUB_ID} on the Hub", "row", list(found.column_names), rows)
