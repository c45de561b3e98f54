"""Finds credentials in a profile, which must name an environment variable instead."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

# Names are split into words, so that `max_tokens`, `stop_token_ids` and `prompt_cache_key` are no credentials.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ALWAYS = {
    "authorization", "bearer", "password", "passwd", "secret", "secrets", "credential", "credentials", "cookie",
    "signature", "sig", "apikey", "accesskey", "secretkey", "accesstoken", "authtoken",
}  # fmt: skip
_LAST = {
    "key": {"api", "access", "secret", "private", "auth", "subscription", "account", "service", "x"},
    "auth": {"basic", "proxy", "http"},
    "token": {"api", "access", "auth", "bearer", "refresh", "session", "id", "secret", "hf", "github"},
}
_VALUE = re.compile(
    r"\s*((sk|pk|rk|gsk|xai|hf|ghp|github_pat|glpat|nvapi|AIza)[-_]?[A-Za-z0-9_-]{16,}|sk-.+|Bearer\s.+)", re.I
)


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a credential: Authorization, api_key, access-token, …"""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    if _ALWAYS.intersection(words) or "".join(words) in _ALWAYS:
        return True
    kinds = _LAST.get(words[-1])
    return kinds is not None and (len(words) == 1 or words[-2] in kinds)


def is_secret_value(text: str) -> bool:
    """Whether a text looks like a credential, by the prefixes that services give their keys."""
    return _VALUE.fullmatch(text) is not None


def url_fault(url: str) -> str | None:
    """Which part of an address carries a credential, in words; None if none does."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "a user name or password before the @"
    for query in (parts.query, parts.fragment):
        for name, value in parse_qsl(query, keep_blank_values=True):
            if is_secret_name(name) or is_secret_value(value):
                return f"the credential {name}="
    return None


def secret_paths(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths inside nested tables and lists to texts that have the name of a credential or look like one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str) and is_secret_name(name):
                yield (*path, name)
            else:
                yield from secret_paths(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from secret_paths(inner, path)
    elif isinstance(value, str) and is_secret_value(value):
        yield path
