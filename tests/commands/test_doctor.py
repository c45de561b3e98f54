"""`icm-tui doctor`, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from icm_tui.cli import main
from tests.servers.model import Behaviour, ModelServer
from tests.servers.smollm2 import MODEL, real

KEY = "sk-doctor-0123456789"


def _words(server: ModelServer, *more: str) -> list[str]:
    settings = ["model.backend=openai", "model.model=tiny", f"model.base_url={server.base_url}", *more]
    return ["doctor", "demo", *(word for setting in settings for word in ("--set", setting))]


def _report(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


def test_doctor_prints_line_for_each_finding(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    with ModelServer(Behaviour(top=5, cost=0.001)) as server:
        assert main(_words(server)) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    lines = out.splitlines()
    assert any(line.startswith("ok    labels") for line in lines)
    at = next(number for number, line in enumerate(lines) if line.startswith("note  logprobs"))
    assert "5 alternatives a token" in lines[at]
    assert lines[at + 1].startswith(" " * 10)
    assert any("favoured by" in line for line in lines)
    assert any(line.startswith("ok    latency") for line in lines)
    assert lines[-1].startswith("A run can be made.")
    assert lines[-1].endswith(" USD.")
    # Kept for the run that follows.
    assert len(list((home / "cache" / "probes").iterdir())) == 1


def test_doctor_probes_afresh_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer() as server:
        assert main(_words(server)) == 0
        once = len(server.requests)
        assert main(_words(server)) == 0
        assert len(server.requests) == 2 * once


def test_doctor_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(Behaviour(kinds=("chat",), cache=True)) as server:
        assert main([*_words(server), "--json"]) == 0
    report = _report(capsys)
    assert report["fit"] is True
    assert report["endpoint"]["kind"] == "chat"
    assert report["endpoint"]["prefill"] == "continued"
    assert report["endpoint"]["warms"] is True
    assert set(report["label_bias"]) == {"A", "B"}
    assert {"name", "state", "says", "remedy"} == set(report["findings"][0])
    assert report["calls"] <= 14


def test_doctor_says_what_to_change_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(Behaviour(logprobs="null")) as server:
        assert main(_words(server)) == 1
        out = capsys.readouterr().out
        assert "bad   logprobs" in out
        assert "No run can be made." in out
        assert main([*_words(server), "--json"]) == 1
    report = _report(capsys)
    assert report["fit"] is False
    assert report["endpoint"] is None


def test_doctor_names_variable_of_wrong_key_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("DOCTOR_KEY", KEY)
    with ModelServer(Behaviour(key="sk-another-0123456789")) as server:
        assert main(_words(server, "model.key_env=DOCTOR_KEY")) == 1
        assert main([*_words(server, "model.key_env=DOCTOR_KEY"), "--json"]) == 1
        assert len(server.requests) == 2
    captured = capsys.readouterr()
    assert "DOCTOR_KEY" in captured.out
    assert KEY not in captured.out + captured.err
    assert not (home / "cache" / "probes").exists()


def test_doctor_finds_key_that_is_not_set(capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer() as server:
        assert main([*_words(server, "model.key_env=NO_SUCH_KEY_HERE"), "--json"]) == 1
        assert not server.requests
    (finding,) = _report(capsys)["findings"]
    assert finding["state"] == "bad"
    assert "NO_SUCH_KEY_HERE" in finding["says"]


def test_doctor_prints_known_limits_of_server(capsys: pytest.CaptureFixture[str]) -> None:
    settings = [
        "model.backend=openai",
        "model.model=gpt-4.1",
        "model.base_url=openai",
        "model.key_env=NO_SUCH_KEY_HERE",
    ]
    words = ["doctor", "demo", "--json", *(word for setting in settings for word in ("--set", setting))]
    assert main(words) == 1
    limits = _report(capsys)["known_limits"]
    assert limits
    assert all(limit.startswith("openai: ") for limit in limits)


@pytest.mark.parametrize("words", [["doctor", "demo"], ["doctor"]])
def test_doctor_of_embedded_model_needs_nothing(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 0
    assert "embedded model needs no server" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert _report(capsys)["fit"] is True


def test_doctor_refuses_settings_without_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--set", "model.backend=openai"]) == 2
    assert "needs the name of a profile" in capsys.readouterr().err


def test_doctor_needs_name_of_profile_with_server(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["model.backend=openai", "model.model=tiny", "model.base_url=vllm"]
    assert main(["profiles", "new", "mine", *(word for one in settings for word in ("--set", one))]) == 0
    assert main(["doctor"]) == 2
    assert "mine" in capsys.readouterr().err


def test_doctor_cleans_text_of_server(capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(Behaviour(models=("bad\x1b[2Jname", "other"))) as server:
        assert main(_words(server)) == 1
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("endpoint", [pytest.param(kind, marks=real) for kind in ("auto", "chat")])
def test_doctor_passes_real_model_file(capfd: pytest.CaptureFixture[str], home: Path, endpoint: str) -> None:
    settings = ["model.backend=gguf", f"model.path={MODEL}", f"model.endpoint={endpoint}"]
    assert main(["doctor", "demo", "--json", *(word for one in settings for word in ("--set", one))]) == 0
    report: dict[str, Any] = json.loads(capfd.readouterr().out)
    found = {finding["name"]: finding["state"] for finding in report["findings"]}
    assert {found[name] for name in ("logprobs", "labels", "label bias", "cache", "latency")} == {"ok"}
    assert report["endpoint"]["kind"] == ("completions" if endpoint == "auto" else "chat")
    assert report["endpoint"]["base_url"].startswith("gguf:")
    assert report["endpoint"]["warms"] is True
    assert report["cost_usd"] == 0.0
    assert report["label_bias"]["A"] > 0
    if endpoint == "chat":
        assert report["endpoint"]["prefill"] == "continued"
    assert len(list((home / "cache" / "probes").iterdir())) == 1
