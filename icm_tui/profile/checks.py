"""From a parsed document to a profile, telling everything that is wrong with it at once."""

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from icm_tui.profile.combinations import combinations
from icm_tui.profile.expected import choices, converts, expected, hidden, shown
from icm_tui.profile.names import KEYS, SECTIONS, listed, nearest, suggestions
from icm_tui.profile.problems import KeyPath, Problem
from icm_tui.profile.schema import Profile


def build(document: Mapping[str, Any]) -> tuple[Profile, list[Problem]]:
    """The profile that `document` (section → key → value) describes, and all that is wrong with it.

    With no problems the profile is as written. With some, a default stands in place of each wrong setting, and no
    problem is told that only follows from another.
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
    """Whether a problem was told already of this setting, of its section, or of a misspelling of either."""
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
    """Values that a type lets pass and no file, request or computation can use: dates, infinities, giant numbers."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _unusable(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _unusable(inner, path)
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield Problem(path, "the text holds bytes that are not UTF-8")
    elif isinstance(value, (datetime.date, datetime.time)):
        yield Problem(path, "a date or time cannot stand here; put it in quotes")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield Problem(path, "expected a whole number of at most 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"expected a finite number, not {value}")
