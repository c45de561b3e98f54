"""A run with a real language model, behind llama.cpp's own server: killed in the middle, and resumed."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.runner.killed import killable
from tests.runner.made import lines
from tests.servers.smollm2 import make_real_run, real, write_short_pairs

pytestmark = real


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICM_TUI_HOME", str(tmp_path / "home"))
    # What was answered before the kill is to come from the journal.
    monkeypatch.setenv("ICM_TUI_CACHE", "off")


def test_run_with_a_real_model_survives_a_kill(tmp_path: Path) -> None:
    data, asked = tmp_path / "pairs.jsonl", tmp_path / "asked"
    write_short_pairs(data)
    run = make_real_run(tmp_path / "run", data, "reasoning.every=15", "reasoning.max_tokens=24")
    with killable() as turns:
        assert turns.take(run, asked, length=45_000, paid=True) == -9
        # The last line is torn.
        whole = [json.loads(line) for line in run.journal.read_bytes().split(b"\n")[:-1]]
        answered = {record["question"] for record in whole if record["kind"] == "answer"}
        before = asked.read_text().split()
        assert turns.take(run, asked, paid=True) == 0
    assert answered
    questions = [question for question in asked.read_text().split() if not question.startswith("reask/")]
    after = set(questions[len([question for question in before if not question.startswith("reask/")]) :])
    assert not answered & after
    answers = lines(run, "answer")
    assert set(Counter(answer["question"] for answer in answers).values()) == {1}
    labels = {change[0]: change[2] for decision in lines(run, "decision") for change in decision["changes"]}
    assert set(labels) == set(range(40))
    assert None not in labels.values()

    (endpoint,) = lines(run, "endpoint")
    assert endpoint["endpoint"]["base_url"].startswith("gguf:")
    assert endpoint["endpoint"]["warms"]
    assert sum(answer["tokens_cached"] for answer in answers) > sum(answer["tokens_in"] for answer in answers) / 3
    biases = [decision["score"] for decision in lines(run, "decision") if decision["phase"] == "label_bias"]
    assert biases
    assert biases[-1]

    pieces = [json.loads(line) for line in run.reasoning.read_text().splitlines()]
    explanations = [explanation for explanation in lines(run, "explanation") if explanation["failed"] is None]
    assert explanations
    for explanation in explanations:
        said = [piece["text"] for piece in pieces if piece["call"] == explanation["call"]]
        assert "".join(said).strip()
        assert len(said) > 3
        assert explanation["tokens"]
