"""The key of a model server: found by the name of its variable, and never shown."""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import AnyStr, NoReturn
from urllib.parse import quote, quote_plus

from dotenv import dotenv_values

from icm_tui.errors import UserError
from icm_tui.text import one_line

_MASK = "[key]"
# Local servers accept any word ("x", "EMPTY"). So short a value is no secret, and replacing it would garble replies, in
# which it may be the name of a field.
_SHORTEST_SECRET = 8


class Key:
    """A key and the name of its variable. It can be sent and hidden, but not shown or stored."""

    __slots__ = ("_bytes", "_secret", "_texts", "name")

    def __init__(self, name: str, secret: str) -> None:
        self.name = name
        self._secret = secret
        self._texts = _forms(secret) if len(secret) >= _SHORTEST_SECRET else []
        # A server may return a letter beyond ASCII in either encoding.
        both = {text.encode(encoding) for text in self._texts for encoding in ("utf-8", "latin-1")}
        self._bytes = sorted(both, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Key({self.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never written anywhere")

    def headers(self) -> dict[str, bytes]:
        """The header that carries the key, as bytes, since it may contain letters beyond ASCII."""
        return {"Authorization": b"Bearer " + self._secret.encode("latin-1")}

    def hide(self, data: bytes) -> bytes:
        """`data` with every occurrence of the key replaced: as it is, escaped for JSON or a URL, or in base64.

        A value of fewer than eight characters is taken for a placeholder and left.
        """
        for form in self._bytes:
            data = data.replace(form, _MASK.encode())
        return data

    def hide_text(self, text: str) -> str:
        """Do as `hide` for text."""
        for form in self._texts:
            text = text.replace(form, _MASK)
        return text

    def held_back(self, data: bytes) -> int:
        """How many bytes at the end of `data` may be the beginning of the key in any of its forms."""
        return max((_begun(data, form) for form in self._bytes), default=0)

    def held_back_text(self, text: str) -> int:
        """Count as `held_back` does, in characters of a text."""
        return max((_begun(text, form) for form in self._texts), default=0)


def find_key(name: str | None, folder: Path, environ: Mapping[str, str] = os.environ) -> Key | None:
    """The value of the variable `name` in the environment or, if it is not set there, in the file `.env` of `folder`;
    None without a name. An empty value counts as not set.

    Raises UserError, which never shows a value, if the key is set nowhere or cannot be sent, or `.env` cannot be read.
    """
    if name is None:
        return None
    shown, path = one_line(name), folder / ".env"
    secret = environ.get(name, "").strip(" ") or (_read(path).get(name) or "").strip(" ")
    if not secret:
        raise UserError(
            f"The key is set nowhere: neither the environment nor {path} gives {shown} a value. "
            f"Set it in one of them, or name another variable in model.key_env."
        )
    if not secret.isprintable() or any(ord(letter) > 0xFF for letter in secret):
        raise UserError(
            f"The value of {shown} cannot be a key: it contains a line break, a control character or a letter that no "
            f"header can carry. Set it again, in the environment or in {path}."
        )
    return Key(name, secret)


def _read(path: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) and fault.strerror else "it is not UTF-8 text"
        raise UserError(f"{path} cannot be read: {why}. Fix the file, or set the key in the environment.") from None


def _forms(secret: str) -> list[str]:
    """All ways in which servers may write the key, the longest first."""
    raw = secret.encode("latin-1")
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    escaped |= {form.replace("/", "\\/") for form in escaped}
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    coded = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return sorted({secret} | escaped | quoted | coded, key=lambda form: (-len(form), form))


def _begun(text: AnyStr, form: AnyStr) -> int:
    longest = min(len(form) - 1, len(text))
    return next((size for size in range(longest, 0, -1) if text.endswith(form[:size])), 0)
