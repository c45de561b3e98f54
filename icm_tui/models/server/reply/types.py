"""What a server's reply may contain: readers of single fields of foreign JSON, and the structs for whole replies.

A reader accepts any value and returns its type or a default.
"""

import json
import math
import re
from typing import Literal

import msgspec

from icm_tui.text import one_line

Record = dict[str, object]

_NAME = 200
# JSON can contain half a surrogate pair as an escape, but no UTF-8 file can.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def decode(body: bytes | str) -> object:
    """The JSON value of `body`. Raises ValueError if it is not JSON, or nested too deeply."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace") if isinstance(body, bytes) else body)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault


def record(value: object) -> Record:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def array(value: object) -> list[object]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """The string, or an empty one; half a surrogate pair becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """The finite number, or None; a boolean does not count."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """The whole number from 0 to what a float holds exactly, or None."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**53 and found == int(found) else None


def name(value: object) -> str:
    """A name that the server gives to itself, a model or a provider: cleaned, at most 200 characters."""
    return one_line(text(value)[:_NAME]).strip()


class TokenLogprobs(msgspec.Struct, frozen=True):
    """One place of a reply: the token written there, its log-probability (nats), and the alternatives to it.

    `top` has the likeliest first, and may contain one text twice (two tokens that read alike). A value that the server
    left out or marked as missing is None or absent, never a placeholder.
    """

    token: str
    logprob: float | None
    top: list[tuple[str, float]] = []


class Usage(msgspec.Struct, frozen=True):
    """The tokens and USD that a reply took, by the server's count. None is unknown, which is not zero."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost: float | None = None


class Completion(msgspec.Struct, frozen=True):
    """A whole reply. `text` is the answer alone, `reasoning` the model's chain of thought before it.

    `tokens` is None if the server gave no log-probabilities; it may begin with the tokens of the reasoning.
    """

    text: str
    reasoning: str
    tokens: list[TokenLogprobs] | None
    finish_reason: str
    usage: Usage
    model: str
    provider: str


class Fault(msgspec.Struct, frozen=True):
    """Why there is no answer, and what to do about it.

    `item`: this question will never be answered; `retry`: another try may succeed; `pause`: no question will be
    answered until a person fixes something. `message` is the server's reason, cleaned and at most a screenful. `status`
    is the deciding HTTP status: the code inside the body if a 200 or 400 wraps one. `retry_after` is in seconds.
    """

    kind: Literal["item", "retry", "pause"]
    message: str
    status: int | None = None
    retry_after: float | None = None
