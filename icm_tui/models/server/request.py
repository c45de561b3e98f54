"""One request to a model server, as it is sent."""

from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True):
    """A POST: `path` below the base URL ("/chat/completions"), and the body before it is written as JSON."""

    path: str
    body: dict[str, Any]
