"""The search's own settings, every value resolved."""

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of method `icm` needs to know besides the problem.

    `window` decisions may wait for answers at once. A tournament of `chains` runs `chain_sweeps` sweeps over whole
    groups of about `subset` items from `seeds` randomly labelled ones; then `sweeps` sweeps run over all items, then,
    with `second_look`, once more over the least certain 15% and a random 5%. `share` consecutive decisions show the
    same context (`chain_share` in the tournament); `shots` items make a context, or "all" the labelled ones outside the
    group.
    """

    seed: int
    window: int = 1
    shots: int | Literal["all"] = 16
    share: int = 16
    chain_share: int = 8
    confident: float = 0.5
    average: int = 2
    label_bias_contexts: int = 32
    chains: int = 4
    chain_sweeps: int = 2
    subset: int = 128
    seeds: int = 8
    sweeps: int = 2
    second_look: bool = False
    initial_t: float = 0.2
    final_t: float = 0.05
    balanced: bool = True


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What method `paper` needs (Wen et al. 2025, algorithm 1; names as in its code)."""

    seed: int
    seeds: int = 8
    alpha: float = 50.0
    initial_t: float = 10.0
    final_t: float = 0.01
    schedule: Literal["log", "exp"] = "log"
    beta: float = 1.0
    decay: float = 0.99
    max_iters: int = 3000
    fix_iters: int = 10


class ForkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What method `fork` needs (names as in the fork's configuration, `seeds` for its num_seed)."""

    seed: int
    seeds: int = 42
    shots: int = 6
    alpha: float = 30.0
    initial_t: float = 10.0
    final_t: float = 0.01
    beta: float = 2.0
    max_iters: int = 2500
    batch_size: int = 5


class OnePassSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the baselines that ask every item once need. `shots` is 0 for `zero_shot`; `window` decisions may wait for
    answers at once, which changes no label."""

    seed: int
    method: Literal["zero_shot", "random_labels"]
    shots: int = 16
    share: int = 16
    window: int = 1
