"""The dataset "file": a person's own rows, with the columns named in the profile."""

from collections.abc import Sequence

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.section import TaskSection, refuse_given
from icm_tui.tasks.tables import read_table
from icm_tui.text import quoted

CARD = Card(
    about="Rows of your own: JSON lines, JSON, CSV or parquet, with the columns you name.",
    item="One row: the column or template that task.text names.",
    groups="The column that task.group names; without one there are no groups.",
    rule="none",
    gold="The columns that task.gold names; a label there is a class's name, true or false, or a number.",
    paper="",
    licence="yours",
    terms="free",
    splits={},
    split="",
)


def _read(settings: TaskSection, card: Card, labels: Sequence[str]) -> Source:
    if not settings.path:
        raise UserError('task.path is missing; dataset "file" needs the file to label, as in path = "data.jsonl".')
    if not settings.text:
        raise UserError(
            'task.text is missing; dataset "file" needs the column to show, as in text = "question", or a template, '
            'as in text = "{question} {answer}".'
        )
    refuse_given(settings, ["split", "revision", "orders"], "remove it.")
    for n, name in enumerate(settings.gold):
        if name in settings.gold[:n]:
            raise UserError(f"task.gold names {quoted(name)} twice; remove one of them.")
    return Source(settings, labels, {"rows": read_table(settings.path)})


def _rows(source: Source) -> Rows:
    settings = source.settings
    columns = Columns(
        text=settings.text or "",
        uid=settings.uid or None,
        group=settings.group or None,
        key=settings.key or None,
        gold={name: name for name in settings.gold},
    )
    return Rows(source.table, columns)


DATASET = Dataset(CARD, _rows, unused=(), read=_read)
