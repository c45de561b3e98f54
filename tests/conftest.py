"""What all tests share: a home of their own, no network for data sets, and no clock in property tests."""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# Read when their packages are imported, so set before any test does.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

# How long an example takes says more about the machine than about the code. At the desk a counterexample is shown as
# it was found, since shrinking one of a whole run takes minutes; CI shrinks, and HYPOTHESIS_PROFILE=full does so here.
settings.register_profile("full", deadline=None)
settings.register_profile("quick", deadline=None, phases=[phase for phase in Phase if phase != Phase.shrink])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full" if os.environ.get("CI") else "quick"))


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no test reads or writes the profiles and runs of the person who starts it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("ICM_TUI_HOME", str(folder))
    return folder
