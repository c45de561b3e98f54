"""Makes profiles of the settings of earlier programs: the fork's icm_config.json and the paper code's flags."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from icm_tui.errors import UserError
from icm_tui.profile.schema import Profile
from icm_tui.profile.settings import FORK, PAPER
from icm_tui.profile.toml import from_document, parse_sets
from icm_tui.tasks.registry import DATASETS
from icm_tui.text import listed, nearest

_NO_COUNTERPART = {"log_interval": "has no counterpart: every decision is in the run's journal"}

# What the fork does by default.
_FORK_FIXED = {
    "search.method": "fork",
    "model.backend": "openai",
    "model.base_url": "https://openrouter.ai/api/v1",
    "model.key_env": "OPENROUTER_API_KEY",
}

# What the paper's code does by default, if it differs from this program's defaults. The factor 2 is fixed in its
# logarithmic schedule, and it asks a person's own server for completions.
_PAPER_FIXED = {
    "search.method": "paper",
    "consistency.rule": "paper",
    "search.beta": 2.0,
    "model.backend": "openai",
    "model.endpoint": "completions",
}
_PAPER_DEFAULTS = {"testbed": "gsm8k", "alpha": "30", "model": "meta-llama/Llama-3.1-70B"}
_PAPER_SERVER = "http://localhost:8000/v1"


def import_fork(text: str, source: str = "icm_config.json") -> tuple[Profile, list[str]]:
    """The profile of a config file of the fork, and a note on what became of every key.

    Raises UserError for text that is not a JSON object, ProfileError for values that no setting accepts.
    """
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{source}:{error.lineno}: not valid JSON at column {error.colno}: {error.msg}.") from error
    except ValueError as error:
        raise UserError(f"{source}: a number in it has too many digits.") from error
    except RecursionError as error:
        raise UserError(f"{source}: tables or lists are nested too deeply.") from error
    if not isinstance(config, dict):
        raise UserError(f"{source}: expected one JSON object with the keys of the fork's config.")
    missing = [key for key in ("dataset", "model_id") if config.get(key) is None]
    if missing:
        raise UserError(f"{source}: {listed(missing, 'and')} must be given, because this program does not guess them.")
    importing = _Importing()
    for key, value in config.items():
        if value is None:
            importing.notes.append(f"{key} = null → not set")
        elif key in FORK:
            importing.take(f"{key} = {_written(value)}", FORK[key], value)
        elif key in _NO_COUNTERPART:
            importing.notes.append(f"{key} = {_written(value)} {_NO_COUNTERPART[key]}")
        else:
            importing.notes.append(f"{key} is not known and left out{_hint(key, FORK)}")
    for path, value in _FORK_FIXED.items():
        importing.put(path, value)
    importing.notes.append(
        "the fork's own ways → search.method = fork, model.backend = openai at OpenRouter, "
        "its key in the variable OPENROUTER_API_KEY"
    )
    return from_document(importing.document, source), importing.notes


def import_paper(argv: Sequence[str], source: str = "flags") -> tuple[Profile, list[str]]:
    """The profile of a command line of the paper's code, and a note on what became of every flag.

    Words before the first flag ("python ICM.py") are ignored. Flags are "--alpha 50" or "--alpha=50". Raises UserError
    for an unknown flag or one without a value, ProfileError for values that no setting accepts.
    """
    given = _flags(argv, source)
    importing = _Importing()
    for flag, written in given.items():
        importing.take(f"--{flag} {written}", PAPER[flag], _value(PAPER[flag], written))
    for flag, written in _PAPER_DEFAULTS.items():
        if flag not in given:
            what = f"--{flag} not given, so the code's own {written}"
            importing.take(what, PAPER[flag], _value(PAPER[flag], written))
    for path, value in _PAPER_FIXED.items():
        importing.put(path, value)
    importing.put("model.base_url", _PAPER_SERVER)
    importing.notes += [
        "the code's own ways → search.method = paper, consistency.rule = paper, search.beta = 2.0, "
        "model.endpoint = completions",
        f"LLAMA_API_BASE of its SECRETS file is not read → model.base_url = {_PAPER_SERVER}; put your server's there",
    ]
    return from_document(importing.document, source), importing.notes


class _Importing:
    """The document of a profile that is being put together, and the notes on it."""

    def __init__(self) -> None:
        self.document: dict[str, dict[str, Any]] = {}
        self.notes: list[str] = []

    def put(self, path: str, value: Any) -> None:
        section, key = path.split(".")
        self.document.setdefault(section, {})[key] = value

    def take(self, what: str, path: str, value: Any) -> None:
        """Set a value that the other program was given, and note what it became."""
        renamed = path == "task.dataset" and isinstance(value, str) and value not in DATASETS
        known = _known_dataset(value) if renamed else None
        self.put(path, known or value)
        self.notes.append(f"{what} → {path}" + (f" = {known}" if known else ""))
        if renamed and known is None:
            self.notes.append(f"this version cannot load the dataset {value} yet; it is kept by its name")


def _known_dataset(name: str) -> str | None:
    """Our name of a dataset that others spell differently: truthfulQA, truthful_qa."""
    plain = name.lower().replace("_", "").replace("-", "")
    return plain if plain in DATASETS else None


def _flags(argv: Sequence[str], source: str) -> dict[str, str]:
    words = list(argv)
    while words and not words[0].startswith("--"):
        del words[0]
    if not words:
        raise UserError(f"{source}: expected the flags of the paper's code, such as --testbed truthfulQA --alpha 50.")
    given = {}
    while words:
        word = words.pop(0)
        flag, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or flag not in PAPER:
            hint = _hint(f"--{flag}", [f"--{name}" for name in PAPER]) or f"; it knows --{', --'.join(PAPER)}"
            raise UserError(f"{source}: {word} is not a flag of the paper's code{hint}")
        if not equals:
            if not words or words[0].startswith("--"):
                raise UserError(f"{source}: --{flag} needs a value after it.")
            value = words.pop(0)
        given[flag] = value
    return given


def _value(path: str, written: str) -> Any:
    ((_, value),), _ = parse_sets([f"{path}={written}"])
    return value


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _hint(word: str, known: Sequence[str] | Mapping[str, str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""
