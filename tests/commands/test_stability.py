"""Runs of one profile under several seeds: made, found again, compared."""

import json
from pathlib import Path

import pytest

from icm_tui.cli import main
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.run_dir.listing import siblings_of

_SMALL = ["--set", "task.limit=40", "--set", "search.chains=2", "--set", "search.sweeps=1"]


@pytest.fixture(scope="module")
def siblings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three runs under the seeds 42, 43 and 44; to be read only."""
    folder = tmp_path_factory.mktemp("siblings")
    words = ["run", "demo", *_SMALL, "--headless", "--siblings", "3", "--out", str(folder)]
    assert main(words) == 0
    return folder


def test_siblings_share_items_and_differ_in_seed(siblings: Path) -> None:
    runs = siblings_of(RunDir(siblings / "seed-43"))
    assert [run.name for run in runs] == ["seed-42", "seed-43", "seed-44"]
    assert len({read_items(run)[1] for run in runs}) == 1
    journals = {run.journal.read_bytes() for run in runs}
    assert len(journals) == 3


def test_siblings_exclude_other_profiles(siblings: Path) -> None:
    other = siblings / "other"
    words = ["run", "demo", *_SMALL, "--headless", "--set", "search.final_t=0.04", "--out", str(other)]
    assert main(words) == 0
    (siblings / "broken").mkdir()
    (siblings / "broken" / "profile.toml").write_text("not [ toml")
    (siblings / "broken" / "items.jsonl").write_text("")
    assert [run.name for run in siblings_of(RunDir(siblings / "seed-42"))] == ["seed-42", "seed-43", "seed-44"]
    assert siblings_of(RunDir(other)) == [RunDir(other)]


def test_stability_of_one_run_takes_its_siblings(siblings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stability", str(siblings / "seed-42"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["seeds"] == [42, 43, 44]
    assert len(report["pairs"]) == 3
    assert -1 <= report["adjusted_rand"] <= 1
    assert 0.5 <= report["matched"] <= 1
    assert len(report["items"]) == report["n"] == 40


def test_stability_table_is_not_accuracy(siblings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stability", str(siblings / "seed-42"), str(siblings / "seed-44"), "--items", "1"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["seeds", "both", "labelled", "adjusted", "Rand", "matched"]
    assert out.splitlines()[1].startswith("42 and 44")
    assert "it does not say that any of them is right" in out
    assert "accuracy" not in out


def test_stability_says_how_to_make_siblings(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stability", str(finished)]) == 2
    assert "`icm-tui run PROFILE --siblings 5` makes them" in capsys.readouterr().err


def test_stability_refuses_runs_of_other_items(
    finished: Path, siblings: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "topics"
    assert main(["run", "topics", "--headless", "--set", "task.limit=40", "--out", str(other)]) == 0
    capsys.readouterr()
    assert main(["stability", str(siblings / "seed-42"), str(other)]) == 2
    assert "label different items" in capsys.readouterr().err


def test_siblings_detached_all_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "demo", *_SMALL, "--detach", "--siblings", "2"]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name.rsplit("-", 2)[0] for path in paths] == ["demo-seed-42", "demo-seed-43"]
    for path in paths:
        assert main(["attach", str(path)]) == 0
    assert [run.path for run in siblings_of(RunDir(paths[0]))] == paths


@pytest.mark.parametrize("many", ["0", "-2"])
def test_siblings_refuses_fewer_than_one(many: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "demo", "--siblings", many]) == 2
    assert "give 2 or more" in capsys.readouterr().err
