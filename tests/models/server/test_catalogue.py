"""A server's catalogue: read in pages, whatever is in them, and kept on disk."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.reply import Price
from icm_tui.errors import UserError
from icm_tui.files import cache_dir
from icm_tui.models.server.catalogue import Catalogue, Offer, load, read_page
from icm_tui.models.server.http import Client
from tests.servers.model import Behaviour, ModelServer
from tests.servers.openrouter import SHOP, OpenRouterServer

_NOW = 1_790_000_000.0
_DAY = 24 * 3600.0

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = [
    "id", "name", "context_length", "max_model_len", "meta", "pricing", "supported_parameters", "created",
    "expiration_date",
]  # fmt: skip


def _loaded(base_url: str, now: float = _NOW, *, fresh: bool = False) -> Catalogue:
    async def work() -> Catalogue:
        client = Client(base_url, None, concurrency=1, timeout_s=20)
        try:
            return await load(client, base_url, fresh=fresh, now=now)
        finally:
            await client.close()

    return asyncio.run(work())


def _files(home: Path) -> list[Path]:
    return sorted((home / "cache" / "catalogues").iterdir())


def test_catalogue_reads_all_pages_from_one_server() -> None:
    with OpenRouterServer(a_page=3) as server:
        catalogue = _loaded(server.base_url)
        asked = [(request.path, request.query) for request in server.requests]
    assert [offer.id for offer in catalogue.models] == [
        "acme/large-2",
        "acme/mute-1",
        "acme/tiny-1",
        "zeta/tiny-3:free",
    ]
    assert asked == [("/v1/models", ""), ("/v1/models", "offset=3")]
    assert catalogue.models[2] == Offer(
        "acme/tiny-1",
        "Acme: Tiny-1",
        32768,
        Price(0.1, 0.6),
        ["logprobs", "max_tokens", "seed", "temperature", "top_logprobs"],
        1_760_000_000,
    )
    assert [offer.logprobs for offer in catalogue.models] == [True, False, True, True]


def test_catalogue_ends_circular_pages() -> None:
    with OpenRouterServer(a_page=0) as server:
        assert _loaded(server.base_url).models == []
        assert len(server.requests) == 2


def test_catalogue_reads_other_servers_list() -> None:
    with ModelServer(Behaviour(models=("tiny", "small"))) as server:
        catalogue = _loaded(server.base_url)
    assert [offer.id for offer in catalogue.models] == ["small", "tiny"]
    assert {offer.logprobs for offer in catalogue.models} == {None}


@pytest.mark.parametrize(
    ("told", "offer"),
    [
        ({"data": [{"id": "m", "max_model_len": 4096}]}, Offer("m", context=4096)),
        ({"data": [{"id": "m", "meta": {"n_ctx": 512}}], "models": []}, Offer("m", context=512)),
        ([{"id": "m", "context_length": 8192, "pricing": {"input": 0.2}}], Offer("m", context=8192)),
        (
            {"data": [{"id": "\x1b[31mm\n", "name": "\x9b2Jn", "supported_parameters": [3, "logprobs", ""]}, 7]},
            Offer("m", "n", parameters=["logprobs"]),
        ),
    ],
)
def test_read_page_knows_shapes_of_lists(told: object, offer: Offer) -> None:
    assert read_page(json.dumps(told).encode()) == ([offer], {})


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": 3}', b"null", b"[" * 100_000])
def test_read_page_without_list_is_none(body: bytes) -> None:
    assert read_page(body) is None


@given(st.dictionaries(st.sampled_from(_FIELDS), _json), _json, _json)
def test_read_page_takes_any_fields(fields: dict[str, Any], links: object, other: object) -> None:
    page = read_page(json.dumps({"data": [{"id": "m", **fields}, other], "links": links}).encode())
    assert page is not None
    assert all(offer.id and offer.id.isprintable() for offer in page[0] if offer.id.isascii())
    read_page(json.dumps({"data": [], "links": {"next": other}}).encode())


def test_catalogue_is_kept_for_a_day(home: Path) -> None:
    with OpenRouterServer() as server:
        first = _loaded(server.base_url)
        server.shop = {}
        assert _loaded(server.base_url, _NOW + _DAY) == first
        assert len(server.requests) == 1
        (file,) = _files(home)
        assert file.stat().st_mode & 0o077 == 0
        assert file.is_relative_to(cache_dir())
        fresh = _loaded(server.base_url, _NOW + 60, fresh=True)
        assert (fresh.at, fresh.models) == (_NOW + 60, [])
        server.shop = {"acme/new-1": SHOP["acme/large-2"]}
        assert [offer.id for offer in _loaded(server.base_url, _NOW + 2 * _DAY).models] == ["acme/new-1"]


def test_catalogue_from_future_is_read_again() -> None:
    with OpenRouterServer() as server:
        _loaded(server.base_url, _NOW + 3600)
        assert _loaded(server.base_url, _NOW).at == _NOW


def test_catalogue_is_kept_for_each_server(home: Path) -> None:
    with OpenRouterServer() as one, ModelServer() as other:
        assert _loaded(one.base_url).models != _loaded(other.base_url).models
    assert len(_files(home)) == 2


def test_catalogue_may_be_old_without_network() -> None:
    with OpenRouterServer() as server:
        first = _loaded(server.base_url)
    later = _loaded(server.base_url, _NOW + 9 * _DAY)
    assert (later.at, later.models) == (_NOW, first.models)
    assert "127.0.0.1" in later.stale
    assert _loaded(server.base_url, _NOW + 9 * _DAY).stale


def test_catalogue_fails_without_network_and_copy(home: Path) -> None:
    with OpenRouterServer() as server:
        base_url = server.base_url
    with pytest.raises(UserError, match=r"^The models at http://127\.0\.0\.1:.* could not be listed: "):
        _loaded(base_url)
    assert not (home / "cache" / "catalogues").exists()


def test_catalogue_fails_without_demanded_key() -> None:
    with ModelServer(Behaviour(key="a-secret-word")) as server, pytest.raises(UserError, match="Incorrect API key"):
        _loaded(server.base_url)


@pytest.mark.parametrize("content", [b"", b"{", b'{"base_url": 3}', b"\xff"])
def test_catalogue_ignores_unreadable_copy(home: Path, content: bytes) -> None:
    with OpenRouterServer() as server:
        first = _loaded(server.base_url)
        (file,) = _files(home)
        file.write_bytes(content)
        assert _loaded(server.base_url) == first
        assert len(server.requests) == 2


@given(st.binary(max_size=200))
def test_read_page_takes_any_bytes(body: bytes) -> None:
    page = read_page(body)
    assert page is None or all(offer.id for offer in page[0])
