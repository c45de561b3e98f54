"""The sample sets that ship with the program: small, in its own words, to try it out."""

from collections.abc import Sequence
from pathlib import Path

import icm_tui
from icm_tui.errors import RunFailed
from icm_tui.tasks.build import Columns, TextTemplate
from icm_tui.tasks.card import Card, Place, Split
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.section import TaskSection
from icm_tui.tasks.tables import read_table

UNUSED = ("path", "split", "revision", "text", "uid", "group", "key", "orders")


def sample(
    name: str,
    items: int,
    *,
    about: str,
    item: str,
    groups: str,
    gold: str,
    rule: str,
    text: str,
    group: str | None = None,
    other: Sequence[str] = (),
) -> Dataset:
    """The sample set in the shipped file `name`.jsonl. `text` is a template and `group` a column; the other texts are
    those of its card. Every column that is neither used by these nor among `other` is gold."""
    card = Card(
        about=about,
        item=item,
        groups=groups,
        rule=rule,
        gold=gold,
        paper="",
        licence="as this program",
        terms="free",
        splits={"all": Split({"rows": Place([f"{name}.jsonl"], rows=items)}, items)},
        split="all",
        traps=["A small set in this program's own words, to try it out; no benchmark."],
        ships=True,
    )

    def read(settings: TaskSection, card: Card, labels: Sequence[str]) -> Source:
        return Source(settings, labels, {"rows": read_table(str(data_dir() / f"{name}.jsonl"))})

    def rows(source: Source) -> Rows:
        used = {"uid", group, *TextTemplate(text).columns, *other}
        named = {column: column for column in source.table.rows[0].values if column not in used}
        return Rows(source.table, Columns(text, uid="uid", group=group, gold=named))

    return Dataset(card, rows, unused=UNUSED, read=read)


def data_dir() -> Path:
    """The folder of the shipped files: inside the installed package, or beside it in a checkout.

    Raises RunFailed if there is no such folder.
    """
    package = Path(icm_tui.__file__).parent
    for folder in (package / "data", package.parent / "data"):
        if folder.is_dir():
            return folder
    raise RunFailed(f"The sample data is missing beside {package}; install icm-tui again.")
