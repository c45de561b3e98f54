"""What a probe found is kept for a week, privately, for all the settings that it depends on."""

import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from icm_tui.domain.reply import Endpoint, Finding
from icm_tui.models.server.probe.result import ProbeResult, keep, recall, why_not
from icm_tui.profile.schema import Model

URL = "http://127.0.0.1:8000/v1"
MODEL = Model(backend="openai", base_url=URL, model="tiny", key_env="SOME_KEY")
LABELS = ["A", "B"]
AT = 1_700_000_000.0
DAY = 24 * 3600.0
PROBE_RESULT = ProbeResult(
    endpoint=Endpoint(base_url=URL, model="tiny", kind="chat", prefill="fields", warms=True),
    findings=[Finding("logprobs", "note", "5 alternatives a token.", "Nothing to change.")],
    calls=9,
    cost_usd=0.25,
    at=AT,
    label_bias=[0.5, -0.5],
    latency_s=0.3,
    tokens_a_second=40.0,
)


def _files(home: Path) -> list[Path]:
    return sorted((home / "cache" / "probes").iterdir())


def test_recall_returns_what_was_kept() -> None:
    assert recall(URL, MODEL, LABELS, AT) is None
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    assert recall(URL, MODEL, LABELS, AT + DAY) == PROBE_RESULT


@pytest.mark.parametrize(("later", "there"), [(0.0, True), (7 * DAY, True), (7 * DAY + 1, False), (-1.0, False)])
def test_recall_is_good_for_a_week(later: float, there: bool) -> None:
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    assert (recall(URL, MODEL, LABELS, AT + later) is not None) == there


@pytest.mark.parametrize(
    "other",
    [
        {"model": "large"},
        {"providers": ["acme"]},
        {"endpoint": "chat"},
        {"top_logprobs": 5},
        {"extra": {"min_p": 0.1}},
    ],
)
def test_recall_depends_on_settings(other: dict[str, Any]) -> None:
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    assert recall(URL, msgspec.structs.replace(MODEL, **other), LABELS, AT) is None


def test_recall_depends_on_server_and_labels() -> None:
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    assert recall("http://127.0.0.1:8001/v1", MODEL, LABELS, AT) is None
    assert recall(URL, MODEL, ["X", "Y"], AT) is None


def test_recall_ignores_irrelevant_settings() -> None:
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    same = msgspec.structs.replace(MODEL, timeout_s=5.0, concurrency=2, price_in=1.0, price_out=2.0)
    assert recall(URL, same, LABELS, AT) == PROBE_RESULT


def test_recall_depends_on_version(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    monkeypatch.setattr("icm_tui.models.server.probe.result.__version__", "99.0")
    assert recall(URL, MODEL, LABELS, AT) is None


def test_keep_ignores_probe_without_endpoint(home: Path) -> None:
    keep(URL, MODEL, LABELS, msgspec.structs.replace(PROBE_RESULT, endpoint=None))
    assert not (home / "cache").exists()


def test_keep_writes_one_private_file(home: Path) -> None:
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    keep(URL, MODEL, LABELS, msgspec.structs.replace(PROBE_RESULT, at=AT + 1))
    (path,) = _files(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    recalled = recall(URL, MODEL, LABELS, AT + 1)
    assert recalled is not None
    assert recalled.at == AT + 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"endpoint": null}', b"\xff\xfe", b'{"at": "noon"}'])
def test_recall_ignores_unreadable_file(home: Path, content: bytes) -> None:
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    _files(home)[0].write_bytes(content)
    assert recall(URL, MODEL, LABELS, AT) is None


def test_keep_does_without_folder(home: Path) -> None:
    (home / "cache").write_text("a file where the folder belongs")
    keep(URL, MODEL, LABELS, PROBE_RESULT)
    assert recall(URL, MODEL, LABELS, AT) is None


def test_why_not_is_first_bad_finding_with_remedy() -> None:
    assert why_not(PROBE_RESULT) == ""
    findings = [
        *PROBE_RESULT.findings,
        Finding("key", "bad", "It is refused.", "Take another."),
        Finding("x", "bad", "y"),
    ]
    lost = msgspec.structs.replace(PROBE_RESULT, endpoint=None, findings=findings)
    assert why_not(lost) == "It is refused. Take another."
    assert os.linesep not in why_not(msgspec.structs.replace(lost, findings=[]))
