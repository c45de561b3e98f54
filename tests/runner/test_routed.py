"""Runs through a router: held to one provider, which only a person changes."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from icm_tui.errors import UserError
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.session import run_here
from tests.runner.made import lines
from tests.servers.labelled import make_server_run, write_pairs
from tests.servers.model import Request
from tests.servers.openrouter import SHOP, OpenRouterServer


class Fickle(OpenRouterServer):
    """Stops serving a model by Nebius after so many questions."""

    leaves_after = 10_000

    async def _answer(
        self, request: Request, content: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if request.method == "POST":
            request.body = msgspec.json.decode(content)  # kept of what is refused as well
        if sum(asked.method == "POST" for asked in self.requests) > self.leaves_after:
            self.shop = {name: [one for one in served if one.tag != "nebius"] for name, served in SHOP.items()}
        return await super()._answer(request, content, reader, writer)


@pytest.fixture(autouse=True)
def _routed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router is known by its host, which no server on loopback can have."""
    monkeypatch.setattr("icm_tui.models.server.client.is_openrouter", lambda base_url: True)
    monkeypatch.setenv("ICM_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ICM_TUI_CACHE", "off")


def _run(folder: Path, server: OpenRouterServer, *sets: str) -> RunDir:
    write_pairs(folder / "pairs.jsonl", 24)
    common = ["model.model=acme/tiny-1", "model.endpoint=auto", "model.concurrency=4", "search.subset=8"]
    return make_server_run(folder / "run", folder / "pairs.jsonl", server.base_url, *common, *sets)


def _providers(server: OpenRouterServer) -> set[str]:
    asked = [request.body["provider"] for request in server.requests if request.method == "POST"]
    assert all(provider["allow_fallbacks"] is False for provider in asked)
    return {tag for provider in asked for tag in provider["only"]}


def test_routed_run_has_all_answers_from_one_provider(tmp_path: Path) -> None:
    with OpenRouterServer() as server:
        run = _run(tmp_path, server, 'model.providers=["Contoso", "Nebius", "Chutes"]')
        assert run_here(run.path).state == "done"
        assert _providers(server) == {"nebius"}
    (endpoint,) = lines(run, "endpoint")
    assert endpoint["endpoint"]["provider"] == "nebius"
    assert {answer["endpoint"] for answer in lines(run, "answer")} == {"Nebius"}
    # At the router's own price, since its replies here name no cost.
    assert sum(answer["cost"] for answer in lines(run, "answer")) > 0


def test_routed_run_stops_when_its_provider_is_gone(tmp_path: Path) -> None:
    with Fickle() as server:
        server.leaves_after = 60
        run = _run(tmp_path, server, 'model.providers=["Nebius", "Chutes"]')
        ended = run_here(run.path)
        assert ended.state == "stopped"
        assert "excluded by provider.only" in ended.why
        assert _providers(server) == {"nebius"}
        answered = {answer["question"] for answer in lines(run, "answer")}
        assert answered

        assert run_here(run.path).state == "stopped"  # nothing else is asked in its place
        assert _providers(server) == {"nebius"}

        assert run_here(run.path, sets=['model.providers=["Chutes"]']).state == "done"
        assert _providers(server) == {"nebius", "chutes/bf16"}
    assert [record["endpoint"]["provider"] for record in lines(run, "endpoint")] == ["nebius", "chutes/bf16"]
    later = [answer for answer in lines(run, "answer") if answer["question"] not in answered]
    assert {answer["endpoint"] for answer in later} == {"Chutes"}


def test_routed_run_says_why_no_provider_can_be_asked(tmp_path: Path) -> None:
    with OpenRouterServer() as server:
        run = _run(tmp_path, server, 'model.providers=["Contoso", "Fabrikam", "Nobody"]')
        with pytest.raises(UserError) as caught:
            run_here(run.path)
        assert not [request for request in server.requests if request.method == "POST"]
    for name in ("Contoso", "Fabrikam", "Nobody", "chutes or nebius"):
        assert name in str(caught.value)
