"""The dataset "file": a person's own rows, with the columns named in the profile."""

from collections.abc import Sequence

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns, make_task
from icm_tui.tasks.card import Card
from icm_tui.tasks.quoting import quoted
from icm_tui.tasks.section import TaskSection, refuse_given
from icm_tui.tasks.tables import read_table

DEFAULT_RULE = "none"

CARD = Card(
    about="Rows of your own: JSON lines, JSON, CSV or parquet, with the columns you name.",
    item="One row: the column or template that task.text names.",
    groups="The column that task.group names; without one there are no groups.",
    rule=DEFAULT_RULE,
    gold="The columns that task.gold names; a label there is a class's name, true or false, or a number.",
    paper="",
    licence="yours",
    terms="free",
    splits={},
    split="",
)


def load(settings: TaskSection, *, labels: Sequence[str], rule: str | None, seed: int) -> Task:
    """Read `settings.path` (JSON lines, JSON, CSV or parquet). Raises UserError for settings or rows that are wrong."""
    if not settings.path:
        raise UserError('task.path is missing; dataset "file" needs the file to label, as in path = "data.jsonl".')
    if not settings.text:
        raise UserError(
            'task.text is missing; dataset "file" needs the column to show, as in text = "question", or a template, '
            'as in text = "{question} {answer}".'
        )
    refuse_given(settings, ["split", "revision"], "remove it.")
    for n, name in enumerate(settings.gold):
        if name in settings.gold[:n]:
            raise UserError(f"task.gold names {quoted(name)} twice; remove one of them.")
    columns = Columns(
        text=settings.text,
        uid=settings.uid or None,
        group=settings.group or None,
        key=settings.key or None,
        gold={name: name for name in settings.gold},
    )
    table = read_table(settings.path)
    return make_task(table, columns, labels=labels, rule=rule or DEFAULT_RULE, limit=settings.limit, seed=seed)
