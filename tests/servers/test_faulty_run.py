"""Runs on servers that fail: they end as undisturbed ones do, and pay for no answer twice."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from icm_tui.errors import UserError
from icm_tui.run_dir.layout import RunDir, read_items
from icm_tui.runner.session import run_here
from tests.runner.made import lines
from tests.servers.behaviour import Behaviour
from tests.servers.faults import ALL, Faults
from tests.servers.labelled import make_server_run, write_pairs
from tests.servers.model import ModelServer

# Enough for 32 questions at once; fewer if one refusal stops the run.
ITEMS, FEW = 256, "task.limit=60"
SECRET = "a-secret-for-the-test-server"
LATENCY = Behaviour(key=SECRET, latency=0.02, sigma=0.3)
MANY = 10_000

MakeRun = Callable[..., RunDir]


class Undisturbed(NamedTuple):
    """A run on a server without faults: its port, decisions, calls, and the answers it bought, by the request."""

    port: int
    decisions: list[dict[str, Any]]
    calls: int
    bought: Counter[int]


@pytest.fixture(name="make")
def fixture_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    monkeypatch.setenv("ICM_TUI_CACHE", "off")
    monkeypatch.setenv("TEST_SERVER_KEY", SECRET)
    data = tmp_path / "pairs.jsonl"
    write_pairs(data, ITEMS)

    def make(name: str, server: ModelServer, *sets: str) -> RunDir:
        common = ["model.key_env=TEST_SERVER_KEY", "model.timeout_s=2", *sets]
        return make_server_run(tmp_path / name, data, server.base_url, *common)

    return make


def run_undisturbed(make: MakeRun, *sets: str) -> Undisturbed:
    """Its probe is kept, so that runs on a server at the same port find it."""
    with ModelServer(LATENCY) as server:
        run = make("undisturbed", server, *sets)
        assert run_here(run.path).state == "done"
    return Undisturbed(server.port, decided(run), len(lines(run, "answer")), bought_by_run(server))


def decided(run: RunDir) -> list[dict[str, Any]]:
    return lines(run, "decision", "context")


def bought_by_run(server: ModelServer) -> Counter[int]:
    """The usable answers to a run's questions, by the request: the probe's are shorter or ask for more tokens."""
    first = max((at for at, one in enumerate(server.requests) if probes(one.body)), default=-1)
    return Counter(one.digest for one in server.requests[first + 1 :] if one.usable)


def probes(body: dict[str, Any]) -> bool:
    return "about thing number" not in str(body)


@pytest.mark.slow
def test_faulty_server_changes_no_label_and_costs_nothing(make: MakeRun) -> None:
    undisturbed = run_undisturbed(make)
    faulty = replace(LATENCY, faults=Faults(rate=0.2, seed=5, drip=0.5))
    with ModelServer(faulty, port=undisturbed.port) as server:
        run = make("faulty", server)
        outcome = run_here(run.path)
    assert outcome.state == "done", outcome.why
    assert decided(run) == undisturbed.decisions
    assert bought_by_run(server) == undisturbed.bought
    served = server.served
    assert 0.15 < 1 - served[""] / served.total() < 0.25
    assert set(served) == {"", *ALL} - {"cut-stream"}
    assert len(lines(run, "answer")) == undisturbed.calls


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "reason"), [("401", "No such key"), ("402", "Insufficient credits")])
def test_run_stops_for_money_or_key_and_resumes(make: MakeRun, kind: Any, reason: str) -> None:
    undisturbed = run_undisturbed(make, FEW)
    well = undisturbed.calls // 2
    plan = ("",) * well + (kind,) * MANY
    with ModelServer(replace(LATENCY, faults=Faults(plan=plan)), port=undisturbed.port) as server:
        run = make("stopped", server, FEW)
        outcome = run_here(run.path)
        assert outcome.state == "stopped"
        assert reason in outcome.why
        assert len(lines(run, "answer")) == well
        # Those in flight when the first was refused, and no more.
        assert 1 <= server.served[kind] <= 32
        server.behaviour = LATENCY
        assert run_here(run.path).state == "done"
    assert decided(run) == undisturbed.decisions
    assert bought_by_run(server) == undisturbed.bought


def test_run_refuses_wrong_key_before_it_begins(make: MakeRun) -> None:
    with ModelServer(Behaviour(key="another-key-than-that")) as server:
        run = make("refused", server)
        with pytest.raises(UserError) as refused:
            run_here(run.path)
    assert "TEST_SERVER_KEY" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert len(server.requests) <= 2
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in run.path.rglob("*") if path.is_file())


def test_run_goes_on_without_refused_items(make: MakeRun) -> None:
    with ModelServer(replace(LATENCY, faults=Faults(refused_mark="thing number 3"))) as server:
        run = make("some", server, FEW, "search.shots=8")
        outcome = run_here(run.path)
    assert outcome.state == "done", outcome.why
    refused = [item.uid for item in read_items(run)[0] if "thing number 3" in item.text]
    assert refused
    assert server.served["400"] > 0
    assert outcome.summary.calls_failed == server.served["400"]
    assert outcome.summary.labelled >= outcome.summary.items - len(refused)
