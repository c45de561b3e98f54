"""`measure`, `diagnose` and `export` of a finished run."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from icm_tui.cli import main


def test_measure_json(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(finished), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["run"], report["directory"]) == (finished.name, str(finished))
    assert report["n"] == 40
    assert set(report["baselines"]) >= {"majority", "random"}
    (column,) = report["columns"].values()
    assert column["n"] == 40
    assert column["coverage"] == 1.0
    assert column["ci95"][0] <= column["accuracy"] <= column["ci95"][1]
    assert set(column) >= {"balanced_accuracy", "mcc", "majority", "flipped", "naming", "as_fork"}


def test_measure_table(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(finished)]) == 0
    heading, row, *_ = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "column"
    assert row.split()[1] == "40"


def test_measure_counts_unconstrained_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.jsonl"
    rows = [{"q": n // 2, "a": f"answer number {n}", "good": n % 2} for n in range(15)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    profile = tmp_path / "p.toml"
    profile.write_text(
        f'[task]\ndataset = "file"\npath = "{data}"\ntext = "a"\ngroup = "q"\nkey = "a"\ngold = ["good"]\n'
        '[consistency]\nrule = "opposite"\n'
    )
    run = str(tmp_path / "run")
    assert main(["run", str(profile), "--headless", "--out", run]) == 0
    capsys.readouterr()
    assert main(["measure", run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unconstrained_groups"] == 1
    assert main(["measure", run]) == 0
    assert "that the rule leaves unconstrained: 1." in capsys.readouterr().out


def test_export_json_lines(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "labels.jsonl"
    assert main(["export", str(finished), "--format", "jsonl", "-o", str(out)]) == 0
    assert capsys.readouterr() == ("", f"40 items, 40 of them labelled, written to {out}.\n")
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len({row["uid"] for row in rows}) == 40
    for row in rows:
        assert set(row) == {"uid", "text", "group", "label", "logprobs", "p", "decided_at", "pinned"}
        assert row["label"] in ("A", "B")
        assert 0 < row["p"] <= 1
        assert row["decided_at"] >= 0


def test_export_to_standard_output(finished: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["export", str(finished), "--format", "csv", "-o", "-"]) == 0
    shown = capsysbinary.readouterr()
    rows = list(csv.DictReader(shown.out.decode().splitlines()))
    assert len(rows) == 40
    assert not any(name.startswith("gold") for name in rows[0])
    assert shown.err == b"40 items, 40 of them labelled, written to standard output.\n"


def test_export_gold_is_what_was_measured(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "labels.jsonl"
    assert main(["export", str(finished), "--format", "jsonl", "-o", str(out), "--with-gold"]) == 0
    assert main(["measure", str(finished), "--json"]) == 0
    ((name, column),) = json.loads(capsys.readouterr().out)["columns"].items()
    named = dict(zip(("A", "B"), column["naming"], strict=True))
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    agreeing = sum(named[row["label"]] == row["gold"][name] for row in rows)
    assert agreeing / len(rows) == pytest.approx(column["accuracy"])


@pytest.mark.parametrize("line", ["measure", "export --format csv -o out.csv"])
def test_results_refuse_unknown_run(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, *options = line.split()
    assert main([command, "nothing", *options]) == 2
    assert "There is no run 'nothing'" in capsys.readouterr().err


@pytest.fixture
def blind(finished: Path, tmp_path: Path) -> Path:
    """The finished run as if its profile had said blind."""
    path = tmp_path / "blind"
    shutil.copytree(finished, path)
    profile = path / "profile.toml"
    profile.write_text(profile.read_text("utf-8").replace("blind = false", "blind = true"), "utf-8")
    return path


def test_measure_of_blind_run_needs_look(blind: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(blind)]) == 2
    assert capsys.readouterr() == (
        "",
        "blind is a blind run, and nobody has looked at its gold yet; --look shows it and marks the run as looked at "
        "for good.\n",
    )
    assert not (blind / "looked").exists()
    assert main(["measure", str(blind), "--look"]) == 0
    assert "progressive" in capsys.readouterr().out
    assert (blind / "looked").exists()
    assert main(["measure", str(blind)]) == 0


def test_export_gold_of_blind_run_needs_look(blind: Path, tmp_path: Path) -> None:
    out = ["--format", "csv", "-o", str(tmp_path / "out.csv")]
    assert main(["export", str(blind), *out]) == 0
    assert main(["export", str(blind), *out, "--with-gold"]) == 2
    assert not (blind / "looked").exists()
    assert main(["export", str(blind), *out, "--with-gold", "--look"]) == 0
    assert (blind / "looked").exists()


def test_measure_marks_no_run_unless_all_are_open(blind: Path, finished: Path) -> None:
    assert main(["measure", str(finished), str(blind)]) == 2
    assert not (blind / "looked").exists()


def test_measure_several_runs_side_by_side(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    shutil.copytree(finished, other)
    assert main(["measure", str(finished), str(other)]) == 0
    heading, row, *_ = capsys.readouterr().out.splitlines()
    assert heading.split() == ["column", "run", "majority", "n", "other", "majority", "n"]
    assert row.split()[0] == "progressive"
    assert row.split().count("40") == 2
    assert main(["measure", str(finished), str(other), "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["run"] for report in reports] == ["run", "other"]
    assert reports[0]["columns"] == reports[1]["columns"]


def test_measure_chooses_and_sorts_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    assert main(["run", "dilemmas", "--headless", "--out", run]) == 0
    capsys.readouterr()
    assert main(["measure", run, "--json", "--sort", "p"]) == 0
    report = json.loads(capsys.readouterr().out)
    adjusted = [1.0 if c["p_adjusted"] is None else c["p_adjusted"] for c in report["columns"].values()]
    assert adjusted == sorted(adjusted)
    assert report["looked_at"] > 1
    first = next(iter(report["columns"]))
    assert main(["measure", run, "--json", "--columns", first.upper()]) == 0
    chosen = json.loads(capsys.readouterr().out)
    assert first in chosen["columns"]
    # Choosing afterwards does not make the others unseen.
    assert chosen["looked_at"] == report["looked_at"]
    assert chosen["columns"][first]["p_adjusted"] == report["columns"][first]["p_adjusted"]


def test_diagnose_table(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(finished), "--top", "3"]) == 0
    first, _, heading, *rows = capsys.readouterr().out.splitlines()
    assert "traits" in first
    assert heading.split()[:3] == ["trait", "more", "in"]
    assert len(rows) == 3


def test_diagnose_of_blind_run_leaves_gold_out(blind: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(blind), "--json"]) == 0
    kinds = {trait["kind"] for trait in json.loads(capsys.readouterr().out)["traits"]}
    assert "gold" not in kinds
    assert not (blind / "looked").exists()
    assert main(["diagnose", str(blind), "--json", "--look"]) == 0
    kinds = {trait["kind"] for trait in json.loads(capsys.readouterr().out)["traits"]}
    assert "gold" in kinds
    assert (blind / "looked").exists()
