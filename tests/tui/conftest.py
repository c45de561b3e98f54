"""The runs that the screens are shown over, and what stands in for other processes and screens."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock
from icm_tui.runner.session import run_here
from icm_tui.tui import children
from icm_tui.tui.form import screen as form
from tests.runner.made import make
from tests.tui.finished import Finished, finisher
from tests.tui.form import screen_driver as form_screen
from tests.tui.home import screen_driver as runs_screen
from tests.tui.live import as_live


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run about which nothing was said; only to be read."""
    run = make(tmp_path_factory.mktemp("runs") / "small-run")
    run_here(run.path)
    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished run of one of the KINDS, made once; only to be read."""
    return finisher(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[RunDir]:
    """A run whose runner, for all that a viewer can see, is this process."""
    run = make(tmp_path / "live-run", "run.max_calls=60")
    run_here(run.path)
    with RunLock(run):
        as_live(run, "running")
        yield run


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> form_screen.Children:
    """What counts and starts for the form."""
    made = form_screen.Children()
    monkeypatch.setattr(children, "forecast", made.forecast)
    monkeypatch.setattr(children, "start", made.start)
    monkeypatch.setattr(form, "_REST_SECONDS", 0.001)
    return made


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of runs opens stubs in place of a run's screen and the form."""
    runs, forms = SimpleNamespace(RunScreen=runs_screen.RunStub), SimpleNamespace(FormScreen=runs_screen.FormStub)
    monkeypatch.setitem(sys.modules, "icm_tui.tui.run.screen", runs)
    monkeypatch.setitem(sys.modules, "icm_tui.tui.form.screen", forms)
    monkeypatch.setattr(runs_screen.FormStub, "opened", [])


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> runs_screen.Children:
    """What starts and resumes for the list of runs."""
    return runs_screen.Children(monkeypatch)
