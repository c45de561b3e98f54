"""Makes the search and the model client that a resolved profile names."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES
from icm_tui.models.client import ModelClient
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.journal import Durability
from icm_tui.search.icm.method import Icm
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem, make_problem
from icm_tui.search.settings import ForkSettings, OnePassSettings, PaperSettings, Settings

_Kind = TypeVar("_Kind", bound=msgspec.Struct)


def problem_of(profile: Profile, items: Sequence[Item]) -> Problem:
    """The items as the search sees them. `profile` is resolved."""
    assert profile.consistency.rule is not None
    return make_problem(items, profile.consistency.rule, len(profile.prompt.labels))


def window_of(profile: Profile, problem: Problem) -> int:
    """How many decisions may wait for answers at once. Only the profile bears on it, so a resumed run decides alike."""
    if profile.search.method in ("zero_shot", "random_labels"):
        return 8 * profile.model.concurrency
    if profile.search.shots == "all" or profile.search.method != "icm":
        return 1
    return max(1, min(8 * profile.model.concurrency, len(problem.units) // 4))


def make_search(profile: Profile, problem: Problem, window: int) -> Search:
    """The search of a resolved profile."""
    search, seed = profile.search, profile.run.seed
    if search.method == "paper":
        from icm_tui.search.replications.paper import Paper

        return Paper(problem, _given(PaperSettings, profile, seed=seed))
    if search.method == "fork":
        from icm_tui.search.replications.fork import Fork

        return Fork(problem, _given(ForkSettings, profile, seed=seed))
    if search.method in ("zero_shot", "random_labels"):
        from icm_tui.search.one_pass import OnePass

        # Shots that a profile names are those of its other methods.
        none = {"shots": 0} if search.method == "zero_shot" else {}
        return OnePass(problem, _given(OnePassSettings, profile, seed=seed, window=window, **none))
    return Icm(problem, icm_settings(profile, problem, window))


def icm_settings(profile: Profile, problem: Problem, window: int) -> Settings:
    """The settings of method `icm`. If all is shown, `sweeps` are those of every chain, and one pass over all items
    follows only if the chains worked on a part of them."""
    search = profile.search
    shows_all = search.shots == "all"
    assert search.sweeps is not None
    assert search.subset is not None
    if shows_all:
        flow = {
            "chain_sweeps": search.sweeps,
            "sweeps": int(search.subset < problem.n_items),
            "label_bias_contexts": 0,
        }
    else:
        flow = {
            "sweeps": search.sweeps,
            "label_bias_contexts": max(64 // problem.n_labels, 8),
            "second_look": search.effort == "lean",
        }
    return _given(Settings, profile, seed=profile.run.seed, window=window, balanced=RULES[problem.rule].mixed, **flow)


def make_model_client(profile: Profile, problem: Problem, items: Sequence[Item]) -> ModelClient:
    """The model client of a resolved profile. A server is asked nothing before the client is opened."""
    texts = [item.text for item in items]
    if profile.model.backend == "embedded":
        from icm_tui.models.embedded.model import EmbeddedClient, EmbeddedModel

        model = EmbeddedModel(texts, problem.group_of, problem.n_labels, centred=not RULES[problem.rule].uniform)
        return EmbeddedClient(model, profile.prompt.labels)
    from icm_tui.models.server.cache import open_cache
    from icm_tui.models.server.client import ServerClient

    return ServerClient(
        profile.model,
        profile.prompt,
        profile.reasoning,
        texts,
        problem.group_of,
        cache=open_cache(True, os.environ),
        folder=Path.cwd(),
    )


def durability_of(profile: Profile) -> Durability:
    """How safely answers are kept: those that cost money or others' time must be on disk before they are used."""
    return "free" if profile.model.backend == "embedded" else "paid"


def _given(kind: type[_Kind], profile: Profile, **more: object) -> _Kind:
    """Settings of `kind`, from the fields of the same names in the profile's search section."""
    names = set(kind.__struct_fields__) - set(more)
    search = profile.search
    found = {name: value for name in names if (value := getattr(search, name, None)) is not None}
    if "fix_iters" in names and profile.consistency.fix_iters is not None:
        found["fix_iters"] = profile.consistency.fix_iters
    return kind(**found, **more)
