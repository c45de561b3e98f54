"""The datasets by name. A dataset's module is imported once its name was given."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

import msgspec

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.card import Card
from icm_tui.tasks.quoting import nearest, quoted
from icm_tui.tasks.section import TaskSection

# The datasets that ship with the program, and need neither a file nor a network.
SAMPLES = ("beliefs", "leanings", "dilemmas", "topics", "arithmetic")
# Which module of icm_tui.tasks.datasets reads a dataset. It has `load`, and the dataset's CARD, or CARDS by name.
DATASETS: dict[str, str] = {
    "file": "file",
    "daily_dilemmas": "daily_dilemmas",
    "ethics": "ethics",
    "moral_foundations": "moral_foundations",
    "machiavelli": "machiavelli",
    "jiminy_cricket": "jiminy_cricket",
    "truthfulqa": "truthfulqa",
    "gsm8k": "gsm8k",
    "alpaca": "alpaca",
    "global_opinion_qa": "global_opinion_qa",
    "political": "political",
    "larger_than": "larger_than",
    "beliefs": "samples",
    "leanings": "samples",
    "dilemmas": "samples",
    "topics": "samples",
    "arithmetic": "arithmetic",
}


class Loader(Protocol):
    """Reads one dataset; `rule` None asks for the dataset's own."""

    def __call__(self, settings: TaskSection, *, labels: Sequence[str], rule: str | None, seed: int) -> Task: ...


def card_of(name: str) -> Card:
    """What there is to know about the dataset `name`. Raises UserError if there is no such dataset."""
    module = _module(name)
    cards: dict[str, Card] | None = getattr(module, "CARDS", None)
    card: Card = module.CARD if cards is None else cards[name]
    return card


def load_task(settings: TaskSection, *, labels: list[str], rule: str | None) -> Task:
    """Load the dataset that `settings` names, shuffled by `settings.shuffle_seed`.

    `labels` bound the number of gold classes; `rule` None takes the rule that the dataset has by default.
    `settings.held_out` keeps items from the search: a fraction of the groups that `settings.limit` leaves, or a split
    of the dataset, without a limit. Raises UserError for an unknown dataset, settings that it has no use for, and data
    that cannot be read.
    """
    load: Loader = _module(settings.dataset).load
    seed = settings.shuffle_seed
    held_out = settings.held_out
    if held_out is None:
        return load(settings, labels=labels, rule=rule, seed=seed)
    plain = msgspec.structs.replace(settings, held_out=None)
    if isinstance(held_out, str):
        _check_other_split(plain, held_out)
    # Only runs with held-out items need it.
    from icm_tui.tasks.test_split import beside, hold_out

    task = load(plain, labels=labels, rule=rule, seed=seed)
    if isinstance(held_out, float):
        return hold_out(task, held_out, seed=seed)
    other = msgspec.structs.replace(plain, split=held_out, limit=None)
    if task.revision is not None:
        other = msgspec.structs.replace(other, revision=task.revision)
    return beside(task, load(other, labels=labels, rule=rule, seed=seed))


def _check_other_split(settings: TaskSection, held_out: str) -> None:
    card = card_of(settings.dataset)
    others = [name for name in card.splits if name != (settings.split or card.split)]
    if held_out in others:
        return
    if not others:
        mend = f'dataset "{settings.dataset}" has no other; give a fraction of its groups, as in held_out = 0.2.'
    elif held_out in card.splits:
        mend = f"which is what is labelled; name another, such as {quoted(others[0])}."
    else:
        mend = f'which is not in dataset "{settings.dataset}"; {nearest(held_out, others)}'
    raise UserError(f"task.held_out = {quoted(held_out)} names a split, {mend}")


def _module(name: str) -> Any:
    if name not in DATASETS:
        hint = nearest(name, DATASETS)
        listed = "" if hint.startswith("known") else f" The datasets are {', '.join(DATASETS)}."
        raise UserError(f"task.dataset = {quoted(name)} is unknown; {hint}{listed}")
    return import_module(f"icm_tui.tasks.datasets.{DATASETS[name]}")
