"""The last table of a comparison, kept in the run's directory, so that a screen can show it without asking a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from icm_tui.errors import UserError
from icm_tui.run_dir.layout import digest, write_atomically


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of a comparison: of a `method`, or of a `condition` with so many `shots` over its `draws`.

    Accuracy, its 95% interval and balanced accuracy are None if nothing can be said. `calls`, `tokens`, `cost_usd` and
    `seconds` are what the answers took.
    """

    method: str = ""
    condition: str = ""
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
