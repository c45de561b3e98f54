"""What is wrong with a profile: settings by themselves, and in combination."""

import datetime
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from icm_tui.domain.rules import RULES
from icm_tui.profile.credentials import is_secret_value, secret_paths, url_fault
from icm_tui.profile.presets import BY_NAME
from icm_tui.profile.problems import KeyPath, Problem
from icm_tui.profile.schema import Profile
from icm_tui.profile.settings import KEYS, SECTIONS, choices, converts, expected, hidden, shown, suggestions
from icm_tui.text import listed, nearest


def build(document: Mapping[str, Any]) -> tuple[Profile, list[Problem]]:
    """The profile that `document` (section → key → value) describes, and everything that is wrong with it.

    If there are problems, the profile has defaults in place of the wrong settings, and a problem that only follows from
    another is left out.
    """
    problems = [_unknown_section(name, value) for name, value in document.items() if name not in SECTIONS]
    sections: dict[str, Any] = {}
    for name, struct in SECTIONS.items():
        given = document.get(name, {})
        if not isinstance(given, dict):
            problems.append(Problem((name,), f"expected a section [{name}] of keys, not {shown(given)}"))
            given = {}
        values = {}
        for key, value in given.items():
            found = list(_wrong(name, key, value))
            problems += found
            if not found:
                values[key] = msgspec.convert(value, KEYS[name][key].type)
        if name == "task" and "dataset" not in values:
            path = ("task", "dataset")
            if not _is_blamed(path, problems):
                problems.append(Problem(path, 'needed; name the dataset, such as dataset = "truthfulqa", or "file"'))
            values["dataset"] = ""
        sections[name] = struct(**values)
    profile = Profile(**sections)
    single = list(problems)
    for problem in combinations(profile, profile.consistency.rule):
        if not any(_is_blamed(path, single) for path in (problem.path, *problem.about)):
            problems.append(problem)
    return profile, problems


def _is_blamed(path: KeyPath, problems: Iterable[Problem]) -> bool:
    """Whether there is a problem already with this setting, its section, or a misspelling of either."""
    blamed = {known[:2] for problem in problems for known in (problem.path, *problem.about)}
    return path[:1] in blamed or path[:2] in blamed


def _unknown_section(name: str, value: object) -> Problem:
    """`about` of the problem is what was meant, as far as it can be guessed."""
    if isinstance(value, dict):
        near = nearest(name, SECTIONS)
        advice = f"did you mean [{near}]?" if near else f"the sections are {listed(SECTIONS, 'and')}"
        return Problem((name,), f"unknown section; {advice}", ((near,),) if near else ())
    meant = suggestions(None, name)
    advice = f"did you mean {listed(meant)}?" if meant else f"the sections are {listed(SECTIONS, 'and')}"
    return Problem((name,), f"unknown key outside any section; {advice}", _paths(meant))


def _unknown_key(section: str, key: str) -> Problem:
    """`about` of the problem is what was meant, as far as it can be guessed."""
    meant = suggestions(section, key)
    if meant:
        advice = f"did you mean {listed([each.removeprefix(f'{section}.') for each in meant])}?"
    else:
        advice = f"the keys of [{section}] are {listed(KEYS[section], 'and')}"
    return Problem((section, key), f"unknown key; {advice}", _paths(meant))


def _paths(dotted: Iterable[str]) -> tuple[KeyPath, ...]:
    return tuple(tuple(each.split(".")) for each in dotted)


def _wrong(section: str, key: str, value: object) -> Iterator[Problem]:
    """What is wrong with one setting by itself."""
    path = (section, key)
    if key not in KEYS[section]:
        yield _unknown_key(section, key)
        return
    type_ = KEYS[section][key].type
    if converts(value, type_):
        yield from _unusable(value, path)
        return
    found = "" if hidden(type_) else f", not {shown(value)}"
    near = nearest(value, choices(type_)) if isinstance(value, str) else None
    advice = f'; did you mean "{near}"?' if near else ""
    yield Problem(path, f"expected {expected(type_)}{found}{advice}")


def _unusable(value: object, path: KeyPath) -> Iterator[Problem]:
    """Values that the type accepts but no file, request or computation can use: dates, infinities, giant numbers."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _unusable(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _unusable(inner, path)
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield Problem(path, "the text holds bytes that are not UTF-8")
    elif isinstance(value, (datetime.date, datetime.time)):
        yield Problem(path, "expected no date or time; put it in quotes")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield Problem(path, "expected a whole number of at most 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"expected a finite number, not {value}")


SCHEDULES = {"icm": ("geometric",), "paper": ("log", "exp"), "fork": ("log",)}
# They anneal nothing, and take any number of labels.
BASELINES = ("zero_shot", "random_labels")

_COLUMN = re.compile(r"\{([^{}]+)\}")


def combinations(profile: Profile, rule: str | None) -> Iterator[Problem]:
    """Everything that is wrong with `profile` only in combination. `rule` is the consistency rule in force, None if it
    is the dataset's and the data was not read yet."""
    yield from _method(profile, rule)
    yield from _labels(profile, rule)
    yield from _task(profile)
    yield from _model(profile)
    yield from _credentials(profile)


def _method(profile: Profile, rule: str | None) -> Iterator[Problem]:
    search = profile.search
    method = ("search", "method")
    if rule is not None and RULES[rule].penalty and search.method in ("icm", *BASELINES):
        yield Problem(
            ("consistency", "rule"),
            f'rule "{rule}" is a penalty that method "{search.method}" does not know; take '
            f'{_quoted(name for name, other in RULES.items() if not other.penalty)}, or method "paper"',
            (method,),
        )
    if search.shots == "all" and search.method == "fork":
        yield Problem(
            ("search", "shots"),
            'method "fork" shows the first shots labelled items, so shots must be a number; take 6, as it does',
            (method,),
        )
    elif search.shots in (0, "all") and search.method == "random_labels":
        yield Problem(
            ("search", "shots"),
            'method "random_labels" shows lists of shots examples, so shots must be a number above 0; take 16',
            (method,),
        )
    elif search.shots not in (None, "all") and search.method == "paper":
        yield Problem(
            ("search", "shots"),
            'method "paper" shows every labelled item; leave shots out, or set it to "all"',
            (method,),
        )
    schedules = SCHEDULES.get(search.method)
    if schedules is not None and search.schedule is not None and search.schedule not in schedules:
        possible = listed([f'"{name}"' for name in schedules])
        yield Problem(
            ("search", "schedule"),
            f'method "{search.method}" cools by schedule {possible}, not "{search.schedule}"',
            (method,),
        )
    if search.initial_t is not None and search.final_t is not None and search.final_t > search.initial_t:
        yield Problem(
            ("search", "final_t"),
            f"the search must cool, but final_t = {search.final_t:g} is above initial_t = {search.initial_t:g}",
            (("search", "initial_t"),),
        )


def _labels(profile: Profile, rule: str | None) -> Iterator[Problem]:
    labels = profile.prompt.labels
    path = ("prompt", "labels")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        yield Problem(path, f'labels must differ, but "{twice[0]}" occurs {labels.count(twice[0])} times')
    if len(labels) <= 2:
        return
    if rule is not None and RULES[rule].two_labels:
        yield Problem(
            ("consistency", "rule"),
            f'rule "{rule}" is for 2 labels, but prompt.labels has {len(labels)}; take '
            f"{_quoted(name for name, other in RULES.items() if not (other.two_labels or other.penalty))}, or 2 labels",
            (path,),
        )
    if profile.search.method not in ("icm", *BASELINES):
        yield Problem(
            ("search", "method"),
            f'method "{profile.search.method}" is for 2 labels, but prompt.labels has {len(labels)}; '
            'take method "icm", or 2 labels',
            (path,),
        )


def _task(profile: Profile) -> Iterator[Problem]:
    task = profile.task
    if task.dataset == "file":
        dataset = (("task", "dataset"),)
        if task.path is None:
            yield Problem(
                ("task", "path"), 'dataset "file" needs the file to read, such as path = "items.jsonl"', dataset
            )
        if task.text is None:
            yield Problem(
                ("task", "text"), 'dataset "file" needs the column that holds the text, such as text = "text"', dataset
            )
    if task.key is not None and task.group is None:
        yield Problem(("task", "key"), "a key tells the answers inside a group apart; name the group column as well")
    twice = sorted({column for column in task.gold if task.gold.count(column) > 1})
    if twice:
        yield Problem(("task", "gold"), f'column "{twice[0]}" is named twice')
    gold = (("task", "gold"),)
    for key, column in (("group", task.group), ("key", task.key)):
        if column is not None and column in task.gold:
            yield Problem(
                ("task", key), f'column "{column}" is also named in gold, and the search must not see gold labels', gold
            )
    text = task.text or ""
    shown = _COLUMN.findall(text.replace("{{", "").replace("}}", ""))
    for column in task.gold:
        if column == text or column in shown:
            yield Problem(
                ("task", "text"),
                f'column "{column}" is also named in gold, and the model must not see gold labels',
                gold,
            )


def _model(profile: Profile) -> Iterator[Problem]:
    model = profile.model
    backend = (("model", "backend"),)
    if model.backend == "openai":
        if model.base_url is None:
            yield Problem(
                ("model", "base_url"),
                'backend "openai" needs the address of the server, such as base_url = "https://openrouter.ai/api/v1", '
                'or a preset\'s name, such as base_url = "openrouter"',
                backend,
            )
        if model.model is None:
            yield Problem(("model", "model"), 'backend "openai" needs the name of the model', backend)
    if model.backend == "gguf" and model.path is None:
        yield Problem(("model", "path"), 'backend "gguf" needs the model file, such as path = "model.gguf"', backend)


def _credentials(profile: Profile) -> Iterator[Problem]:
    """No sentence repeats the credential that it is about: sentences are shown, logged and pasted into reports."""
    model = profile.model
    instead = "keep it in an environment variable and name that one in model.key_env"
    if model.base_url is not None and model.base_url.strip().lower() not in BY_NAME:
        try:
            parts = urlsplit(model.base_url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            fault = url_fault(model.base_url)
        except ValueError:
            is_address, fault = False, None
        if fault:
            yield Problem(("model", "base_url"), f"the address carries {fault}; {instead}")
        elif not is_address:
            near = nearest(model.base_url, BY_NAME)
            yield Problem(
                ("model", "base_url"),
                "expected an address that begins with http:// or https:// and names a host, "
                f"or one of the presets {listed(BY_NAME)}{f'; did you mean {near}?' if near else ''}",
            )
    if model.key_env is not None and is_secret_value(model.key_env):
        yield Problem(("model", "key_env"), "this looks like the key itself; give the name of an environment variable")
    for path in secret_paths(model.extra):
        yield Problem(("model", "extra", *path), f"this carries a credential; {instead}")


def _quoted(names: Iterable[str]) -> str:
    return listed([f'"{name}"' for name in names])
