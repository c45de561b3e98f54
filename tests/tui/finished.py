"""Small finished runs of every kind, and views of them."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from icm_tui.profile.toml import load
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import AnyRecord
from icm_tui.runner.session import run_here
from icm_tui.tui.run.view import RunView
from tests.runner.made import make
from tests.runner.test_pins import PLAN, play

KINDS = {
    "shots": ["search.shots=4", "task.limit=16", "reasoning.every=5"],
    "all": ["task.limit=40", "search.chains=3"],
    "part": ["search.subset=8", "task.limit=16"],
    "calibrated": ["search.shots=3", "consistency.rule=none", "search.chains=3", "task.limit=12"],
    "three": ["search.shots=3", 'prompt.labels=["A","B","C"]', "consistency.rule=none", "task.limit=34"],
    "paper": ["search.method=paper", "search.max_iters=25", "task.limit=12"],
    "fork": ["search.method=fork", "search.max_iters=25", "task.limit=16"],
    "random": ["search.method=random_labels", "search.shots=4", "task.limit=16"],
}
Finished = Callable[[str], RunDir]


def finisher(folder: Path) -> Finished:
    """Makes a run of a kind when it is first asked for: pinned on the way, and torn and resumed in the middle."""

    @cache
    def of(kind: str) -> RunDir:
        run = make(folder / kind, *KINDS[kind])
        play(run, PLAN)
        whole = run.journal.read_bytes()
        run.journal.write_bytes(whole[: len(whole) * 3 // 5])
        assert run_here(run.path).state == "done"
        return run

    return of


def view_of(run: RunDir) -> RunView:
    """A view of a run that has read nothing of its journal yet."""
    return RunView(load(run.profile), read_items(run)[0])


def full_view(run: RunDir) -> RunView:
    """A view of a run that has read its whole journal."""
    view = view_of(run)
    view.apply(read_records(run.journal))
    return view


def records_of(run: RunDir) -> list[tuple[int, AnyRecord]]:
    """The records with their byte offsets."""
    return list(read_records(run.journal))


def cut(run: RunDir, path: Path, length: int) -> RunDir:
    """A copy of a run whose journal has `length` bytes."""
    shutil.copytree(run.path, path)
    copy = RunDir(path)
    copy.journal.write_bytes(run.journal.read_bytes()[:length])
    return copy
