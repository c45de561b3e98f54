"""Requests read and replies written, in the shapes that servers use: pure."""

import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from tests.servers import mind
from tests.servers.behaviour import Behaviour, Kind

Top = list[tuple[str, float]]
_DEFAULT_TOKENS = 256


class Refused(Exception):
    """The request is wrong: `status` and the error's fields."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = msgspec.json.encode({"error": {"message": message, **more}})


class Written(NamedTuple):
    """What the model writes: the repeated prefill, tokens of reasoning and answer, the finish reason, and counts."""

    prompt: str
    before: str
    reasoning: list[tuple[str, Top]]
    answer: list[tuple[str, Top]]
    finish: str
    usage: dict[str, Any] | None


def check(kind: Kind, body: dict[str, Any], behaviour: Behaviour) -> None:
    """Raise Refused if the server would."""
    model = body.get("model")
    if not behaviour.any_model and model not in behaviour.models:
        raise Refused(404, f"The model `{model}` does not exist.", type="NotFoundError", code=404)
    asked = _asked_tokens(body)
    if asked < behaviour.least_tokens:
        least = f"Expected a value >= {behaviour.least_tokens}, but got {asked} instead."
        message = f"Invalid 'max_tokens': integer below minimum value. {least}"
        raise Refused(400, message, type="invalid_request_error", param="max_tokens", code="integer_below_min_value")
    if _asked_top(kind, body) > behaviour.top and behaviour.over_top == "400":
        field = "top_logprobs" if kind == "chat" else "logprobs"
        message = f"Invalid value for '{field}': must be less than or equal to {behaviour.top}."
        raise Refused(400, message, type="invalid_request_error", param=field)
    if kind == "chat":
        _check_prefill(body, behaviour)
    elif not isinstance(body.get("prompt"), str):
        raise Refused(400, "The prompt must be a string.", type="invalid_request_error", param="prompt")


def _check_prefill(body: dict[str, Any], behaviour: Behaviour) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "Messages are missing.", type="invalid_request_error", param="messages")
    if behaviour.prefill == "refused" and messages[-1]["role"] == "assistant":
        raise Refused(400, "This model does not support assistant message prefill.", type="invalid_request_error")
    if behaviour.prefill == "fields" and body.get("continue_final_message") and body.get("add_generation_prompt", True):
        message = "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
        raise Refused(400, message, type="BadRequestError", code=400)


def write(
    kind: Kind, body: dict[str, Any], behaviour: Behaviour, noise: float = 0.0, recent: Iterable[str] = ()
) -> Written:
    """The model's answer. `noise` in nats goes to the first label; `recent` are prompts whose beginnings are cached."""
    begun = ""
    new_turn, over = kind == "chat", False
    if kind == "completions":
        prompt = body["prompt"]
    else:
        messages = body["messages"]
        prompt = "\n\n".join(_content(message) for message in messages)
        if messages[-1]["role"] == "assistant":
            if _continues(body, behaviour):
                begun = _content(messages[-1])
                prompt = "\n\n".join(_content(message) for message in messages[:-1]) + f"\n{begun}"
                new_turn = False
            else:
                # A turn that is over: the model does not see that a label was to follow.
                over = True
    slot = None if over else mind.read_slot(prompt)
    if slot is not None:
        weights = mind.weigh(slot, label_bias=behaviour.label_bias, noise=noise)
        top = mind.tokens_of_slot(slot, weights, spaced=not new_turn)
        answer = [(top[0][0], top)]
    else:
        before = prompt.removesuffix(f"\n{begun}") if begun else prompt
        answer = [(word, mind.tokens_of_word(word)) for word in mind.write(before, begun)]
    reasoning: list[tuple[str, Top]] = []
    if kind == "chat" and behaviour.reasons and not _switched_off(body, behaviour):
        reasoning = [(word, mind.tokens_of_word(word)) for word in mind.reason(prompt)]
    room = _asked_tokens(body)
    cut = len(reasoning) + len(answer) > room or (slot is not None and len(reasoning) + 1 == room)
    reasoning, answer = reasoning[:room], answer[: max(room - len(reasoning), 0)]
    usage = _usage(prompt, len(reasoning) + len(answer), behaviour, recent) if behaviour.usage else None
    repeated = begun if behaviour.prefill == "continued" and behaviour.echo_prefill else ""
    return Written(prompt, repeated, reasoning, answer, "length" if cut else "stop", usage)


def reply(kind: Kind, body: dict[str, Any], behaviour: Behaviour, written: Written, *, null: bool = False) -> bytes:
    """The whole reply as JSON; `null` sends no log-probabilities though they were asked for."""
    text = written.before + "".join(token for token, _ in written.answer)
    choice: dict[str, Any] = {"index": 0, "finish_reason": written.finish}
    if kind == "chat":
        choice["message"] = {"role": "assistant", "content": text}
        if written.reasoning:
            choice["message"]["reasoning_content"] = "".join(token for token, _ in written.reasoning)
    else:
        choice["text"] = text
    _add_logprobs(choice, kind, body, behaviour, written.reasoning + written.answer, null=null)
    whole = _frame(kind, body, behaviour, stream=False) | {"choices": [choice]}
    if written.usage is not None:
        whole["usage"] = written.usage
    return msgspec.json.encode(whole)


def events(kind: Kind, body: dict[str, Any], behaviour: Behaviour, written: Written) -> Iterator[bytes]:
    """The stream's events, the last of them `[DONE]`."""
    frame = _frame(kind, body, behaviour, stream=True)

    def event(finish: str | None, tokens: list[tuple[str, Top]], **delta: str | None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        if kind == "chat":
            choice["delta"] = delta
        else:
            choice["text"] = delta.get("content") or ""
        if tokens:
            _add_logprobs(choice, kind, body, behaviour, tokens, null=False)
        return _event(frame | {"choices": [choice]})

    if kind == "chat":
        yield event(None, [], role="assistant", content=None)
    for place in written.reasoning:
        yield event(None, [place], reasoning_content=place[0])
    if written.before:
        yield event(None, [], content=written.before)
    for place in written.answer:
        yield event(None, [place], content=place[0])
    yield event(written.finish, [])
    if written.usage is not None and (body.get("stream_options") or {}).get("include_usage"):
        yield _event(frame | {"choices": [], "usage": written.usage})
    yield b"data: [DONE]\n\n"


def models(behaviour: Behaviour) -> bytes:
    """The list of models."""
    cards = [{"id": model, "object": "model", "owned_by": "tests"} for model in behaviour.models]
    return msgspec.json.encode({"object": "list", "data": cards})


def seconds_of(behaviour: Behaviour, written: Written, numbers: random.Random) -> float:
    """How long the model takes."""
    waited = behaviour.latency * numbers.lognormvariate(0.0, behaviour.sigma) if behaviour.latency else 0.0
    if behaviour.tokens_a_second and written.usage is not None:
        details = written.usage.get("prompt_tokens_details") or {}
        waited += (written.usage["prompt_tokens"] - details.get("cached_tokens", 0)) / behaviour.tokens_a_second
    return waited


def last_item(kind: Kind, body: dict[str, Any]) -> str:
    """The part of the request that contains the question, after the context."""
    if kind == "completions":
        return str(body.get("prompt", "")).rpartition("\n\n")[2]
    users = [_content(message) for message in body.get("messages") or [] if message.get("role") == "user"]
    return users[-1].rpartition("\n\n")[2] if users else ""


def asks_logprobs(body: dict[str, Any]) -> bool:
    """Whether the request wants log-probabilities."""
    return body.get("logprobs") not in (None, False)


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _frame(kind: Kind, body: dict[str, Any], behaviour: Behaviour, *, stream: bool) -> dict[str, Any]:
    name = "text_completion" if kind == "completions" else "chat.completion.chunk" if stream else "chat.completion"
    frame = {"id": "reply", "object": name, "created": 0, "model": body.get("model")}
    return frame | {"provider": behaviour.provider} if behaviour.provider else frame


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _continues(body: dict[str, Any], behaviour: Behaviour) -> bool:
    if behaviour.prefill == "fields":
        return body.get("continue_final_message") is True and body.get("add_generation_prompt") is False
    return behaviour.prefill == "continued"


def _switched_off(body: dict[str, Any], behaviour: Behaviour) -> bool:
    if behaviour.reasoning_off == "reasoning":
        told = body.get("reasoning") or {}
        return told.get("enabled") is False or told.get("effort") == "none"
    if behaviour.reasoning_off == "template":
        return (body.get("chat_template_kwargs") or {}).get("enable_thinking") is False
    return False


def _asked_tokens(body: dict[str, Any]) -> int:
    return int(body.get("max_tokens") or body.get("max_completion_tokens") or _DEFAULT_TOKENS)


def _asked_top(kind: Kind, body: dict[str, Any]) -> int:
    """How many alternatives are asked for; Together takes a number in `logprobs` on chat too."""
    asked = body.get("logprobs")
    if asked is None or asked is False:
        return 0
    return int(body.get("top_logprobs") or 0) if asked is True else int(asked)


def _usage(prompt: str, written: int, behaviour: Behaviour, recent: Iterable[str]) -> dict[str, Any]:
    tokens = (len(prompt) + 3) // 4
    usage: dict[str, Any] = {
        "prompt_tokens": tokens,
        "completion_tokens": written,
        "total_tokens": tokens + written,
    }
    if behaviour.cache:
        shared = max((_shared(prompt, other) for other in recent), default=0)
        usage["prompt_tokens_details"] = {"cached_tokens": min(shared // 4, tokens - 1)}
    if behaviour.cost is not None:
        usage["cost"] = behaviour.cost
    return usage


def _shared(one: str, other: str) -> int:
    """The length of the beginning that two texts share."""
    lengths = range(1, min(len(one), len(other)) + 1)
    return bisect_left(lengths, True, key=lambda length: one[:length] != other[:length])


def _add_logprobs(
    choice: dict[str, Any],
    kind: Kind,
    body: dict[str, Any],
    behaviour: Behaviour,
    tokens: list[tuple[str, Top]],
    *,
    null: bool,
) -> None:
    if not asks_logprobs(body) or behaviour.logprobs == "absent":
        return
    if null or behaviour.logprobs == "null":
        choice["logprobs"] = None
        return
    most = min(_asked_top(kind, body), behaviour.top)
    places = [(token, top[0][1], top[:most]) for token, top in tokens]
    if behaviour.shape == "together" and "delta" in choice:
        choice["logprobs"] = places[0][1]
    elif behaviour.shape == "together" or (behaviour.shape == "completions" and kind == "completions"):
        choice["logprobs"] = {
            "tokens": [token for token, _, _ in places],
            "token_logprobs": [logprob for _, logprob, _ in places],
            "top_logprobs": [dict(top) for _, _, top in places],
        }
    else:
        choice["logprobs"] = {"content": [_place(*place) for place in places]}


def _place(token: str, logprob: float, top: Top) -> dict[str, Any]:
    entries = [{"token": other, "logprob": value, "bytes": list(other.encode())} for other, value in top]
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": entries}
