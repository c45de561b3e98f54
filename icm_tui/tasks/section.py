"""The task section of a profile, and the checks that all datasets share."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from icm_tui.errors import UserError
from icm_tui.text import did_you_mean, quoted

NonEmpty = Annotated[str, Meta(min_length=1)]
Positive = Annotated[int, Meta(ge=1)]
SEED_MAX = 2**63 - 1


class TaskSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is labelled."""

    dataset: Annotated[
        NonEmpty, Meta(description='Name of the dataset, such as "truthfulqa"; "file" for a file of your own.')
    ]
    path: Annotated[
        NonEmpty | None, Meta(description="File to read: .jsonl, .json, .csv or .parquet; or a dataset's folder.")
    ] = None
    revision: Annotated[
        NonEmpty | None, Meta(description="Revision of a dataset on the Hub: commit, branch or tag.")
    ] = None
    split: Annotated[NonEmpty | None, Meta(description="Part of a dataset, such as train, test or a country.")] = None
    held_out: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | NonEmpty | None,
        Meta(
            description="Items kept from the search to try its labels on: a fraction of the groups, or a split's name.",
            extra={"expected": "a fraction above 0 and below 1, or the name of a split"},
        ),
    ] = None
    orders: Annotated[
        Literal["one", "both"] | None,
        Meta(description="Of two texts to choose from: one order drawn by the shuffle, or both orders as two items."),
    ] = None
    limit: Annotated[Positive | None, Meta(description="Use at most this number of items, in whole groups.")] = None
    text: Annotated[
        NonEmpty | None, Meta(description="Column that holds the text, or a template with {column} in it.")
    ] = None
    uid: Annotated[NonEmpty | None, Meta(description="Column that names the row; without it, the row's number.")] = None
    group: Annotated[
        NonEmpty | None, Meta(description="Column whose equal values make a group: items that answer one question.")
    ] = None
    key: Annotated[NonEmpty | None, Meta(description="Column that tells apart the answers inside a group.")] = None
    gold: Annotated[
        list[NonEmpty], Meta(description="Columns with gold labels; used to measure, never seen by the search.")
    ] = []
    shuffle_seed: Annotated[
        int,
        Meta(ge=0, le=SEED_MAX, description="Seed of the shuffle of groups and of rows inside them; a whole number."),
    ] = 0


def refuse_given(settings: TaskSection, names: Iterable[str], mend: str) -> None:
    """Raise UserError if one of the settings `names` was given, rather than ignore it."""
    for name in names:
        if getattr(settings, name):
            raise UserError(f'task.{name} has no meaning for dataset "{settings.dataset}"; {mend}')


def choose_gold(settings: TaskSection, known: Sequence[str], default: Sequence[str] | None = None) -> list[str]:
    """The gold columns to read of a dataset that has the columns `known`: those named in the settings, or else
    `default` (all of them if it is None). A name that ends in "/*" stands for all names that begin like it.

    Raises UserError for a name that the dataset does not have.
    """
    if not settings.gold:
        return list(known if default is None else default)
    chosen: dict[str, None] = {}
    for name in settings.gold:
        family = [column for column in known if name.endswith("/*") and column.startswith(name[:-1])]
        if name not in known and not family:
            hint = did_you_mean(name, known)
            raise UserError(f'task.gold names {quoted(name)}, which is not in dataset "{settings.dataset}"; {hint}')
        chosen |= dict.fromkeys(family or [name])
    return list(chosen)
