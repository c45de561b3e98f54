"""What a probe's replies say about an endpoint: pure readings of completions and faults, in words for a person."""

import difflib
import re
import statistics
from collections.abc import Sequence

import msgspec

from icm_tui.domain.reply import Finding, Reply
from icm_tui.models.server.reply.fields import array, decode, record, text
from icm_tui.models.server.reply.types import Completion, Fault
from icm_tui.profile.schema import Model
from icm_tui.text import one_line

# How many alternatives are asked for if a server refuses more; what providers are known to stop at.
_STEPS = (20, 10, 8, 5)
# OpenAI and Azure take no smaller max_tokens.
SERVER_LEAST_TOKENS = 16
_LOGPROBS = re.compile(r"(?i)log_?prob|logits_all")
_MAX_TOKENS = re.compile(r"(?i)max_(?:completion_|output_|new_)?tokens")
_ABOUT_MODEL = re.compile(r"(?i)\bmodels?\b")
_NEAREST = 3
_NAME = 100
_WORDS = 400
# A log-probability that was computed another way differs by less (the same model file in two servers: 1e-3 nats).
_ECHO_NATS = 0.05
_TAIL = 60

WORD, BEGUN, REST = "Write the word elephant", "eleph", "ant"


class Prefilled(msgspec.Struct, frozen=True):
    """Whether a begun message was gone on with, and whether the reply repeats its beginning."""

    continued: bool
    repeated: bool = False


def blame(fault: Fault, model: Model, offered: Sequence[str] = ()) -> Finding:
    """The finding of a fault that keeps the endpoint from being asked, with what to change. `offered` are the names of
    the models that the server lists, if it does."""
    said = quoted(fault.message)
    status = fault.status
    where = "Look at model.base_url; it usually ends in /v1."
    if status is None:
        return Finding("reachable", "bad", said, "Start the server, or change model.base_url.")
    if status == 401:
        key = f"the key in {model.key_env}" if model.key_env else "a call without a key"
        remedy = (
            f"Put a valid key into {model.key_env}." if model.key_env else "Name the key's variable: model.key_env."
        )
        return Finding("key", "bad", f"The server does not accept {key}: {said}", remedy)
    if status == 402:
        return Finding("money", "bad", f"The server wants money: {said}", "Add credit, or raise the key's limit.")
    if status == 403:
        remedy = "Look at what the key may do, and at the provider's terms for this model."
        return Finding("key", "bad", f"The server refuses: {said}", remedy)
    if status == 429:
        return Finding(
            "limits", "bad", f"The server takes no more calls now: {said}", "Wait, or use another key or model."
        )
    if "web page" in fault.message or (300 <= status < 400):
        return Finding("reachable", "bad", f"No model answers at this address: {said}", where)
    name = model.model or ""
    if offered and name not in offered and (status == 404 or _ABOUT_MODEL.search(fault.message)):
        return _unknown_model(name, offered, said)
    if status in (404, 405):
        remedy = "Look at model.model and model.base_url (it usually ends in /v1)."
        if model.providers:
            remedy = "Look at model.model and model.providers."
        elif model.endpoint != "auto":
            remedy = f'Look at model.model, or set model.endpoint = "auto" instead of "{model.endpoint}".'
        return Finding("model", "bad", f"The server has nothing to ask there ({status}): {said}", remedy)
    if _LOGPROBS.search(fault.message):
        return Finding("logprobs", "bad", f"The server refuses log-probabilities: {said}", no_logprobs_remedy(model))
    if 400 <= status < 500:
        given = f"model.extra ({', '.join(map(one_line, model.extra))})" if model.extra else "model.endpoint"
        return Finding("request", "bad", f"The server refuses the request ({status}): {said}", f"Look at {given}.")
    return Finding("server", "bad", f"The server fails ({status}): {said}", "Look at the server's log, or try later.")


def quoted(message: str) -> str:
    """A server's words on one line, with an end."""
    words = one_line(message).strip()[:_WORDS].strip() or "it gives no reason"
    return words if words[-1] in ".!?" else f"{words}."


def no_logprobs_remedy(model: Model) -> str:
    """Where log-probabilities can be had."""
    if model.providers or "openrouter.ai" in (model.base_url or ""):
        return "Take a model and a provider that give them; `icm-tui models` lists those."
    return (
        "Take a server that gives them (vLLM, SGLang, llama-server, Ollama from 0.12.11; llama-cpp-python with "
        "--logits_all true), or another model."
    )


def fewer_alternatives(query: int, fault: Fault, raw: bytes) -> int | None:
    """How many alternatives to ask for instead, after a refusal that is about log-probabilities; None if it is not,
    or if there is nothing left to try."""
    if fault.status not in (400, 422):
        return None
    if not _LOGPROBS.search(fault.message) and not _LOGPROBS.search(raw.decode("utf-8", "replace")):
        return None
    return next((step for step in _STEPS if step < query), None)


def wants_more_tokens(fault: Fault) -> bool:
    """Whether a refusal is about max_tokens."""
    return fault.status in (400, 422) and _MAX_TOKENS.search(fault.message) is not None


def alternatives(completion: Completion) -> int:
    """The most distinct alternatives at any place of the reply."""
    return max((len({token for token, _ in place.top}) for place in completion.tokens or []), default=0)


def thinks(completion: Completion) -> bool:
    """Whether a thought comes first. One that the server hides leaves a reply with no word of an answer in it."""
    opened = (completion.tokens or [])[:1]
    if completion.reasoning or any("<think" in place.token for place in opened):
        return True
    return completion.tokens is None and not completion.text.strip() and completion.finish_reason == "length"


def prefilled(completion: Completion) -> Prefilled:
    """How a server took the begun word. The tokens decide: a reply that repeats the beginning reads in its text like
    one that starts afresh."""
    written = completion.text.strip().casefold()
    spelled = "".join(place.token for place in completion.tokens or []).strip().casefold() or written
    continued = spelled.startswith(REST)
    return Prefilled(continued, continued and written.startswith(BEGUN))


def model_names(body: bytes) -> list[str]:
    """The names in a server's list of models, cleaned; empty if there is none to read."""
    try:
        entries = array(record(decode(body)).get("data"))
    except ValueError:
        return []
    names = (one_line(text(record(entry).get("id")))[:_NAME].strip() for entry in entries)
    return [name for name in names if name]


def unlisted(name: str, offered: Sequence[str]) -> Finding | None:
    """A note if the server answers to a name that it does not list."""
    if not offered or name in offered:
        return None
    near = _nearest(name, offered)
    return Finding(
        "model",
        "note",
        f"The server answers to the name {one_line(name)}, but does not list it.",
        f"Make sure that it is the model meant; listed is {near}.",
    )


def _unknown_model(name: str, offered: Sequence[str], said: str) -> Finding:
    return Finding(
        "model",
        "bad",
        f"The server has no model {one_line(name)}: {said}",
        f"Set model.model to one that it lists: {_nearest(name, offered)}.",
    )


def _nearest(name: str, offered: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, offered, n=_NEAREST, cutoff=0.4) or list(offered[:_NEAREST])
    more = len(offered) - len(near)
    return ", ".join(near) + (f" ({more} more)" if more else "")


def label_bias(readings: Sequence[Reply]) -> list[float] | None:
    """The label bias as a score a label (nats, mean 0): the mean of the answers to one question under every cyclic
    shift of the shown labels, each less its own mean, as the search does. None if an answer lacks."""
    rows = [reading.logprobs for reading in readings]
    if not rows or len(rows) != len(rows[0] or []):
        return None
    scores = [[value - statistics.fmean(row) for value in row] for row in rows if row is not None]
    if len(scores) != len(rows):
        return None
    return [round(statistics.fmean(column), 6) + 0.0 for column in zip(*scores, strict=True)]


def difference(one: Reply, other: Reply) -> float | None:
    """The largest difference (nats) between two answers to the same request; None if no label is in both."""
    pairs = zip(one.logprobs or [], other.logprobs or [], one.censored, other.censored, strict=False)
    gaps = [abs(first - second) for first, second, cut, cut_too in pairs if not cut and not cut_too]
    return max(gaps, default=None)


def echo(prompt: str, token: str, generated: float, completion: Completion) -> Finding:
    """Whether the log-probability of `token` (nats), echoed at the end of the prompt, is the one that was generated at
    the same place."""
    none = "Nothing to change: no run relies on it."
    tail = prompt[-_TAIL:] + token
    places = completion.tokens or []
    joined = "".join(place.token for place in places)
    found = joined.find(tail)
    if found < 0:
        return Finding("echo", "note", "Log-probabilities of the prompt are not echoed.", none)
    at, offset = 0, found + len(tail) - len(token)
    for place in places:
        if at == offset and place.token == token and place.logprob is not None:
            if abs(place.logprob - generated) <= _ECHO_NATS:
                return Finding("echo", "ok", "Log-probabilities of the prompt are echoed, and right.")
            return Finding("echo", "note", "Log-probabilities of the prompt are echoed, but wrong.", none)
        at += len(place.token)
    return Finding("echo", "note", "Whether echoed log-probabilities are right cannot be told.", none)
