"""What a probe found, kept on disk so that the next run on the same endpoint need not probe again."""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from icm_tui import __version__, files
from icm_tui.domain.reply import Endpoint, Finding
from icm_tui.files import cache_dir, make_private
from icm_tui.profile.schema import Model

_WEEK = 7 * 24 * 3600.0
_PRIVATE = 0o600


class ProbeResult(msgspec.Struct, frozen=True):
    """What a probe found. `endpoint` is what a run may ask, None if no run can.

    `calls` is the number of requests, `cost_usd` what they cost, `at` the time in unix seconds. `label_bias` is a score
    for each label (nats, mean 0), as the search measures it; `latency_s` is the median wait for a label in seconds,
    `tokens_a_second` the speed of a longer answer. None is unknown.
    """

    endpoint: Endpoint | None
    findings: list[Finding]
    calls: int
    cost_usd: float | None
    at: float
    label_bias: list[float] | None
    latency_s: float | None
    tokens_a_second: float | None


def why_not(probe_result: ProbeResult) -> str:
    """Why no run can be made, and what to change, in one or two sentences; empty if one can."""
    if probe_result.endpoint is not None:
        return ""
    worst = next((finding for finding in probe_result.findings if finding.state == "bad"), None)
    if worst is None:
        return "The model cannot be asked."
    return f"{worst.says} {worst.remedy}".strip()


def recall(base_url: str, model: Model, labels: Sequence[str], now: float) -> ProbeResult | None:
    """The probe kept for this endpoint and these settings; None if it is missing, unreadable or over a week old.

    `base_url` is that of the Endpoint, `now` in unix seconds.
    """
    try:
        probe_result = msgspec.json.decode(_file(base_url, model, labels).read_bytes(), type=ProbeResult)
    except (OSError, ValueError):
        return None
    fresh = probe_result.endpoint is not None and 0 <= now - probe_result.at <= _WEEK
    return probe_result if fresh else None


def keep(base_url: str, model: Model, labels: Sequence[str], probe_result: ProbeResult) -> None:
    """Keep a probe that found an endpoint. If the disk refuses, the next run probes again."""
    if probe_result.endpoint is None:
        return
    path = _file(base_url, model, labels)
    with contextlib.suppress(OSError):
        make_private(path.parent)
        files.write(path, msgspec.json.encode(probe_result), _PRIVATE)


def _file(base_url: str, model: Model, labels: Sequence[str]) -> Path:
    query = (
        base_url,
        model.model,
        model.providers,
        model.endpoint,
        model.top_logprobs,
        model.extra,
        labels,
        __version__,
    )
    digest = hashlib.sha256(msgspec.json.encode(query, order="deterministic")).hexdigest()
    return cache_dir() / "probes" / f"{digest}.json"
