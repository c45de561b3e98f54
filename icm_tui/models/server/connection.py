"""Opens the way to a model server as a profile names it: the key, the client, the one endpoint a router is held to."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from icm_tui.domain.reply import Endpoint
from icm_tui.errors import UserError
from icm_tui.models.gguf.launch import serve
from icm_tui.models.server.http import Client
from icm_tui.models.server.keys import Key, find_key
from icm_tui.models.server.router import Pin, choose, endpoints_of, is_openrouter
from icm_tui.profile.schema import Model

# A model file's server keeps what it read by slots. Questions go to it one by one, so that a context stays where it was
# read; explanations take the other slot.
_SLOTS = 2
_AT_ONCE = 1


class Connection(msgspec.Struct, frozen=True):
    """A server that can be asked. `base_url` names it in an Endpoint (see there); `pin` is set at a router whose one
    endpoint was chosen just now; `most` is how many questions it is to have in flight, None if the profile alone
    says that. `trouble` says what became of a server of our own, None while it serves."""

    client: Client
    base_url: str
    key: Key | None
    pin: Pin | None = None
    most: int | None = None
    trouble: Callable[[], str | None] = lambda: None


@asynccontextmanager
async def connect(model: Model, folder: Path, held: Endpoint | None = None) -> AsyncIterator[Connection]:
    """The server of a resolved profile's model section; a model file gets one of its own that ends with the context.

    `folder` may hold a file .env with the key. With `held`, the endpoint of a run under way, no other is chosen. Raises
    UserError: no key, no such provider, no such file.
    """
    if model.backend == "gguf":
        assert model.path is not None
        async with serve(Path(model.path).expanduser(), slots=_SLOTS) as local:
            if held is not None and held.base_url != f"gguf:{local.digest}":
                raise UserError(
                    f"{model.path} is another file than the run began with. Put it back, or start a new run."
                )
            client = Client(local.base_url, local.key, concurrency=_AT_ONCE, timeout_s=model.timeout_s)
            try:
                yield Connection(client, f"gguf:{local.digest}", local.key, most=_AT_ONCE, trouble=local.trouble)
            finally:
                await client.close()
        return
    assert model.base_url is not None
    key = find_key(model.key_env, folder)
    base_url = model.base_url.rstrip("/")
    client = Client(base_url, key, concurrency=model.concurrency, timeout_s=model.timeout_s)
    try:
        pin = None
        if is_openrouter(base_url) and held is None:
            pin = choose(await endpoints_of(client, model.model or ""), model.providers)
        yield Connection(client, base_url, key, pin)
    finally:
        await client.close()
