"""Reads a whole reply of a chat or completions endpoint: the answer, the reasoning before it, log-probabilities, usage.

Reasoning may come in a field of its own or in the answer's text, as `<think>...</think>`.
"""

from collections.abc import Mapping

import msgspec

from icm_tui.models.server.reply.errors import read_fault
from icm_tui.models.server.reply.types import (
    Completion,
    Fault,
    Record,
    TokenLogprobs,
    Usage,
    array,
    count,
    decode,
    name,
    number,
    record,
    text,
)

_OPEN, CLOSE = "<think>", "</think>"
# OpenAI and vLLM write -9999 for "very unlikely" and for "no value", llama.cpp the smallest float for probability zero.
_NO_VALUE = -9999.0
# A sum of floats may be a little above zero.
_ROUNDING = 1e-3
# How vocabularies of older servers write a space or a line break before a token.
_MARKERS = {"\u0120": " ", "\u2581": " ", "\u010a": "\n"}


def read_reply(
    status: int, content_type: str, headers: Mapping[str, str], body: bytes, now: float
) -> Completion | Fault:
    """The answer in a whole reply, or its fault; a 200 is not trusted. `now` is in unix seconds."""
    if not 200 <= status < 300:
        return read_fault(status, body, headers, now)
    if not body.strip():
        return Fault("retry", f"The server answered {status} with an empty body.", status)
    try:
        value = decode(body)
    except ValueError:
        return Fault("retry", _no_json(status, content_type, body), status)
    fields = record(value)
    if fields.get("error") or fields.get("object") == "error":
        return read_fault(status, value, headers, now)
    choices = [choice for choice in array(fields.get("choices")) if isinstance(choice, dict)]
    if not choices:
        default = f"The server answered {status}, but without any choice to read."
        return read_fault(status, value, headers, now, default=default)
    choice: Record = choices[0]
    finish = text(choice.get("finish_reason"))
    if choice.get("error") or finish == "error":
        return read_fault(status, choice, headers, now, default="The server broke off with an error it does not name.")
    message = record(choice.get("message"))
    reasoning = reasoning_field(message)
    answer, inside = split_reasoning(
        content_field(message.get("content")) or text(choice.get("text")), separated=bool(reasoning)
    )
    tokens = read_logprobs(choice.get("logprobs"), answer)
    if finish == "content_filter" and not answer and not tokens:
        return Fault("item", "The server's content filter held the answer back.", status)
    return Completion(
        answer,
        reasoning + inside,
        tokens,
        finish,
        usage_of(fields),
        name(fields.get("model")),
        name(fields.get("provider")),
    )


def reasoning_field(message: Record) -> str:
    """The reasoning in a field of its own of a message or delta; if it is there twice, only once."""
    for key in ("reasoning", "reasoning_content"):
        if reasoning := text(message.get(key)):
            return reasoning
    details = [record(detail) for detail in array(message.get("reasoning_details"))]
    return "".join(text(detail.get("text")) or text(detail.get("summary")) for detail in details)


def content_field(content: object) -> str:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return text(content)
    return "".join(text(record(part).get("text")) for part in array(content))


def usage_of(fields: Record) -> Usage:
    """What a reply or chunk took, by its own account. With a person's own key, the provider is paid besides the
    router."""
    usage = record(fields.get("usage"))
    # llama.cpp's streams on completions may contain only timings.
    timings = record(fields.get("timings"))
    reused, computed = count(timings.get("cache_n")), count(timings.get("prompt_n"))
    cached = [
        record(usage.get("prompt_tokens_details")).get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),
        usage.get("cached_tokens"),
        reused,
    ]
    cost = number(usage.get("cost"))
    upstream = number(record(usage.get("cost_details")).get("upstream_inference_cost"))
    if cost is not None and upstream is not None and usage.get("is_byok") is True:
        cost += upstream
    tokens_in, tokens_out = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    if tokens_in is None and reused is not None and computed is not None:
        tokens_in = reused + computed
    return Usage(
        tokens_in=tokens_in,
        tokens_out=count(timings.get("predicted_n")) if tokens_out is None else tokens_out,
        tokens_cached=next((known for known in map(count, cached) if known is not None), None),
        cost=cost if cost is not None and cost >= 0 else None,
    )


def read_logprobs(value: object, written: str = "") -> list[TokenLogprobs] | None:
    """The places of a reply from its `logprobs` field; None if there are none.

    Accepts the shapes of chat (`content`), of completions (`tokens`, `token_logprobs`, `top_logprobs`) and of Together,
    whose streams have a bare number for the text `written` in the same chunk.
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
        # One map for the whole reply, which is clear only if there is one place.
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
    """Restore the written token's own value: in a map, tokens of one text share a key, and the last value wins."""
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


def _no_json(status: int, content_type: str, body: bytes) -> str:
    if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        return f"The server answered {status} with a web page; is the base URL right?"
    return f"The server answered {status} with something that is not JSON."


class Delta(msgspec.Struct, frozen=True):
    """What came next: a piece of the reasoning, then a piece of the answer.

    `turned` says that all text before this piece was reasoning, too, because templates may omit the opening tag.
    """

    text: str = ""
    reasoning: str = ""
    turned: bool = False

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.turned)


class ReasoningSplitter:
    """Splits a text that comes in pieces. What may be the beginning of a tag is held back until that is clear."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"
        self._may_turn = True

    def reasoning_separated(self) -> None:
        """Note that the server separates reasoning itself, so that a lone closing tag belongs to the answer."""
        self._may_turn = False

    def feed(self, piece: str, *, last: bool = False) -> Delta:
        """What `piece` adds; with `last`, everything that was held back, too."""
        rest = self._held + piece
        self._held = ""
        text: list[str] = []
        reasoning: list[str] = []
        turned = False
        while rest:
            if self._state == "start":
                bare = rest.lstrip()
                if bare.startswith(_OPEN):
                    self._state, self._may_turn = "reasoning", False
                    rest = bare[len(_OPEN) :]
                elif _OPEN.startswith(bare) and not last:
                    self._held, rest = rest, ""
                else:
                    self._state = "text"
            elif self._state == "reasoning" or self._may_turn:
                before, tag, after = rest.partition(CLOSE)
                if not tag and not last:
                    keep = _half_tag(rest)
                    before, self._held = rest[: len(rest) - keep], rest[len(rest) - keep :]
                if self._state == "reasoning":
                    reasoning.append(before)
                elif tag:
                    reasoning += [*text, before]
                    text, turned = [], True
                else:
                    text.append(before)
                if tag:
                    self._state, self._may_turn = "start", False
                rest = after
            else:
                text.append(rest)
                rest = ""
        return Delta("".join(text), "".join(reasoning), turned)


def split_reasoning(content: str, *, separated: bool = False) -> tuple[str, str]:
    """(answer, reasoning) of a whole text. `separated`: the server gave the reasoning in a field of its own."""
    splitter = ReasoningSplitter()
    if separated:
        splitter.reasoning_separated()
    whole = splitter.feed(content, last=True)
    return whole.text, whole.reasoning


def _half_tag(text: str) -> int:
    return next((size for size in range(len(CLOSE) - 1, 0, -1) if text.endswith(CLOSE[:size])), 0)
