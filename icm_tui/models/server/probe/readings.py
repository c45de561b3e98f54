"""What a probe's replies mean: completions and faults read as numbers and choices, without a word for a person."""

import re
import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

from icm_tui.domain.reply import Reply
from icm_tui.models.server.reply.types import Completion, Fault

# Smaller numbers of alternatives to try after a refusal: the limits of known providers.
_STEPS = (20, 10, 8, 5)
# OpenAI and Azure accept no smaller max_tokens.
SERVER_LEAST_TOKENS = 16
LOGPROBS = re.compile(r"(?i)log_?prob|logits_all")
_MAX_TOKENS = re.compile(r"(?i)max_(?:completion_|output_|new_)?tokens")
# Two ways to compute one log-probability differ by less (one model file in two servers: 1e-3 nats).
_ECHO_NATS = 0.05
_TAIL = 60

# A request for a word, the beginning that the answer is prefilled with, and the rest of it.
WORD, PREFILL, REST = "Write the word elephant", "eleph", "ant"

Echo = Literal["absent", "right", "wrong", "unclear"]


class Prefilled(msgspec.Struct, frozen=True):
    """Whether a prefilled message was continued, and whether the reply repeats the prefill."""

    continued: bool
    repeated: bool = False


def fewer_alternatives(asked: int, fault: Fault, raw: bytes) -> int | None:
    """How many alternatives to ask for after `asked` were refused; None if the refusal is not about log-probabilities,
    or no smaller number is left to try."""
    if fault.status not in (400, 422):
        return None
    if not LOGPROBS.search(fault.message) and not LOGPROBS.search(raw.decode("utf-8", "replace")):
        return None
    return next((step for step in _STEPS if step < asked), None)


def wants_more_tokens(fault: Fault) -> bool:
    """Whether a refusal is about max_tokens."""
    return fault.status in (400, 422) and _MAX_TOKENS.search(fault.message) is not None


def alternatives(completion: Completion) -> int:
    """The most distinct alternatives at any place of the reply."""
    return max((len({token for token, _ in place.top}) for place in completion.tokens or []), default=0)


def reasons(completion: Completion) -> bool:
    """Whether the model reasons before it answers. Reasoning that the server hides leaves a reply without an answer."""
    first = (completion.tokens or [])[:1]
    if completion.reasoning or any("<think" in place.token for place in first):
        return True
    return completion.tokens is None and not completion.text.strip() and completion.finish_reason == "length"


def prefilled(completion: Completion) -> Prefilled:
    """What a server made of the prefill. The tokens decide, because the text of a reply that repeats the prefill looks
    like that of a reply that starts afresh."""
    written = completion.text.strip().casefold()
    spelled = "".join(place.token for place in completion.tokens or []).strip().casefold() or written
    continued = spelled.startswith(REST)
    return Prefilled(continued, continued and written.startswith(PREFILL))


def seen(readings: Sequence[Reply], count: int) -> list[int]:
    """Which of `count` labels are among the alternatives of any answer."""
    return [label for label in range(count) if any(not reading.censored[label] for reading in readings)]


def label_bias(readings: Sequence[Reply]) -> list[float] | None:
    """The label bias as a score for each label (nats, mean 0): the mean of the answers to one question under every
    cyclic shift of the shown labels, each less its own mean, as the search computes it. None if an answer is missing.
    """
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


def echo(prompt: str, token: str, generated: float, completion: Completion) -> Echo:
    """How the log-probability of `token` (nats), echoed at the end of `prompt`, compares with the one `generated` at
    the same place."""
    tail = prompt[-_TAIL:] + token
    places = completion.tokens or []
    found = "".join(place.token for place in places).find(tail)
    if found < 0:
        return "absent"
    at, offset = 0, found + len(tail) - len(token)
    for place in places:
        if at == offset and place.token == token and place.logprob is not None:
            return "right" if abs(place.logprob - generated) <= _ECHO_NATS else "wrong"
        at += len(place.token)
    return "unclear"
