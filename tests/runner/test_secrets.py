"""A key is in nothing that a run, the doctor or the list of models writes or prints, though the server repeats it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from icm_tui.cli import main
from icm_tui.run_dir.layout import RunDir
from tests.runner.made import lines
from tests.servers import faults
from tests.servers.behaviour import Behaviour
from tests.servers.faults import Faults
from tests.servers.labelled import make_server_run, write_pairs
from tests.servers.model import ModelServer

SECRET = "sk-or-v1-0f3c/a secret?of=the+test"
ROOT = Path(__file__).parents[2]


def _said(text: str) -> bytes:
    return msgspec.json.encode({"error": {"message": f"The key {SECRET} {text}.", "metadata": {"raw": SECRET}}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A server that puts the key into every error that it sends."""
    for name, (status, headers, kind, _) in faults.REPLIES.items():
        monkeypatch.setitem(faults.REPLIES, name, (status, {**headers, "X-Key": SECRET}, kind, _said("went wrong")))
    with ModelServer(Behaviour(key=SECRET, provider=SECRET, models=("tiny", SECRET))) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICM_TUI_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / ".env").write_text(f"SOME_KEY='{SECRET}'\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _holders(home: Path) -> list[Path]:
    """The files that hold the beginning of the key, whatever follows it."""
    told = [path for path in home.rglob("*") if path.is_file() and path.name != ".env"]
    return [path for path in told if b"0f3c" in path.read_bytes()]


def _run(home: Path, server: ModelServer, *sets: str) -> RunDir:
    write_pairs(home / "pairs.jsonl", 24)
    common = ["model.key_env=SOME_KEY", "model.concurrency=4", "search.subset=8", "reasoning.every=3"]
    return make_server_run(home / "run", home / "pairs.jsonl", server.base_url, *common, *sets)


def _go_on(run: RunDir) -> "subprocess.CompletedProcess[bytes]":
    words = [sys.executable, "-m", "icm_tui", "resume", str(run.path), "--headless", "--json"]
    return subprocess.run(words, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_key_is_in_no_file_of_a_run_that_meets_errors(home: Path, server: ModelServer) -> None:
    run = _run(home, server)
    server.behaviour = msgspec.structs.replace(
        server.behaviour, faults=Faults(rate=0.2, kinds=("500", "error"), seed=1), provider=""
    )
    ended = _go_on(run)
    assert ended.returncode == 0, ended.stderr
    assert server.served["500"]
    assert (home / "home" / "cache").exists()
    assert _holders(home) == []
    assert b"0f3c" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("fault", ["401", "402", "400", "404"])
def test_key_is_in_no_reason_of_a_refusal(home: Path, server: ModelServer, fault: faults.Refusal) -> None:
    run = _run(home, server)
    plan = ("",) * 20 + (fault,) * 400
    server.behaviour = msgspec.structs.replace(server.behaviour, provider="", faults=Faults(plan=plan))
    ended = _go_on(run)
    assert ended.returncode == 1, ended.stderr
    told = [answer["failed"] for answer in lines(run, "answer") if answer.get("failed")]
    told += [stop["why"] for stop in lines(run, "stop")]
    assert any("[key]" in words for words in told)
    assert _holders(home) == []
    assert b"0f3c" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.parametrize("fault", ["", "401", "500"])
def test_key_is_printed_by_neither_doctor_nor_models(
    home: Path, server: ModelServer, fault: faults.Kind, as_json: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    server.behaviour = msgspec.structs.replace(server.behaviour, faults=Faults(always=fault, retry_after=0.0))
    settings = ["model.backend=openai", f"model.base_url={server.base_url}", "model.model=tiny"]
    settings += ["model.key_env=SOME_KEY"]
    main(["doctor", "demo", *as_json, *(word for one in settings for word in ("--set", one))])
    main(["models", "--server", server.base_url, "--all", *as_json])
    told = capfd.readouterr()
    assert told.out
    assert "0f3c" not in told.out + told.err
    assert _holders(home) == []
