"""A dataset: its card, and a function that turns its tables into the rows of a task. Loading is the same for all."""

from collections.abc import Callable, Sequence

import msgspec

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns, make_task
from icm_tui.tasks.card import Card, HubFiles, Place, Split
from icm_tui.tasks.section import TaskSection, choose_gold, refuse_given
from icm_tui.tasks.tables import Table, expanded, read_table
from icm_tui.text import did_you_mean, quoted

_MEND = 'remove it, or use dataset = "file" to read a file of your own.'


class Source(msgspec.Struct, frozen=True):
    """The tables that were read, by their names in the card, with the task section and the label names that they were
    read for. `split` is the split's name, `revision` the commit on the Hub, and `notes` say how they were read."""

    settings: TaskSection
    labels: Sequence[str]
    tables: dict[str, Table]
    split: str = ""
    revision: str | None = None
    notes: list[str] = []

    @property
    def table(self) -> Table:
        """The table that holds the items."""
        return self.tables["rows"]


class Rows(msgspec.Struct, frozen=True):
    """What a dataset makes of a source: a table with one row per item, and the roles of its columns.

    `columns.gold` has every gold column; `default_gold` those that are read if task.gold names none (all if it is
    None). `rule` is the consistency rule that fits, if it is not the card's. `notes` returns what a person should know
    about the finished task.
    """

    table: Table
    columns: Columns
    rule: str | None = None
    default_gold: Sequence[str] | None = None
    notes: Callable[[Task], list[str]] = lambda task: []


class Dataset(msgspec.Struct, frozen=True):
    """A dataset as the registry finds it.

    `rows` turns a source into rows, or raises UserError, naming file, row and column. `gold` are the gold columns that
    every split has, so that a wrong name is refused before anything is read. `unused` are the settings of the task
    section that have no meaning for this dataset. `read` replaces `read_source` for tables that no card can locate.
    """

    card: Card
    rows: Callable[[Source], Rows]
    gold: Sequence[str] | None = None
    unused: Sequence[str] = ("text", "uid", "group", "key", "orders")
    read: Callable[[TaskSection, Card, Sequence[str]], Source] | None = None

    def load(self, settings: TaskSection, *, labels: Sequence[str], rule: str | None) -> Task:
        """The task that `settings` describes; `labels` bounds the number of gold classes, and `rule` None takes the
        rule that fits. Raises UserError for settings that have no meaning and for data that cannot be read."""
        refuse_given(settings, self.unused, _MEND)
        if self.gold is not None:
            choose_gold(settings, self.gold)
        source = (self.read or read_source)(settings, self.card, labels)
        made = self.rows(source)
        if not made.table.rows:
            raise UserError(f"{source.table.name} has nothing to label; correct task.path or task.split.")
        chosen = choose_gold(settings, list(made.columns.gold), made.default_gold)
        gold = {name: made.columns.gold[name] for name in chosen}
        task = make_task(
            made.table,
            msgspec.structs.replace(made.columns, gold=gold),
            labels=labels,
            rule=rule or made.rule or self.card.rule,
            limit=settings.limit,
            seed=settings.shuffle_seed,
        )
        notes = [*source.notes, *task.notes, *made.notes(task)]
        return msgspec.structs.replace(task, notes=notes, revision=source.revision)


def read_source(settings: TaskSection, card: Card, labels: Sequence[str] = ()) -> Source:
    """Read the split that `settings.split` names (or the card's own) from `settings.path`, or from the Hub if no path
    is given. On the Hub, all files of a repository are read at one commit: `settings.revision`, or else the card's.

    The path is a folder that holds the files under the names in the card, or, for a split of a single table, that
    file. Raises UserError for an unknown split, a missing or unreadable file, and a Hub that cannot be reached.
    """
    name, split = _split(settings, card)
    if not settings.path:
        return _from_hub(settings, labels, name, split)
    refuse_given(settings, ["revision"], "it chooses a version on the Hub, so remove it or task.path.")
    tables = {table: _local(settings, name, place, len(split.tables)) for table, place in split.tables.items()}
    return Source(settings, labels, tables, name)


def _split(settings: TaskSection, card: Card) -> tuple[str, Split]:
    name = settings.split or card.split
    if name not in card.splits:
        raise UserError(
            f'task.split = {quoted(name)} is not in dataset "{settings.dataset}"; {did_you_mean(name, card.splits)}'
        )
    return name, card.splits[name]


def _from_hub(settings: TaskSection, labels: Sequence[str], name: str, split: Split) -> Source:
    # This imports the Hub's libraries, which reading a folder does not need.
    from icm_tui.tasks.hub import Commit, find_commit, read_hub

    at: dict[str, HubFiles] = {}
    for table, place in split.tables.items():
        if place.hub is None:
            raise UserError(
                f'split {quoted(name)} of dataset "{settings.dataset}" is nowhere on the Hub; name the folder that '
                "holds its files in task.path."
            )
        at[table] = place.hub
    main = at["rows"].repository
    commits: dict[tuple[str, str], Commit] = {}
    tables: dict[str, Table] = {}
    notes: list[str] = []
    for table, hub in at.items():
        revision = settings.revision if settings.revision and hub.repository == main else hub.revision
        where = (hub.repository, revision)
        if where not in commits:
            commits[where] = find_commit(*where)
        tables[table], said = read_hub(commits[where], hub, split.tables[table].columns)
        notes += [note for note in said if note not in notes]
    return Source(settings, labels, tables, name, commits[main, settings.revision or at["rows"].revision].hash, notes)


def _local(settings: TaskSection, split: str, place: Place, tables: int) -> Table:
    path = settings.path or ""
    folder = expanded(path)
    if not folder.is_dir():
        if tables > 1:
            raise UserError(
                f"task.path = {quoted(path)} is not a folder, and split {quoted(split)} of dataset "
                f'"{settings.dataset}" has several files; name the folder that holds them.'
            )
        return read_table(path, place.columns)
    for name in place.files:
        if (folder / name).is_file():
            return read_table(str(folder / name), place.columns)
    files = " or ".join(place.files)
    raise UserError(f"{path} has no file for task.split = {quoted(split)}; put {files} there or correct task.path.")
