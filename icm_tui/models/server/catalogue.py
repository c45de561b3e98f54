"""The models that a server offers, and the copy of that list on disk.

OpenRouter's list contains prices, context lengths and parameters; those of other servers contain little but names.
"""

import contextlib
import hashlib
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from icm_tui import files
from icm_tui.domain.reply import Price
from icm_tui.errors import UserError
from icm_tui.files import cache_dir, make_private
from icm_tui.models.server.cost import read_price
from icm_tui.models.server.http import Client
from icm_tui.models.server.reply.errors import read_fault
from icm_tui.models.server.reply.types import Fault, count, decode, name, record, text
from icm_tui.text import one_line

_DAY = 24 * 3600.0
_MOST_PAGES = 100
_PRIVATE = 0o600


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model of a catalogue. `context` is in tokens, `created` in unix seconds, `expires` a date as the server writes
    it. `parameters` are the fields of a request that some provider accepts, None if unknown."""

    id: str
    name: str = ""
    context: int | None = None
    price: Price | None = None
    parameters: list[str] | None = None
    created: int | None = None
    expires: str | None = None

    @property
    def logprobs(self) -> bool | None:
        """Whether some provider gives log-probabilities; None if unknown."""
        return None if self.parameters is None else "logprobs" in self.parameters


class Catalogue(msgspec.Struct, frozen=True):
    """What the server at `base_url` offered at `at` (unix seconds). `stale` says why it could not be renewed."""

    base_url: str
    at: float
    models: list[Offer]
    stale: str = ""


async def load(client: Client, base_url: str, *, fresh: bool, now: float) -> Catalogue:
    """The catalogue of the server: the copy on disk if that is at most a day old, unless `fresh` asks for a new one.

    `now` is in unix seconds. If the server gives none, a copy of any age is used. Raises UserError if there is none.
    """
    path = _file(base_url)
    kept = _kept(path)
    if kept is not None and not fresh and 0 <= now - kept.at <= _DAY:
        return kept
    read = await _read(client)
    if isinstance(read, str):
        if kept is None:
            raise UserError(f"The models at {one_line(base_url)} could not be listed: {read}")
        return msgspec.structs.replace(kept, stale=read)
    catalogue = Catalogue(base_url, now, read)
    with contextlib.suppress(OSError):
        make_private(path.parent)
        files.write(path, msgspec.json.encode(catalogue), _PRIVATE)
    return catalogue


def read_page(body: bytes) -> tuple[list[Offer], dict[str, str]] | None:
    """The models of a page, and the query of the next page, empty after the last. None if the body contains no list of
    models. Only the query of the next page's address is used, so that no reply can lead to another server."""
    try:
        value = decode(body)
    except ValueError:
        return None
    listing = value if isinstance(value, list) else record(value).get("data")
    if not isinstance(listing, list):
        return None
    offers = [offer for offer in map(_offer, listing) if offer.id]
    return offers, _query(text(record(record(value).get("links")).get("next")))


async def _read(client: Client) -> list[Offer] | str:
    """All pages, or why they could not be read."""
    found: dict[str, Offer] = {}
    query: dict[str, str] = {}
    seen: list[dict[str, str]] = []
    while query not in seen and len(seen) < _MOST_PAGES:
        seen.append(query)
        got = await client.get("/models", query or None)
        if isinstance(got, Fault):
            return one_line(got.message)
        if got.status != 200:
            return one_line(read_fault(got.status, got.body).message)
        page = read_page(got.body)
        if page is None:
            return "the reply to GET /models contains no list of models."
        offers, query = page
        found.update((offer.id, offer) for offer in offers)
        if not query:
            break
    return sorted(found.values(), key=lambda offer: offer.id.casefold())


def _offer(value: object) -> Offer:
    fields = record(value)
    parameters = fields.get("supported_parameters")
    lengths = (fields.get("context_length"), fields.get("max_model_len"), record(fields.get("meta")).get("n_ctx"))
    return Offer(
        name(fields.get("id")),
        name(fields.get("name")),
        next((length for length in map(count, lengths) if length), None),
        read_price(fields.get("pricing")),
        sorted({name(one) for one in parameters} - {""}) if isinstance(parameters, list) else None,
        count(fields.get("created")),
        name(fields.get("expiration_date")) or None,
    )


def _query(address: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(urlsplit(address).query, max_num_fields=20))
    except ValueError:
        return {}


def _file(base_url: str) -> Path:
    digest = hashlib.sha256(base_url.encode("utf-8", "replace")).hexdigest()
    return cache_dir() / "catalogues" / f"{digest}.json"


def _kept(path: Path) -> Catalogue | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Catalogue)
    except (OSError, ValueError):
        return None
