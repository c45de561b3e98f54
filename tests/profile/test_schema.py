"""The schema carries what a form needs."""

from typing import Any

import msgspec
import pytest

from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.profile.settings import KEYS, SECTIONS

_FIELDS = [(section, key) for section, keys in KEYS.items() for key in keys]


def _schema(section: str) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([SECTIONS[section]])
    properties = components[SECTIONS[section].__name__]["properties"]
    assert isinstance(properties, dict)
    return properties


@pytest.mark.parametrize(("section", "key"), _FIELDS)
def test_schema_describes_every_setting_in_one_line(section: str, key: str) -> None:
    description = _schema(section)[key]["description"]
    assert description.endswith(".")
    assert "\n" not in description
    assert 15 <= len(description) <= 110


def test_schema_bounds_reach_the_form() -> None:
    assert _schema("model")["concurrency"]["minimum"] == 1
    assert _schema("model")["concurrency"]["maximum"] == 1024
    assert {"exclusiveMinimum": 0, "maximum": 1, "type": "number"} in _schema("search")["confident"]["anyOf"]


def test_schema_accepts_every_default() -> None:
    profile = Profile(task=TaskSection(dataset="topics"))
    assert msgspec.convert(msgspec.to_builtins(profile), Profile) == profile


def test_schema_sections_do_not_share_a_list() -> None:
    first, second = Profile(task=TaskSection(dataset="a")), Profile(task=TaskSection(dataset="b"))
    first.task.gold.append("x")
    assert second.task.gold == []
