"""Reads why a server gave no answer, and decides what the error blames."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

from icm_tui.models.server.reply.types import Fault, Record, array, count, decode, number, record, text
from icm_tui.text import multi_line

Kind = Literal["item", "retry", "pause"]

_LINES, _CHARACTERS = 12, 900
# Longer than any reason. The rest of a hostile body is ignored.
_LOOKED_AT = 20_000
_MAYBE_KEY = re.compile(r"(?i)(\bbearer\s+)[^\s\"',]+|\b(?:sk|pk|rk)-[\w*.-]{8,}")
_TITLE = re.compile(r"(?is)<title[^>]*>([^<]{1,300})")

_TRY_AGAIN = {408, 409, 425, 429}
_ITEM = {400, 413, 422}
# Names that servers put into `code`, `type` or `error_type`; they say more than the status.
_MODERATED = re.compile(r"(?i)moderation|content_?(?:filter|policy)|flagged")
_ITEM_NAMES = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length", "invalid_prompt"}
_PAUSE_NAMES = {
    "authentication_error",
    "billing_hard_limit_reached",
    "insufficient_credits",
    "insufficient_quota",
    "invalid_api_key",
    "model_not_found",
}
# A request that is wrong in one of these fields is wrong for every item.
_SETTINGS = {"logit_bias", "logprobs", "model", "seed", "temperature", "top_logprobs", "top_p"}


def read_fault(
    status: int, content: object, headers: Mapping[str, str] | None = None, now: float = 0.0, *, default: str = ""
) -> Fault:
    """The fault of a reply with `status` and the body `content` (bytes, or decoded JSON).

    `now` is in unix seconds, for a Retry-After that is a date; `default` is the message if the body has none. A 400
    that wraps a code to be retried, and a 200 that wraps any code, count as that code. 400, 413, 422 and moderation
    blame the item, unless the body says that the key, money, model or a setting is at fault. That pauses, as do 401,
    402, other 403s, 404 and the daily limit of free models. All else is retried.
    """
    body = _body(content)
    error = _error(body)
    decided = _decided(status, error)
    message = _reason(body) or default or f"The server answered {status} and gave no reason."
    return Fault(_kind(decided, error, message), message, decided or status, _retry_after(error, headers or {}, now))


def screenful(message: str) -> str:
    """`message` without control characters and what may be a key, cut to twelve lines and 900 characters."""
    shown = _MAYBE_KEY.sub(lambda found: (found[1] or "") + "[key]", multi_line(message[:_LOOKED_AT])).strip()
    lines = shown.split("\n")
    cut = "\n".join(lines[:_LINES])[:_CHARACTERS].rstrip()
    return cut if cut == shown else f"{cut}\u2026"


def _body(content: object) -> object:
    if not isinstance(content, bytes):
        return content
    try:
        return decode(content)
    except ValueError:
        return content.decode("utf-8", "replace")


def _error(body: object) -> Record:
    """The object with the error's fields, at whichever level it is."""
    fields = record(body)
    return record(fields.get("error")) or fields


def _decided(status: int, error: Record) -> int:
    """The status that decides; 0 if a 200 wraps no number."""
    inner = _number_of(error.get("code"))
    if inner is None:
        inner = _number_of(error.get("http_status"))
    if 200 <= status < 300:
        return inner if inner is not None and inner >= 300 else 0
    if status == 400 and inner is not None and (inner in _TRY_AGAIN or inner >= 500):
        return inner
    return status


def _number_of(value: object) -> int | None:
    found = count(int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value) else value)
    return found if found is not None and 100 <= found <= 999 else None


def _kind(status: int, error: Record, message: str) -> Kind:
    metadata = record(error.get("metadata"))
    availability = record(error.get("availability"))
    names = {text(holder.get(key)) for holder in (error, metadata) for key in ("code", "type", "error_type")}
    moderated = "flagged_input" in metadata or any(_MODERATED.search(name) for name in names)
    if status == 403:
        moderated = moderated or _MODERATED.search(message) is not None
        return "item" if moderated else "pause"
    retried = status in _TRY_AGAIN or status >= 500 or status == 0
    if names & _PAUSE_NAMES or (status in (0, 429) and "free-models-per-day" in message):
        return "pause"
    if status in _ITEM or (status == 0 and (moderated or names & _ITEM_NAMES)):
        return "pause" if text(error.get("param")) in _SETTINGS else "item"
    return "retry" if retried and availability.get("retryable") is not False else "pause"


def _reason(body: object) -> str:
    return screenful(_said(body, 0))


def _said(body: object, depth: int) -> str:
    if isinstance(body, str):
        return _first_line(body)
    fields = record(body)
    named = fields.get("error")
    if isinstance(named, str) and named.strip():
        return text(named)
    error = record(named) or fields
    said = _wrapped(error, depth) or _listed(fields.get("detail")) or text(fields.get("message"))
    return said or text(error.get("type")) or text(error.get("code"))


def _wrapped(error: Record, depth: int) -> str:
    """The error's own words; what the provider said replaces a router's "Provider returned error"."""
    metadata = record(error.get("metadata"))
    message = text(error.get("message")).strip()
    raw = metadata.get("raw")
    if isinstance(raw, str) and raw.strip() and depth < 3:
        raw = _body(raw[:_LOOKED_AT].encode("utf-8", "replace"))
    inner = _said(raw, depth + 1) if raw and depth < 3 else ""
    if inner:
        provider = text(metadata.get("provider_name"))
        message = f"{provider}: {inner}" if provider else inner
    excluded = record(error.get("availability")).get("excluded_by")
    by = excluded if isinstance(excluded, str) else ", ".join(text(one) for one in array(excluded))
    if by:
        message = f"{message} (excluded by {text(by)})".strip()
    return message


def _listed(detail: object) -> str:
    if isinstance(detail, str):
        return text(detail)
    lines = []
    for entry in map(record, array(detail)[:_LINES]):
        where = ".".join(str(part) for part in array(entry.get("loc")) if isinstance(part, str | int))
        lines.append(f"{text(where)}: {text(entry.get('msg'))}".strip(": "))
    return "\n".join(line for line in lines if line)


def _first_line(body: str) -> str:
    title = _TITLE.search(body[:_LOOKED_AT])
    if title:
        return f"a web page, \u201c{' '.join(title[1].split())}\u201d"
    return next((line.strip() for line in body[:_LOOKED_AT].splitlines() if line.strip()), "")


def _retry_after(error: Record, headers: Mapping[str, str], now: float) -> float | None:
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    seconds: float | None = None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", given):
        seconds = float(given)
    elif given:
        try:
            when = parsedate_to_datetime(given)
            seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, OverflowError, TypeError):
            seconds = None
    if seconds is None:
        seconds = number(record(error.get("availability")).get("retry_after"))
    return max(seconds, 0.0) if seconds is not None and math.isfinite(seconds) else None
