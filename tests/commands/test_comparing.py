"""`baselines` and `held-out`: the tables, what must be asked for by name, money, and a process killed in the middle."""

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from icm_tui import files
from icm_tui.cli import main
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.comparing import read_answers
from tests.servers.behaviour import Behaviour
from tests.servers.model import ModelServer

_ROOT = Path(__file__).parents[2]

_KILLED = """
import os, signal, sys
from pathlib import Path
from icm_tui.cli import main
file, length, write = Path(sys.argv[1], "comparisons.jsonl"), int(sys.argv[2]), os.write
def cut_short(descriptor, data):
    if file.exists() and os.path.samestat(os.fstat(descriptor), file.stat()):
        room = length - os.fstat(descriptor).st_size
        if len(data) >= room:
            write(descriptor, data[:max(0, room)])
            os.kill(os.getpid(), signal.SIGKILL)
    return write(descriptor, data)
os.write = cut_short
main(["baselines", sys.argv[1]])
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of 60 items, 20 of them held out."""
    path = tmp_path / "run"
    words = ["run", "demo", "--headless", "--out", str(path), "--set", "task.limit=60"]
    assert main([*words, "--set", "task.held_out=0.33"]) == 0
    return path


def _report(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_baselines_need_no_gold_by_default(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _report(capsys, "baselines", str(run))["rows"]
    assert [row["method"] for row in rows] == ["found", "zero_shot", "random_labels"]
    assert [row["calls"] for row in rows] == [0, 40, 40]
    assert [row["n"] for row in rows] == [40, 40, 40]


def test_baselines_with_gold_add_methods(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["method"]: row for row in _report(capsys, "baselines", str(run), "--gold", "--shots", "8")["rows"]}
    assert rows["majority"]["accuracy"] == 0.5
    assert rows["majority_answer"]["accuracy"] is None
    assert rows["ceiling"]["accuracy"] > 0.6
    assert rows["gold_few_shot"]["calls"] == 40
    measured = _report(capsys, "measure", str(run))["columns"]["progressive"]
    assert rows["found"]["accuracy"] == measured["accuracy"]
    assert rows["found"]["ci95"] == measured["ci95"]
    (alone,) = _report(capsys, "baselines", str(run), "--methods", "majority")["rows"]
    assert alone == rows["majority"]


def test_held_out_shows_curve_of_each_condition(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _report(capsys, "held-out", str(run), "--shots", "0,4,16,64", "--draws", "2")["rows"]
    points = [(row["design"], row["shots"]) for row in rows]
    named = ("found", "gold", "random", "scrambled")
    assert points == [("zero_shot", 0), *((name, shots) for name in named for shots in (4, 16))]
    assert {row["n"] for row in rows} == {20}
    assert main(["held-out", str(run), "--designs", "gold", "--shots", "4"]) == 0
    assert "gold" in capsys.readouterr().out


def test_baselines_repeated_ask_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = _report(capsys, "baselines", str(run))
    kept = RunDir(run).comparisons.read_bytes()
    assert _report(capsys, "baselines", str(run)) == first
    assert RunDir(run).comparisons.read_bytes() == kept


def test_baselines_print_table_on_full_disk(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _report(capsys, "baselines", str(run))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "write", full)
    assert main(["baselines", str(run), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == expected
    assert "The screens will not show this table." in said.err
    assert "free some space" in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["baselines", "--methods", "zero"], "--methods: zero is unknown; the methods are found, zero_shot"),
        (["baselines", "--shots", "0"], "--shots 0 shows nothing"),
        (["baselines", "--column", "progresive"], "--column progresive is no gold column of run."),
        (["held-out", "--designs", "good"], "--designs: good is unknown"),
        (["held-out", "--shots", "4,x"], "--shots 4,x is not a list of numbers"),
        (["held-out", "--draws", "0"], "--draws 0 draws no context"),
        (["baselines", "--set", "search.shots=3"], "search.shots cannot be changed"),
    ],
)
def test_comparing_names_mistake_in_one_sentence(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main([words[0], str(run), *words[1:]]) == 2
    assert sentence in capsys.readouterr().err
    assert not RunDir(run).comparisons.exists()


def test_held_out_says_how_to_hold_items_out(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["held-out", str(finished)]) == 2
    assert "Start a run with --set task.held_out=0.2" in capsys.readouterr().err


def test_baselines_of_blind_run_need_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "blind"
    words = ["run", "demo", "--headless", "--out", str(path), "--set", "task.limit=20", "--set", "run.blind=true"]
    assert main(words) == 0
    assert main(["baselines", str(path)]) == 2
    assert "--look" in capsys.readouterr().err
    assert not RunDir(path).looked.exists()
    assert main(["baselines", str(path), "--look"]) == 0
    assert RunDir(path).looked.exists()


def test_baselines_killed_midway_continue(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [sys.executable, "-c", _KILLED, str(run), "6000"]
    assert subprocess.run(words, cwd=_ROOT, check=False, capture_output=True).returncode == -9
    kept = set(read_answers(RunDir(run)))
    assert 0 < len(kept) < 80
    assert [row["calls"] for row in _report(capsys, "baselines", str(run))["rows"]] == [0, 40, 40]
    lines = [json.loads(line) for line in RunDir(run).comparisons.read_bytes().splitlines()]
    times = Counter(line["question"] for line in lines)
    assert kept < set(times)
    assert set(times.values()) == {1}


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A profile of 24 items in pairs for a server that is not named yet."""
    rows = [
        {"text": f"[{'+-'[n % 2]}] a sentence about thing {n // 2}", "pair": n // 2, "gold": n % 2} for n in range(24)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    profile = tmp_path / "served.toml"
    profile.write_text(
        f'[task]\ndataset = "file"\npath = "{tmp_path}/pairs.jsonl"\ntext = "text"\ngroup = "pair"\ngold = ["gold"]\n'
        '[model]\nbackend = "openai"\nmodel = "tiny"\n[search]\nmethod = "zero_shot"\n'
        '[consistency]\nrule = "opposite"\n'
    )
    return profile


def test_baselines_ask_before_money_is_spent(
    served: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICM_TUI_CACHE", "off")
    path = tmp_path / "run"
    with ModelServer(Behaviour(cost=0.01)) as server:
        words = ["run", str(served), "--headless", "--yes", "--out", str(path)]
        assert main([*words, "--set", f"model.base_url={server.base_url}"]) == 0
        journal = RunDir(path).journal.read_bytes()
        before = len(server.requests)
        assert main(["baselines", str(path)]) == 2
        assert "there is no terminal to ask on" in capsys.readouterr().err
        assert len(server.requests) == before

        assert main(["baselines", str(path), "--set", "run.budget_usd=0.3"]) == 1
        assert "questions are still open: run.budget_usd = 0.3 would be passed" in capsys.readouterr().err
        paid = len(server.requests) - before
        assert paid == 30
        rows = {row["method"]: row for row in _report(capsys, "baselines", str(path), "--yes", "--gold")["rows"]}
        assert len(server.requests) - before == 72
    assert rows["gold_few_shot"]["cost_usd"] == pytest.approx(0.24)
    assert rows["gold_few_shot"]["tokens"] > rows["zero_shot"]["tokens"] > 0
    assert RunDir(path).journal.read_bytes() == journal
