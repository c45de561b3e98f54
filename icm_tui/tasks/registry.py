"""The datasets by name: the modules of `tasks/datasets`, each with its DATASET. A module is imported only when
its name is given."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

import msgspec

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks import datasets
from icm_tui.tasks.dataset import Dataset
from icm_tui.tasks.section import TaskSection
from icm_tui.tasks.shuffle import beside, hold_out
from icm_tui.text import did_you_mean, quoted

DATASETS = tuple(sorted(module.name for module in iter_modules(datasets.__path__)))


def find_dataset(name: str) -> Dataset:
    """The dataset called `name`. Raises UserError if there is none."""
    if name not in DATASETS:
        hint = did_you_mean(name, DATASETS)
        listed = "" if hint.startswith("known") else f" The datasets are {', '.join(DATASETS)}."
        raise UserError(f"task.dataset = {quoted(name)} is unknown; {hint}{listed}")
    return cast("Dataset", import_module(f"{datasets.__name__}.{name}").DATASET)


def ships(name: str) -> bool:
    """Whether the dataset `name` comes with the program."""
    return name in DATASETS and find_dataset(name).card.ships


def load_task(
    settings: TaskSection,
    *,
    labels: list[str],
    rule: str | None,
    find: Callable[[str], Dataset] = find_dataset,
) -> Task:
    """Load the dataset that `settings` names, shuffled by `settings.shuffle_seed`.

    `labels` bounds the number of gold classes; `rule` None takes the dataset's default. `settings.held_out` keeps items
    from the search: a fraction of the groups that `settings.limit` leaves, or another split of the dataset, without a
    limit. Raises UserError for an unknown dataset, settings that it has no use for, and data that cannot be read.
    """
    dataset = find(settings.dataset)
    held_out = settings.held_out
    if held_out is None:
        return dataset.load(settings, labels=labels, rule=rule)
    plain = msgspec.structs.replace(settings, held_out=None)
    if isinstance(held_out, str):
        _check_other_split(dataset, plain, held_out)
    task = dataset.load(plain, labels=labels, rule=rule)
    if isinstance(held_out, float):
        return hold_out(task, held_out, seed=settings.shuffle_seed)
    other = msgspec.structs.replace(plain, split=held_out, limit=None)
    if task.revision is not None:
        other = msgspec.structs.replace(other, revision=task.revision)
    return beside(task, dataset.load(other, labels=labels, rule=rule))


def _check_other_split(dataset: Dataset, settings: TaskSection, held_out: str) -> None:
    card = dataset.card
    others = [name for name in card.splits if name != (settings.split or card.split)]
    if held_out in others:
        return
    if not others:
        mend = f'dataset "{settings.dataset}" has no other; give a fraction of its groups, as in held_out = 0.2.'
    elif held_out in card.splits:
        mend = f"which is what is labelled; name another, such as {quoted(others[0])}."
    else:
        mend = f'which is not in dataset "{settings.dataset}"; {did_you_mean(held_out, others)}'
    raise UserError(f"task.held_out = {quoted(held_out)} names a split, {mend}")
