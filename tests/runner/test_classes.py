"""Seven labels from end to end: the embedded model and a server, stopped and resumed, pinned, exported, measured."""

import json
from pathlib import Path

import pytest

from icm_tui.cli import main
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir
from tests.servers.behaviour import Behaviour
from tests.servers.model import ModelServer

LABELS = list("ABCDEFG")
_TOPICS = ("sun", "tax", "bread", "violin", "river", "engine", "garden")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile of 140 texts on seven topics, two wordings of each a group that must be labelled alike."""
    rows = [
        {"text": f"{topic} {topic}s {way} number {number}", "pair": f"{topic} {number}", "topic": topic}
        for number in range(10)
        for topic in _TOPICS
        for way in ("calm", "loud")
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "seven.toml"
    path.write_text(
        f'[task]\ndataset = "file"\npath = "{data}"\ntext = "text"\ngroup = "pair"\ngold = ["topic"]\n'
        f"[prompt]\nlabels = {json.dumps(LABELS)}\n"
        '[consistency]\nrule = "same"\n'
    )
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert main(list(words)) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def test_run_with_seven_labels_is_done_and_measured(
    profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    short = ["--set", "run.max_calls=300"]
    assert main(["run", str(profile), "--headless", "--out", str(run), *short]) == 1
    assert main(["resume", str(run), "--headless", "--set", "run.max_calls=1000000"]) == 0
    report = said(capsys, "measure", str(run), "--json")
    column = report["columns"]["topic"]  # type: ignore[index]
    assert column["n"] == 140
    assert column["accuracy"] >= 0.8
    assert set(column["naming"]) == set(_TOPICS)
    assert (column["flipped"], column["auroc"]) == (None, None)
    assert column["p"] < 0.01
    for form in ("jsonl", "csv", "parquet"):
        assert main(["export", str(run), "--format", form, "-o", str(tmp_path / f"out.{form}"), "--with-gold"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert {row["label"] for row in rows} <= set(LABELS)
    assert all(len(row["logprobs"]) == 7 for row in rows)


def test_run_gives_a_group_one_label_under_rule_same(profile: Path, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    assert main(["run", str(profile), "--headless", "--out", str(run.path)]) == 0
    items = [json.loads(line) for line in run.items.read_text("utf-8").splitlines()]
    by_group: dict[int, set[int | None]] = {}
    for item, final in zip(items, final_labels(run.path), strict=True):
        by_group.setdefault(item["group"], set()).add(final.label)
    assert all(len(labels) == 1 for labels in by_group.values())


def test_run_asks_a_server_for_seven_labels(profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(Behaviour()) as server:
        sets = [
            *("model.backend=openai", f"model.base_url={server.base_url}", "model.model=tiny"),
            *("model.endpoint=completions", "search.shots=14", "task.limit=80"),
        ]
        words = [word for each in sets for word in ("--set", each)]
        summary = said(
            capsys, "run", str(profile), "--headless", "--json", "--yes", "--out", str(tmp_path / "run"), *words
        )
    assert (summary["state"], summary["labelled"]) == ("done", 80)
    assert list(summary["label_counts"]) == LABELS  # type: ignore[call-overload]
    label_bias = [
        json.loads(line)
        for line in (tmp_path / "run" / "journal.jsonl").read_text("utf-8").splitlines()
        if '"phase":"label_bias"' in line and '"kind":"decision"' in line
    ]
    assert len(label_bias[-1]["score"]) == 7


@pytest.mark.parametrize("method", ["paper", "fork"])
def test_methods_for_two_labels_refuse_more(method: str, profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(profile), "--headless", "--set", f"search.method={method}"]) == 2
    assert f'method "{method}" is for 2 labels, but prompt.labels has 7' in capsys.readouterr().err
