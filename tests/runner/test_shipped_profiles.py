"""Every profile that ships is made ready on the real data, for the embedded model and, by one change, for another."""

from pathlib import Path

import pytest

from icm_tui.profile import store
from icm_tui.runner.preflight import first_prompts, forecast
from icm_tui.runner.prepare import prepare
from icm_tui.tasks.registry import find_dataset
from tests.tasks.conftest import shared_datasets as shared_datasets

_NAMES = [entry.name for entry in store.list_profiles()]


@pytest.mark.parametrize("name", _NAMES)
def test_shipped_profiles_are_ready_for_either_model(shared_datasets: Path, name: str) -> None:
    plain, _ = store.find(name)
    dataset = plain.task.dataset
    folders = [] if find_dataset(dataset).card.ships else list(shared_datasets.glob(f"{dataset}*"))
    if not (folders or find_dataset(dataset).card.ships):
        pytest.skip(f"{shared_datasets} has no files of {dataset}")
    sets = [f'task.path="{folder}"' for folder in folders]
    if dataset == "machiavelli":
        sets.append('task.split="scenes"')  # the local file has scenes without gold; the Hub has the rest
    by_word = {"embedded": ['model.backend="embedded"'], "openai": ['model.backend="openai"']}
    for backend, change in by_word.items():
        if plain.model.model is None and backend == "openai":
            continue
        profile, _ = store.find(name, [*sets, *change])
        prepared = prepare(profile)
        assert prepared.profile.model.backend == backend
        assert prepared.task.items
        assert bool(prepared.task.gold.columns) == (dataset != "machiavelli")
        assert forecast(prepared.profile, prepared.task.items, price=None, latency_s=None).calls > 0
        assert first_prompts(prepared.profile, prepared.task.items)


def test_shipped_profile_of_the_fork_has_its_own_rule(shared_datasets: Path) -> None:
    profile, _ = store.find("daily-dilemmas-fork", [f'task.path="{shared_datasets / "daily_dilemmas"}"'])
    prepared = prepare(profile)
    assert (prepared.task.rule, len(prepared.task.items)) == ("opposite", 2720)
    assert prepared.profile.model.key_env == "OPENROUTER_API_KEY"
