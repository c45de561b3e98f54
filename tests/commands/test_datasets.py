"""`icm-tui datasets`: the list, one dataset in full, and what of it is on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from icm_tui.cli import main
from icm_tui.commands import datasets
from icm_tui.profile import store
from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.tasks import registry
from icm_tui.tasks.card import Card, HubFiles, Place, Split

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = Card(
    about="Questions that somebody made up, with an answer each, in a sentence that does not fit into one line.",
    item="One question with its answer.",
    groups="The answers to one question, which are told apart by the text of the question alone and by nothing else",
    rule="opposite",
    gold="right: whether the answer is.",
    paper="A paper (arXiv 0000.00000).",
    licence="CC-BY-NC-4.0",
    terms="non-commercial",
    splits={
        "train": Split({"rows": Place(["train.csv"], HubFiles("some/set", ["data/train-*.parquet"]), rows=1200)}, 1200),
        "test": Split({"rows": Place(["test.csv"]), "values": Place(["values.csv"])}),
    },
    split="train",
    traps=["The rows stand in the order of their labels."],
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up dataset among few others, and an empty cache."""
    made_up = SimpleNamespace(DATASET=SimpleNamespace(card=CARD))
    monkeypatch.setitem(sys.modules, "icm_tui.tasks.datasets.made_up", made_up)  # type: ignore[misc]
    for module in (datasets, registry):
        monkeypatch.setattr(module, "DATASETS", ("file", "topics", "made_up"))
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "hub"


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["datasets", *words]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "--json" in words or all(len(line) <= 80 for line in said.out.splitlines())
    return said.out


def _here(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, dict[str, str]]:
    told = json.loads(_said(capsys, "made_up", "--json", *words))
    return told["here"], told["splits_here"]


def test_datasets_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys).splitlines() == [
        "NAME     ITEMS  RULE      TERMS           HERE",
        "file     ?      none      free            yours",
        "    Groups: The column that task.group names; without one there are no groups.",
        "            Licence: yours.",
        "topics   330    none      free            ships",
        "    Groups: None. Licence: as this program.",
        "made_up  1200   opposite  NON-COMMERCIAL  missing",
        "    Groups: The answers to one question, which are told apart by the text of the",
        "            question alone and by nothing else. Licence: CC-BY-NC-4.0.",
    ]


def test_datasets_json_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, told = json.loads(_said(capsys, "--json"))["datasets"]
    assert told == {
        "name": "made_up",
        "about": CARD.about,
        "items": 1200,
        "groups": CARD.groups,
        "rule": "opposite",
        "licence": "CC-BY-NC-4.0",
        "terms": "non-commercial",
        "split": "train",
        "here": "missing",
        "splits_here": {"train": "missing", "test": "missing"},
    }


def test_datasets_describes_one_in_full(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "/hub")
    (tmp_path / "train.csv").touch()
    assert _said(capsys, "made_up", "--path", str(tmp_path)).splitlines() == [
        "made_up: Questions that somebody made up, with an answer each, in a sentence",
        "that does not fit into one line.",
        "Item: One question with its answer.",
        "Groups: The answers to one question, which are told apart by the text of the",
        "        question alone and by nothing else",
        "Rule: opposite",
        "Gold: right: whether the answer is.",
        "Paper: A paper (arXiv 0000.00000).",
        "Licence: CC-BY-NC-4.0 (NON-COMMERCIAL: not for business, and not shipped with",
        "         this program)",
        "Hub: some/set at main",
        "Cache: /hub",
        "Traps:",
        "  - The rows stand in the order of their labels.",
        "Splits:",
        "  train: 1200 items, in a folder here (read if task.split names none)",
        "      rows: train.csv; Hub: data/train-*.parquet (1200 rows)",
        "  test: ? items, not on this machine",
        "      rows: test.csv",
        "      values: values.csv",
    ]


def test_datasets_finds_files_in_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "all" / "made_up_somewhere"
    folder.mkdir(parents=True)
    (folder / "train.csv").touch()
    (folder / "values.csv").touch()
    for path in (folder, folder.parent):
        assert _here(capsys, "--path", str(path)) == ("1 of 2 splits", {"train": "local", "test": "missing"})
    (folder / "test.csv").touch()
    assert _here(capsys, "--path", str(folder)) == ("local", {"train": "local", "test": "local"})
    folder.rename(tmp_path / "all" / "another")
    assert _here(capsys, "--path", str(tmp_path / "all"))[0] == "missing"
    assert _here(capsys, "--path", str(tmp_path / "nowhere"))[0] == "missing"


def test_datasets_looks_into_folder_of_profile(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "train.csv").touch()
    profile = Profile(task=TaskSection(dataset="made_up", path=str(tmp_path)))
    store.save("other", Profile(task=TaskSection(dataset="topics", path=str(tmp_path))))
    assert _here(capsys)[0] == "missing"
    store.save("mine", profile)
    assert _here(capsys)[0] == "1 of 2 splits"


def test_datasets_finds_files_in_cache(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    snapshot = cache / "datasets--some--set" / "snapshots" / COMMIT / "data"
    snapshot.mkdir(parents=True)
    assert _here(capsys)[1]["train"] == "missing"
    (snapshot / "train-0.parquet").symlink_to("../../blobs/gone")
    assert _here(capsys)[1]["train"] == "missing"
    (snapshot / "train-1.parquet").touch()
    assert _here(capsys) == ("1 of 2 splits", {"train": "cached", "test": "missing"})


def test_datasets_refuses_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "topic"]) == 2
    assert capsys.readouterr().err == (
        'task.dataset = "topic" is unknown; did you mean "topics"? The datasets are file, topics, made_up.\n'
    )


def test_datasets_loads_nothing_heavy() -> None:
    script = Path(sys.executable).with_name("icm-tui")
    for words in (["datasets"], ["datasets", "truthfulqa"]):
        environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
        done = subprocess.run(
            [script, *words], env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr.splitlines()[-1]
        lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
        loaded = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
        assert "icm_tui" in loaded
        heavy = {"datasets", "huggingface_hub", "pandas", "pyarrow", "numpy", "httpx", "httpx2", "textual"}
        assert loaded & heavy == set()
