"""Run directories to try the commands on."""

import shutil
from pathlib import Path

import pytest

from icm_tui.cli import main


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 40 items; made once, so only to be read."""
    path = tmp_path_factory.mktemp("finished") / "run"
    assert main(["run", "demo", "--headless", "--out", str(path), "--set", "task.limit=40"]) == 0
    return path


@pytest.fixture
def listed(finished: Path, home: Path) -> Path:
    """The finished run's copy among the runs of an otherwise empty home, called demo-1."""
    path = home / "runs" / "demo-1"
    shutil.copytree(finished, path)
    return path
