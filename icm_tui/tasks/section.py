"""What a profile says about its task, and the checks that every dataset shares."""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from icm_tui.errors import UserError
from icm_tui.tasks.quoting import nearest, quoted


class TaskSettings(Protocol):
    """A profile's task section; None (for `gold` an empty list) where the person gave nothing."""

    @property
    def dataset(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def revision(self) -> str | None: ...
    @property
    def split(self) -> str | None: ...
    @property
    def held_out(self) -> float | str | None: ...
    @property
    def orders(self) -> Literal["one", "both"] | None: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def uid(self) -> str | None: ...
    @property
    def group(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...
    @property
    def gold(self) -> Sequence[str]: ...
    @property
    def shuffle_seed(self) -> int | None: ...


def refuse_given(settings: TaskSettings, names: Iterable[str], mend: str) -> None:
    """Raise UserError if one of the settings `names` was given, rather than pass over it in silence."""
    for name in names:
        if getattr(settings, name):
            raise UserError(f'task.{name} has no meaning for dataset "{settings.dataset}"; {mend}')


def choose_gold(settings: TaskSettings, known: Sequence[str], default: Sequence[str] | None = None) -> list[str]:
    """The gold columns to read of a dataset that has `known` ones: those named in the settings, or else `default`
    (all of them where that is None). A name that ends in "/*" stands for all that begin as it does.

    Raises UserError for a name that the dataset does not have.
    """
    if not settings.gold:
        return list(known if default is None else default)
    chosen: dict[str, None] = {}
    for name in settings.gold:
        family = [column for column in known if name.endswith("/*") and column.startswith(name[:-1])]
        if name not in known and not family:
            hint = nearest(name, known)
            raise UserError(f'task.gold names {quoted(name)}, which is not in dataset "{settings.dataset}"; {hint}')
        chosen |= dict.fromkeys(family or [name])
    return list(chosen)
