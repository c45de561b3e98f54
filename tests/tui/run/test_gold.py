from pathlib import Path

import pytest

from icm_tui.errors import UserError
from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.runner.session import run_here
from icm_tui.tui.run.accuracy import GoldWatch
from tests.runner.made import make


def watch_of(run: RunDir, clock: list[float]) -> GoldWatch:
    return GoldWatch(run, load(run.profile), clock=lambda: clock[0])


def labels_of(run: RunDir) -> list[int | None]:
    return [final.label for final in final_labels(run.path)]


def test_it_reports_what_measuring_the_same_labels_says(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    run_here(run.path)
    gold = watch_of(run, [0.0])
    assert gold.due(7)
    gold.measure(read_items(run)[0], labels_of(run), 7)
    assert gold.report is not None
    assert gold.report.columns["progressive"].n == 40
    assert not gold.hidden


def test_it_is_not_due_for_labels_it_measured_nor_too_soon_after(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    clock = [0.0]
    gold = watch_of(run, clock)
    gold.measure(read_items(run)[0], [None] * 40, 7)
    assert not gold.due(8)
    clock[0] = 1000.0
    assert gold.due(8)
    assert not gold.due(7)


def test_gold_of_a_blind_run_is_hidden_until_asked_for(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "run.blind=true")
    gold = watch_of(run, [0.0])
    assert "blind" in gold.hidden
    assert not gold.due(1)
    assert not run.looked.exists()
    with pytest.raises(UserError, match="read-only"):
        gold.toggle(read_only=True)
    assert not run.looked.exists()
    gold.toggle(read_only=False)
    assert run.looked.exists()
    assert not gold.hidden
    assert gold.due(1)
    # Another viewer need not ask: the run was looked at.
    assert not watch_of(run, [0.0]).hidden


def test_hiding_gold_in_a_run_that_is_not_blind_leaves_no_mark(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    gold = watch_of(run, [0.0])
    gold.toggle(read_only=False)
    assert gold.hidden
    gold.toggle(read_only=False)
    assert not gold.hidden
    assert not run.looked.exists()


def test_a_mark_that_cannot_be_made_leaves_gold_hidden(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "run.blind=true")
    gold = GoldWatch(RunDir(tmp_path / "gone"), load(run.profile))
    with pytest.raises(UserError, match="cannot be written"):
        gold.toggle(read_only=False)
    assert gold.hidden


def test_damaged_gold_is_told_in_place_of_a_report(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    run.gold.write_text("nonsense\n")
    gold = watch_of(run, [0.0])
    gold.measure(read_items(run)[0], [None] * 40, 3)
    assert gold.report is None
    assert "gold.jsonl" in gold.hidden
