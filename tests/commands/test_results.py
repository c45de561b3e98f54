"""`measure` and `export` on a run that is done."""

import csv
import json
from pathlib import Path

import pytest

from icm_tui.cli import main


def test_measure_as_json(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_measure_as_a_table(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(finished)]) == 0
    heading, row, *_ = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "column"
    assert row.split()[1] == "40"


def test_measure_tells_of_groups_that_the_rule_leaves_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert "left unconstrained by the rule: 1." in capsys.readouterr().out


def test_export_as_json_lines(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_exported_gold_is_what_was_measured(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "labels.jsonl"
    assert main(["export", str(finished), "--format", "jsonl", "-o", str(out), "--with-gold"]) == 0
    assert main(["measure", str(finished), "--json"]) == 0
    ((name, column),) = json.loads(capsys.readouterr().out)["columns"].items()
    named = dict(zip(("A", "B"), column["naming"], strict=True))
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    agreeing = sum(named[row["label"]] == row["gold"][name] for row in rows)
    assert agreeing / len(rows) == pytest.approx(column["accuracy"])


@pytest.mark.parametrize("line", ["measure", "export --format csv -o out.csv"])
def test_a_run_that_does_not_exist(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, *options = line.split()
    assert main([command, "nothing", *options]) == 2
    assert "There is no run 'nothing'" in capsys.readouterr().err
