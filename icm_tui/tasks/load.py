"""The datasets by name."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from icm_tui.errors import UserError
from icm_tui.tasks import arithmetic, file, samples, truthfulqa
from icm_tui.tasks.item import Task
from icm_tui.tasks.settings import TaskSettings
from icm_tui.tasks.wording import nearest, shown


class Loader(Protocol):
    """Reads one dataset; `rule` None asks for the dataset's own."""

    def __call__(self, settings: TaskSettings, *, labels: Sequence[str], rule: str | None, seed: int) -> Task: ...


class Dataset(msgspec.Struct, frozen=True):
    """A dataset that a profile can name: how it is loaded, and one sentence about it."""

    load: Loader
    about: str


DATASETS: dict[str, Dataset] = {
    "file": Dataset(file.load, "Rows of your own: JSON lines, JSON, CSV or parquet, with the columns you name."),
    "beliefs": Dataset(samples.load, "Common misconceptions and their corrections, two answers to a question."),
    "leanings": Dataset(samples.load, "Opposed policy statements in pairs."),
    "dilemmas": Dataset(samples.load, "Everyday dilemmas with two actions each, and the values behind them."),
    "topics": Dataset(samples.load, "Single sentences on one of two subjects, without groups."),
    "arithmetic": Dataset(arithmetic.load, "Sums with two results each, made by code."),
    "truthfulqa": Dataset(truthfulqa.load, "TruthfulQA: pairs of 2025 or the ICM authors' cut, local or on the Hub."),
}


def load_task(settings: TaskSettings, *, labels: list[str], rule: str | None, seed: int) -> Task:
    """Load the dataset that `settings` names, shuffled by `settings.shuffle_seed` or else by `seed`.

    `labels` bound the number of gold classes; `rule` None takes the rule that the dataset has by default.
    Raises UserError for an unknown dataset, settings that it has no use for, and data that cannot be read.
    """
    dataset = DATASETS.get(settings.dataset)
    if dataset is None:
        hint = nearest(settings.dataset, DATASETS)
        listed = "" if hint.startswith("known") else f" The datasets are {', '.join(DATASETS)}."
        raise UserError(f"task.dataset = {shown(settings.dataset)} is unknown; {hint}{listed}")
    chosen = seed if settings.shuffle_seed is None else settings.shuffle_seed
    return dataset.load(settings, labels=labels, rule=rule, seed=chosen)
