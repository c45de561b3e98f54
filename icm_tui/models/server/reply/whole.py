"""A whole reply of a chat or completions endpoint: an answer, or why there is none."""

from collections.abc import Mapping

from icm_tui.models.server.reply.errors import read_fault
from icm_tui.models.server.reply.fields import Record, array, count, decode, number, record, text
from icm_tui.models.server.reply.logprobs import read_logprobs
from icm_tui.models.server.reply.reasoning import split_reasoning
from icm_tui.models.server.reply.types import Completion, Fault, Usage
from icm_tui.text import one_line

_NAME = 200


def read_reply(
    status: int, content_type: str, headers: Mapping[str, str], body: bytes, now: float
) -> Completion | Fault:
    """The answer in a reply that arrived whole, or its fault; a 200 is not trusted. `now` is in unix seconds."""
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
    told = reasoning_field(message)
    answer, inside = split_reasoning(
        content_field(message.get("content")) or text(choice.get("text")), told_apart=bool(told)
    )
    tokens = read_logprobs(choice.get("logprobs"), answer)
    if finish == "content_filter" and not answer and not tokens:
        return Fault("item", "The server's content filter held the answer back.", status)
    return Completion(
        answer, told + inside, tokens, finish, usage_of(fields), name(fields, "model"), name(fields, "provider")
    )


def reasoning_field(message: Record) -> str:
    """The thought that a message or delta carries in a field of its own; if it comes twice, once."""
    for key in ("reasoning", "reasoning_content"):
        if told := text(message.get(key)):
            return told
    details = [record(detail) for detail in array(message.get("reasoning_details"))]
    return "".join(text(detail.get("text")) or text(detail.get("summary")) for detail in details)


def content_field(content: object) -> str:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return text(content)
    return "".join(text(record(part).get("text")) for part in array(content))


def usage_of(fields: Record) -> Usage:
    """What a reply or chunk says that it took. A key of the person's own pays the provider beside the router."""
    usage = record(fields.get("usage"))
    # llama.cpp's streams on completions may carry timings alone.
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


def name(fields: Record, key: str) -> str:
    """A name that the server gives itself or its model, safe to show and to keep."""
    return one_line(text(fields.get(key))[:_NAME]).strip()


def _no_json(status: int, content_type: str, body: bytes) -> str:
    if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        return f"The server answered {status} with a web page; is the base URL right?"
    return f"The server answered {status} with something that is no JSON."
