"""The tables of a dataset: from a folder or file that the profile names, or else from the Hub."""

import msgspec

from icm_tui.errors import UserError
from icm_tui.tasks.card import Card, HubFiles, Place, Split
from icm_tui.tasks.quoting import nearest, quoted
from icm_tui.tasks.section import TaskSection, refuse_given
from icm_tui.tasks.tables import Table, expanded, read_table


class Source(msgspec.Struct, frozen=True):
    """The tables that were read, by their names in the card; `split` is the split's name, `revision` the Hub's
    commit, `notes` what a person should know about how they were read."""

    tables: dict[str, Table]
    split: str
    revision: str | None = None
    notes: list[str] = []


def read_source(settings: TaskSection, card: Card) -> Source:
    """Read the split that `settings.split` names (or the card's own) from `settings.path`, or from the Hub if no
    path is given: there at `settings.revision` or else at the card's, all files of a repository at one commit.

    The path is a folder that holds the files under the names in the card, or, for a split of a single table, that
    file. Raises UserError for an unknown split, a file that is not there or cannot be read, and a Hub out of reach.
    """
    name, split = _split(settings, card)
    if not settings.path:
        return _from_hub(settings, name, split)
    refuse_given(settings, ["revision"], "it chooses a version on the Hub, so remove it or task.path.")
    return Source(
        {table: _local(settings, name, place, len(split.tables)) for table, place in split.tables.items()}, name
    )


def _split(settings: TaskSection, card: Card) -> tuple[str, Split]:
    name = settings.split or card.split
    if name not in card.splits:
        raise UserError(
            f'task.split = {quoted(name)} is not in dataset "{settings.dataset}"; {nearest(name, card.splits)}'
        )
    return name, card.splits[name]


def _from_hub(settings: TaskSection, name: str, split: Split) -> Source:
    # It pulls in the Hub's libraries, which reading a folder does without.
    from icm_tui.tasks.hub import Commit, find_commit, read_hub

    at: dict[str, HubFiles] = {}
    for table, place in split.tables.items():
        if place.hub is None:
            raise UserError(
                f'dataset "{settings.dataset}" has its split {quoted(name)} nowhere on the Hub; name the folder that '
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
    return Source(tables, name, commits[main, settings.revision or at["rows"].revision].hash, notes)


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
    raise UserError(
        f"{path} has no file for task.split = {quoted(split)}; it is looked for as {' or '.join(place.files)}."
    )
