"""What the evaluation finds, as shapes that are printed and drawn: labels against gold, traits, pairs of runs, tables.

`measure`, `shortcuts`, `stability` and `comparison` make them. The last table of a comparison is kept in the run's
directory, so that a screen can show it without asking a model. Nothing here loads numpy.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from icm_tui.errors import UserError
from icm_tui.run_dir.layout import digest, write_atomically

SORTS = ("table", "accuracy", "balanced", "p", "name")


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Found labels against one gold column; None if nothing can be said.

    `n` counts the items with both a label and gold, `coverage` is their share of the items with gold. `missing` counts
    the items with a label but without gold: they are neither right nor wrong. `majority` is the share of gold's
    commonest class: what naming every item alike would reach. `ci95` and `balanced_ci95` bound `accuracy` and
    `balanced_accuracy`. `auroc` and `as_fork` are explained at the functions of those names in `agreement`. With two
    classes `flipped` says that the labels were taken for the classes in the other order than found. `accuracy`,
    `balanced_accuracy` and `mcc` are all under that one naming.
    """

    n: int
    missing: int = 0
    coverage: float | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    mcc: float | None = None
    auroc: float | None = None
    majority: float | None = None
    ci95: tuple[float, float] | None = None
    balanced_ci95: tuple[float, float] | None = None
    flipped: bool | None = None
    as_fork: float | None = None


class Column(Figures, frozen=True, kw_only=True):
    """A gold column: `naming` has the name of the class that each label was taken for, in the order of the labels;
    None for a label that gets no class. `p` is that of the column, `p_adjusted` that for having looked at all
    columns."""

    naming: list[str | None] | None = None
    p: float | None = None
    p_adjusted: float | None = None


class Baselines(msgspec.Struct, frozen=True):
    """The accuracy that needs no model, for each column: of the commonest class throughout, of a fair draw among the
    classes (before any choice of naming), and, if the rule gives labels their meaning, of taking the commonest key of
    each group for true. None if there is none."""

    majority: dict[str, float | None]
    random: dict[str, float | None]
    majority_answer: dict[str, float | None] | UnsetType = UNSET


class Best(msgspec.Struct, frozen=True):
    """The column of lowest adjusted p, of highest accuracy among equals."""

    column: str
    p_adjusted: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of `n` items against every gold column. `looked_at` counts the columns that were tested, by so many
    `permutations`. `unconstrained_groups` have a number of keys that the rule does not bind; set only for a
    rule about exact keys."""

    n: int
    columns: dict[str, Column]
    baselines: Baselines
    looked_at: int
    permutations: int
    best: Best | None
    unconstrained_groups: int | UnsetType = UNSET


def chosen(report: Report, words: Sequence[str], sort: str) -> dict[str, Column]:
    """The columns whose name contains one of `words` (all if there are none), sorted by one of SORTS, the best first.
    Their p stays what it was: choosing after the fact changes no p."""
    columns = report.columns
    names = [name for name in columns if not words or any(word.casefold() in name.casefold() for word in words)]
    keys: dict[str, Callable[[str], Any]] = {
        "accuracy": lambda name: -(columns[name].accuracy or 0.0),
        "balanced": lambda name: -(columns[name].balanced_accuracy or 0.0),
        "p": lambda name: (_or_one(columns[name].p_adjusted), -(columns[name].accuracy or 0.0)),
        "name": str.casefold,
    }
    if sort in keys:
        names.sort(key=keys[sort])
    return {name: columns[name] for name in names}


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


class TraitFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a split follows a trait.

    `strength` is the rank-biserial correlation of being in the set that has more of the trait (0 to 1), `n` the number
    of labelled items with a value. `inside` and `outside` are the trait's mean in that set and out of it: for words,
    and for a class of a gold column, the shares that have it; `lift` is their quotient, smoothed, and None for other
    kinds. `p` is None for a trait that no exchange of groups changes.
    """

    kind: str
    name: str
    strength: float
    n: int
    inside: float
    outside: float
    lift: float | None
    p: float | None
    p_adjusted: float | None


class Pair(msgspec.Struct, frozen=True):
    """Two runs, by their places: over the `n` items that both labelled, the adjusted Rand index and the share of items
    with equal labels once the names are matched; None if no item is in both."""

    one: int
    other: int
    n: int
    adjusted_rand: float | None
    matched: float | None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of a comparison: of a `method`, or of a `design` with so many `shots` over its `draws`.

    Accuracy, its 95% interval and balanced accuracy are None if nothing can be said. `calls`, `tokens`, `cost_usd` and
    `seconds` are what the answers took.
    """

    method: str = ""
    design: str = ""
    shots: int | None = None
    draws: int = 0
    accuracy: float | None
    balanced: float | None
    ci95: tuple[float, float] | None
    n: int
    calls: int
    tokens: int
    cost_usd: float
    seconds: float


class SavedTable(msgspec.Struct, frozen=True):
    """Rows against the gold column `column`, and the digest of the labels that they were made from. `shots` is how
    many examples every context had; None if that differs from row to row."""

    column: str
    labels: str
    rows: list[Row]
    shots: int | None = None


def labels_digest(found: Mapping[int, int]) -> str:
    """The digest of a run's labels by item. It differs once the labels are no longer those of a table."""
    return digest(msgspec.json.encode(sorted(found.items())))


def save_table(
    path: Path, column: str, found: Mapping[int, int], rows: Sequence[Row], shots: int | None = None
) -> None:
    """Write the table that replaces the one in `path`. Raises RunFailed if the system refuses."""
    table = SavedTable(column, labels_digest(found), list(rows), shots)
    write_atomically(path, msgspec.json.encode(table) + b"\n")


def read_table(path: Path) -> SavedTable | None:
    """The table kept in `path`, None if there is none. Raises UserError if it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SavedTable)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Check that it is yours to read.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not a table of a comparison: {error}. Repeat the comparison to write it again."
        ) from error
