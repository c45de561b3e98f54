"""The defaults for settings of None, which depend on the method, the effort, the model and the data."""

from typing import Any

import msgspec

from icm_tui.errors import UserError
from icm_tui.profile.checks import combinations
from icm_tui.profile.presets import find_preset
from icm_tui.profile.schema import Model, Profile, Search

# With more items than this, the embedded model's chains start on a subset, before a pass over all items.
RESTART_ITEMS = 5000

_SWEEPS = {"lean": 1, "standard": 2, "thorough": 8}
_PAPER = {
    "shots": "all",
    "seeds": 8,
    "alpha": 50.0,
    "initial_t": 10.0,
    "final_t": 0.01,
    "schedule": "log",
    "beta": 1.0,
    "decay": 0.99,
    "max_iters": 3000,
    "batch_size": 256,
}
_FORK = {
    "shots": 6,
    "seeds": 42,
    "alpha": 30.0,
    "initial_t": 10.0,
    "final_t": 0.01,
    "schedule": "log",
    "beta": 2.0,
    "max_iters": 2500,
    "batch_size": 5,
}
_OTHERS: dict[str, dict[str, Any]] = {
    "paper": _PAPER,
    "fork": _FORK,
    "zero_shot": {},
    "random_labels": {"shots": 16, "share": 16},
}


def resolve(profile: Profile, *, rule: str, items: int, grouped: bool) -> Profile:
    """`profile` with every default that the method uses filled in; what the profile sets itself stays.

    `rule` is the dataset's own consistency rule, `items` the number of items, `grouped` whether they have groups. A
    setting that the method does not use stays None. Resolving twice changes nothing. Raises UserError if the settings
    do not fit together.
    """
    resolved = _filled(profile, profile.consistency.rule or rule, items, grouped)
    problems = list(combinations(resolved, resolved.consistency.rule))
    if problems:
        raise UserError("\n".join(f"{'.'.join(problem.path)}: {problem.text}" for problem in problems))
    return resolved


def resolve_without_data(profile: Profile) -> tuple[Profile, list[str]]:
    """`profile` as far as it can be resolved before the data is read, and the settings ("search.subset", …) that wait
    for the data."""
    known = _filled(profile, profile.consistency.rule, None, None)
    waiting = ["consistency.rule"] if known.consistency.rule is None else []
    if known.search.method == "icm":
        waiting += [f"search.{key}" for key in ("subset", "chains") if getattr(known.search, key) is None]
    return known, waiting


def unused(profile: Profile) -> list[str]:
    """The settings ("search.alpha", …) that the profile gives but its method does not use."""
    search = profile.search
    shots = None if search.method == "zero_shot" else search.shots
    bare = msgspec.structs.replace(profile, search=Search(method=search.method, shots=shots))
    used = _filled(bare, "none", 1, True).search
    found = [
        f"search.{key}"
        for key in Search.__struct_fields__
        if getattr(search, key) is not None and getattr(used, key) is None
    ]
    if search.effort != "standard" and (search.method != "icm" or used.shots == "all"):
        found.append("search.effort")
    if profile.consistency.fix_iters is not None and search.method != "paper":
        found.append("consistency.fix_iters")
    return found


def _filled(profile: Profile, rule: str | None, items: int | None, grouped: bool | None) -> Profile:
    search = profile.search
    defaults: dict[str, Any]
    if search.method == "icm":
        shots = search.shots if search.shots is not None else "all" if profile.model.backend == "embedded" else 16
        defaults = {"shots": shots, **_icm(profile, shots, items, grouped)}
    else:
        defaults = _OTHERS[search.method]
    own = {key: value for key in Search.__struct_fields__ if (value := getattr(search, key)) is not None}
    consistency = msgspec.structs.replace(profile.consistency, rule=rule)
    if search.method == "paper" and consistency.fix_iters is None:
        consistency = msgspec.structs.replace(consistency, fix_iters=10)
    return msgspec.structs.replace(
        profile, model=_model(profile.model), search=Search(**{**defaults, **own}), consistency=consistency
    )


def _model(model: Model) -> Model:
    """`model` with a preset's name replaced by its address, and the usual variable of the key that its server needs."""
    given = model.base_url or ""
    preset = find_preset(given) if model.backend == "openai" else None
    if preset is None:
        return model
    address = preset.base_url if given.strip().lower() == preset.name else given
    return msgspec.structs.replace(model, base_url=address, key_env=model.key_env or preset.key_env or None)


def _icm(profile: Profile, shots: int | str, items: int | None, grouped: bool | None) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "seeds": max(8, 4 * len(profile.prompt.labels)),
        "initial_t": 0.2,
        "final_t": 0.05,
        "schedule": "geometric",
    }
    if shots == "all":
        defaults |= {"share": 1, "confident": 1.0, "average": 1, "sweeps": 4, "chains": 8}
    else:
        defaults |= {"share": 16, "confident": 0.5, "average": 2, "sweeps": _SWEEPS[profile.search.effort]}
        if grouped is not None:
            defaults["chains"] = 4 if grouped else 16
    if items is not None:
        most = RESTART_ITEMS if shots == "all" else min(max(items // 8, 48), 128)
        defaults["subset"] = max(1, min(items, most))
    return defaults
