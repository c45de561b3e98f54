"""Log-probabilities as servers write them, in every shape met on either endpoint."""

from icm_tui.models.server.reply.fields import Record, array, number, record, text
from icm_tui.models.server.reply.types import TokenLogprobs

# OpenAI and vLLM write -9999 for "very unlikely" and for "no value", llama.cpp the smallest float for probability zero.
_NO_VALUE = -9999.0
# A sum of floats may come out a little above zero.
_ROUNDING = 1e-3
# Vocabularies of older servers write a space or a line's end before a token as one of these.
_MARKERS = {"\u0120": " ", "\u2581": " ", "\u010a": "\n"}


def read_logprobs(value: object, written: str = "") -> list[TokenLogprobs] | None:
    """The places of a reply from its `logprobs` field; None if there are none.

    Takes the chat shape (`content`), the completions shape (`tokens`, `token_logprobs`, `top_logprobs`) and Together's,
    whose streams carry a bare number for the text `written` in the same chunk.
    """
    if isinstance(value, int | float):
        return [TokenLogprobs(_token(written), _value(value))]
    fields = record(value)
    places = [_chat_place(entry) for entry in array(fields.get("content")) if isinstance(entry, dict)]
    return places or _columns(fields) or None


def _chat_place(entry: Record) -> TokenLogprobs:
    return TokenLogprobs(_token(entry.get("token")), _value(entry.get("logprob")), _top(entry.get("top_logprobs")))


def _columns(fields: Record) -> list[TokenLogprobs]:
    tokens = [_token(token) for token in array(fields.get("tokens"))]
    values = array(fields.get("token_logprobs"))
    tops: object = fields.get("top_logprobs")
    if isinstance(tops, dict):
        # One map for the whole reply: where it belongs is plain only if there is one place.
        tops = [tops] if len(tokens) == 1 else []
    rows = array(tops)
    places = []
    for at, token in enumerate(tokens):
        own = _value(values[at]) if at < len(values) else None
        places.append(TokenLogprobs(token, own, _uncollapsed(token, own, _top(rows[at] if at < len(rows) else None))))
    return places


def _top(value: object) -> list[tuple[str, float]]:
    if isinstance(value, dict):
        pairs = [(_token(token), _value(logprob)) for token, logprob in value.items()]
    else:
        entries = [record(entry) for entry in array(value)]
        pairs = [(_token(entry.get("token")), _value(entry.get("logprob"))) for entry in entries if "token" in entry]
    known = {(token, logprob): None for token, logprob in pairs if logprob is not None}
    return sorted(known, key=lambda pair: -pair[1])


def _uncollapsed(token: str, own: float | None, top: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """In a map, tokens of one text share one key and the last value wins; the written token's own value is known."""
    if own is None or not any(text == token and logprob < own - _ROUNDING for text, logprob in top):
        return top
    kept = [pair for pair in top if pair[0] != token]
    return sorted([*kept, (token, own)], key=lambda pair: -pair[1])


def _token(value: object) -> str:
    found = text(value)
    at = 0
    while at < len(found) and found[at] in _MARKERS:
        at += 1
    return "".join(_MARKERS[mark] for mark in found[:at]) + found[at:]


def _value(value: object) -> float | None:
    found = number(value)
    if found is None or found <= _NO_VALUE or found > _ROUNDING:
        return None
    return min(found, 0.0)
