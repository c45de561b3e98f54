"""Servers known by a word."""

import json

import pytest

from icm_tui.cli import main
from icm_tui.errors import UserError
from icm_tui.profile.checks import combinations
from icm_tui.profile.defaults import resolve, resolve_without_data
from icm_tui.profile.presets import BY_NAME, PRESETS, find_preset
from icm_tui.profile.schema import Model, Profile, TaskSection
from icm_tui.profile.store import find

_TASK = TaskSection(dataset="topics")
_SETS = ["model.backend=openai", "model.model=acme/tiny-1"]


def _profile(base_url: str, key_env: str | None = None) -> Profile:
    return Profile(task=_TASK, model=Model(backend="openai", base_url=base_url, model="m", key_env=key_env))


def _resolved(base_url: str, key_env: str | None = None) -> Model:
    return resolve(_profile(base_url, key_env), rule="none", items=100, grouped=False).model


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_preset_is_complete(preset: object) -> None:
    assert preset in PRESETS
    found = PRESETS[PRESETS.index(preset)]  # type: ignore[arg-type]
    assert find_preset(found.base_url) == found
    assert find_preset(found.name.upper()) == found
    assert found.says
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in found.says)
    assert not found.base_url.endswith("/")
    assert list(combinations(_profile(found.name), "none")) == []


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("http://localhost:11434/v1", "ollama"),
        ("http://[::1]:30000/v1/", "sglang"),
        ("https://openrouter.ai:443/api/v1", "openrouter"),
        ("https://openrouter.ai", "openrouter"),
        ("http://openrouter.ai/api/v1", None),
        ("https://openrouter.ai.example/api/v1", None),
        ("http://192.0.2.7:8000/v1", None),
        ("https://openrouter.ai:99999/", None),
        ("http://[/", None),
        ("mine", None),
        ("", None),
    ],
)
def test_preset_is_found_by_host_and_port(given: str, name: str | None) -> None:
    found = find_preset(given)
    assert (found.name if found else None) == name


def test_preset_gives_the_address_and_the_keys_variable() -> None:
    for name in ("openrouter", "OpenRouter"):
        model = _resolved(name)
        assert (model.base_url, model.key_env) == ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY")
    assert _resolved("openrouter", "MINE").key_env == "MINE"
    assert _resolved("vllm").base_url == "http://127.0.0.1:8000/v1"
    assert _resolved("vllm").key_env is None


def test_preset_leaves_address_as_it_was_written() -> None:
    model = _resolved("https://openrouter.ai/api/v1/")
    assert (model.base_url, model.key_env) == ("https://openrouter.ai/api/v1/", "OPENROUTER_API_KEY")
    other = _resolved("https://host.invalid/v1")
    assert (other.base_url, other.key_env) == ("https://host.invalid/v1", None)


def test_preset_resolved_twice_changes_nothing() -> None:
    once, _ = resolve_without_data(_profile("together"))
    assert resolve_without_data(once)[0] == once


def test_preset_address_is_in_the_profile_shown(capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for setting in [*_SETS, "model.base_url=ollama"] for word in ("--set", setting)]
    assert main(["profiles", "show", "demo", "--json", *words]) == 0
    shown = json.loads(capsys.readouterr().out)["settings"]["model"]
    assert shown["base_url"] == BY_NAME["ollama"].base_url


def test_preset_unknown_word_gets_names_and_the_nearest() -> None:
    with pytest.raises(UserError, match=r"one of the presets openrouter, .* or lmstudio; did you mean ollama\?$"):
        find("demo", [*_SETS, "model.base_url=olama"])
    with pytest.raises(UserError) as caught:
        find("demo", [*_SETS, "model.base_url=sk-hushhushhushhush"])
    assert "hush" not in str(caught.value)
