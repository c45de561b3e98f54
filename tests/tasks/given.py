"""A profile's task section as the loaders accept it."""

import msgspec


class Given(msgspec.Struct, frozen=True):
    """Settings of a task; what is not given is None."""

    dataset: str = "file"
    path: str | None = None
    revision: str | None = None
    split: str | None = None
    limit: int | None = None
    text: str | None = None
    uid: str | None = None
    group: str | None = None
    key: str | None = None
    gold: list[str] = []
    shuffle_seed: int | None = None
