"""The server client over a real server on loopback: what is sent, kept, paid for, and what becomes of each fault."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from icm_tui.domain.reply import Endpoint, Price, Reply
from icm_tui.errors import RunFailed, UserError
from icm_tui.models.client import Piece, Query, Unavailable
from icm_tui.models.server.cache import AnswerCache
from icm_tui.models.server.client import ServerClient
from icm_tui.profile.schema import Model, Prompt, Reasoning
from tests.servers.behaviour import Behaviour
from tests.servers.faults import Faults
from tests.servers.model import ModelServer

Found = TypeVar("Found")

TEXTS = [f"a text of its own, number {number} [{'+-'[number % 2]}]" for number in range(12)]
GROUPS = [number // 2 for number in range(12)]
LIST = [(item, item % 2) for item in range(2, 10)]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICM_TUI_HOME", str(tmp_path))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as served:
        yield served


def held(server: ModelServer, **more: object) -> Endpoint:
    return msgspec.structs.replace(
        Endpoint(base_url=server.base_url, model="tiny", kind="completions", top_logprobs=10), **more
    )


def used(
    server: ModelServer,
    use: Callable[[ServerClient], Awaitable[Found]],
    *,
    endpoint: Endpoint | None = None,
    cache: AnswerCache | None = None,
    folder: Path = Path(),
    **model: object,
) -> Found:
    settings = Model(backend="openai", base_url=server.base_url, model="tiny", timeout_s=5.0)
    settings = msgspec.structs.replace(settings, **model)
    model_client = ServerClient(settings, Prompt(), Reasoning(max_tokens=20), TEXTS, GROUPS, cache=cache, folder=folder)

    async def run() -> Found:
        await model_client.open(endpoint or held(server))
        try:
            return await use(model_client)
        finally:
            await model_client.close()

    return asyncio.run(run())


def question(item: int = 0, *, fresh: bool = False) -> Query:
    return Query(f"q{item}", item, 0, 0, LIST, fresh)


async def all_of(model_client: ServerClient, asked: list[Query]) -> dict[int, Reply | Unavailable]:
    for one in asked:
        model_client.ask(one)
    answers: dict[int, Reply | Unavailable] = {}
    while len(answers) < len(asked):
        answers |= {one.item: answer for one, answer in await model_client.replies(5.0)}
    return answers


def one_of(server: ModelServer, **more: object) -> Reply | Unavailable:
    async def use(model_client: ServerClient) -> Reply | Unavailable:
        return (await all_of(model_client, [question()]))[0]

    return used(server, use, **more)


def test_client_gives_log_probabilities_of_labels(server: ModelServer) -> None:
    async def use(model_client: ServerClient) -> dict[int, Reply | Unavailable]:
        return await all_of(model_client, [question(item) for item in (0, 1, 10, 11)])

    answers = used(server, use)
    for item, answer in answers.items():
        assert isinstance(answer, Reply)
        assert answer.logprobs is not None
        assert (answer.logprobs[0] > answer.logprobs[1]) == (item % 2 == 0)
        assert answer.tokens_in
        assert not any(answer.censored)
    assert all(request.path.endswith("/completions") for request in server.requests)


def test_client_does_not_probe_held_endpoint(server: ModelServer) -> None:
    one_of(server)
    assert len(server.requests) == 1


def test_client_probes_server_and_keeps_probe(server: ModelServer) -> None:
    settings = Model(backend="openai", base_url=server.base_url, model="tiny", timeout_s=5.0)

    async def opened() -> Endpoint:
        model_client = ServerClient(settings, Prompt(), Reasoning(), TEXTS, GROUPS, cache=None, folder=Path())
        found = await model_client.open(None)
        await model_client.close()
        return found

    first = asyncio.run(opened())
    asked = len(server.requests)
    assert asked > 3
    assert first.kind == "completions"
    assert asyncio.run(opened()) == first
    assert len(server.requests) == asked


def test_client_refuses_server_without_log_probabilities() -> None:
    with ModelServer(Behaviour(logprobs="null")) as server:
        settings = Model(backend="openai", base_url=server.base_url, model="tiny", timeout_s=5.0)
        model_client = ServerClient(settings, Prompt(), Reasoning(), TEXTS, GROUPS, cache=None, folder=Path())
        with pytest.raises(UserError, match="log-prob"):
            asyncio.run(model_client.open(None))


def test_client_caches_answers_unless_fresh(server: ModelServer, tmp_path: Path) -> None:
    def ask(fresh: bool) -> Reply | Unavailable:
        async def use(model_client: ServerClient) -> Reply | Unavailable:
            return (await all_of(model_client, [question(fresh=fresh)]))[0]

        return used(server, use, cache=AnswerCache.open(tmp_path / "answers.sqlite"), price_in=1.0)

    first, second, third = ask(False), ask(False), ask(True)
    assert len(server.requests) == 2
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert isinstance(third, Reply)
    assert (first.cached, second.cached, third.cached) == (False, True, False)
    assert first.logprobs == second.logprobs == third.logprobs
    assert first.cost
    assert second.cost == 0.0


def test_client_fails_item_that_is_blamed(server: ModelServer) -> None:
    server.behaviour = Behaviour(faults=Faults(always="400"))
    answer = one_of(server)
    assert isinstance(answer, Reply)
    assert answer.failed == "The prompt is too long."
    assert answer.logprobs is None


@pytest.mark.parametrize(("fault", "says"), [("401", "No such key."), ("402", "Insufficient credits.")])
def test_client_leaves_question_open_for_key_and_money(server: ModelServer, fault: str, says: str) -> None:
    server.behaviour = Behaviour(faults=Faults(always=fault))
    answer = one_of(server)
    assert isinstance(answer, Unavailable)
    assert says in answer.why
    assert len(server.requests) == 1


def test_client_re_asks_and_counts_lost_log_probabilities(server: ModelServer) -> None:
    server.behaviour = Behaviour(cost=0.5, faults=Faults(plan=("null-logprobs",)))
    answer = one_of(server)
    assert isinstance(answer, Reply)
    assert answer.logprobs is not None
    assert answer.cost == 1.0
    assert len(server.requests) == 2


def test_client_pauses_without_log_probabilities(server: ModelServer) -> None:
    server.behaviour = Behaviour(logprobs="null")
    answer = one_of(server)
    assert isinstance(answer, Unavailable)
    assert "no log-probabilities" in answer.why


def test_client_ignores_other_providers_answer() -> None:
    with ModelServer(Behaviour(provider="Brandnew")) as server:
        answer = one_of(server, endpoint=held(server, provider="acme/fp8"))
        assert isinstance(answer, Unavailable)
        assert "Brandnew" in answer.why
        assert "acme/fp8" in answer.why


def test_client_counts_pinned_providers_answer() -> None:
    with ModelServer(Behaviour(provider="Acme")) as server:
        answer = one_of(server, endpoint=held(server, provider="acme/fp8"))
        assert isinstance(answer, Reply)
        assert answer.endpoint == "Acme"


def test_client_shows_all_but_own_group(server: ModelServer) -> None:
    async def use(model_client: ServerClient) -> dict[int, Reply | Unavailable]:
        model_client.relabel(3, [(item, None, item % 2) for item in range(12)])
        model_client.relabel(3, [(11, 1, None)])
        return await all_of(model_client, [Query("q", 2, 3, 0, "all")])

    used(server, use)
    prompt = server.requests[0].body["prompt"]
    shown = [number for number in range(12) if f"number {number} [" in prompt]
    assert shown == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]


def test_client_expects_at_least_the_cost_paid(server: ModelServer) -> None:
    async def use(model_client: ServerClient) -> tuple[float | None, Reply | Unavailable]:
        expected = model_client.expected_cost(question())
        return expected, (await all_of(model_client, [question()]))[0]

    expected, answer = used(server, use, endpoint=held(server, price=Price(2.0, 10.0)))
    assert expected is not None
    assert isinstance(answer, Reply)
    assert answer.cost is not None
    assert 0 < answer.cost <= expected


async def told(model_client: ServerClient) -> list[Piece]:
    return [piece async for piece in model_client.explain(question(), 0)]


def test_client_streams_explanation_and_reasoning() -> None:
    with ModelServer(Behaviour(reasons=True, cost=0.25)) as server:
        pieces = used(server, told, endpoint=held(server, kind="chat", prefill="none"))
        assert "".join(piece.text for piece in pieces if piece.reasoning)
        assert "".join(piece.text for piece in pieces if not piece.reasoning)
        assert pieces[-1].cost == 0.25
        assert pieces[-1].tokens
        asked = server.requests[0].body
        assert asked["stream"] is True
        assert "Set: A" in asked["messages"][0]["content"]


def test_client_says_why_explanation_is_refused(server: ModelServer) -> None:
    server.behaviour = Behaviour(faults=Faults(always="402"))
    with pytest.raises(RunFailed, match="Insufficient credits"):
        used(server, told)


def test_client_uses_changed_key(tmp_path: Path) -> None:
    with ModelServer(Behaviour(key="the-right-secret")) as server:
        (tmp_path / ".env").write_text("SOME_KEY=the-wrong-secret\n")

        async def use(model_client: ServerClient) -> list[Reply | Unavailable]:
            before = (await all_of(model_client, [question()]))[0]
            (tmp_path / ".env").write_text("SOME_KEY=the-right-secret\n")
            model = Model(backend="openai", base_url=server.base_url, model="tiny", key_env="SOME_KEY")
            model_client.apply_settings(model, Reasoning())
            return [before, (await all_of(model_client, [question()]))[0]]

        before, after = used(server, use, folder=tmp_path, key_env="SOME_KEY")
        assert isinstance(before, Unavailable)
        assert isinstance(after, Reply)


def test_client_close_ends_queries_in_flight(server: ModelServer) -> None:
    server.behaviour = Behaviour(faults=Faults(always="silent"))

    async def use(model_client: ServerClient) -> list[object]:
        model_client.ask(question())
        return list(await model_client.replies(0.0))

    assert used(server, use) == []
