"""Small runs that several test modules of this folder need; each says in SETS or METHODS what they are to be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.session import run_here
from tests.runner.made import make


@pytest.fixture(scope="module")
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """What every `run` of the module would be without commands or faults; only to be read."""
    run = make(tmp_path_factory.mktemp("undisturbed") / "run", *request.module.SETS)
    run_here(run.path)
    return run


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path) -> RunDir:
    """A run with the module's SETS, ready to start."""
    return make(tmp_path / "run", *request.module.SETS)


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunDir]:
    """A finished run of one of the module's METHODS, made once; only to be read."""
    folder, made = tmp_path_factory.mktemp("whole"), {}

    def of(method: str) -> RunDir:
        if method not in made:
            made[method] = make(folder / method, *request.module.METHODS[method])
            run_here(made[method].path)
        return made[method]

    return of
