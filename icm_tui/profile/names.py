"""What others call our settings, and the nearest known name to one that is not known."""

import difflib
from collections.abc import Iterable

import msgspec

from icm_tui.profile.schema import Profile

SECTIONS: dict[str, type[msgspec.Struct]] = {field.name: field.type for field in msgspec.structs.fields(Profile)}
KEYS: dict[str, dict[str, msgspec.structs.FieldInfo]] = {
    section: {field.name: field for field in msgspec.structs.fields(struct)} for section, struct in SECTIONS.items()
}

# Settings of the fork's icm_config.json; one of its keys, log_interval, has no counterpart.
FORK = {
    "alpha": "search.alpha",
    "initial_t": "search.initial_t",
    "final_t": "search.final_t",
    "beta": "search.beta",
    "num_seed": "search.seeds",
    "semantic_anchor": "prompt.anchor",
    "max_iters": "search.max_iters",
    "n_shots": "search.shots",
    "batch_size": "search.batch_size",
    "dataset": "task.dataset",
    "model_id": "model.model",
    "provider_whitelist": "model.providers",
    "out_dir": "run.out",
}

# Flags of the original paper's code.
PAPER = {
    "seed": "run.seed",
    "alpha": "search.alpha",
    "testbed": "task.dataset",
    "model": "model.model",
    "batch_size": "search.batch_size",
    "num_seed": "search.seeds",
    "K": "search.max_iters",
    "consistency_fix_K": "consistency.fix_iters",
    "decay": "search.decay",
    "initial_T": "search.initial_t",
    "final_T": "search.final_t",
    "scheduler": "search.schedule",
}

_ELSEWHERE = {name.lower(): path for name, path in {**PAPER, **FORK}.items()} | {
    "api_key": "model.key_env",
    "apikey": "model.key_env",
}


def listed(words: Iterable[str], last: str = "or") -> str:
    """`words` as a sentence has them: "a", "a or b", "a, b or c"."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like `word`, or None if none is like it."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1)
    return near[0] if near else None


def suggestions(section: str | None, key: str) -> list[str]:
    """What `key`, unknown in `section` (None: outside any), may have meant: paths such as "search.shots", best first.

    A name that another program uses comes before a name that is only spelt alike.
    """
    found = [path for name, path in _ELSEWHERE.items() if name == key.lower()]
    if section is not None:
        near = nearest(key, KEYS[section])
        found += [f"{section}.{near}"] if near else []
    found += [f"{other}.{key}" for other, keys in KEYS.items() if key in keys]
    return list(dict.fromkeys(found))[:3]
