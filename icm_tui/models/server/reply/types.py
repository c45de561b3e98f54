"""What a server's reply may hold: readers of single fields of foreign JSON, and the structs that replies are read into.

The readers take anything, and give their type or a default.
"""

import json
import math
import re
from typing import Literal

import msgspec

from icm_tui.text import one_line

Record = dict[str, object]

_NAME = 200
# Half a surrogate pair can be written as an escape in JSON, but in no UTF-8 file.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def decode(body: bytes | str) -> object:
    """The JSON value of `body`. Raises ValueError if it is none, or is nested too deeply to be a reply."""
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
    """The string, or an empty one; what no UTF-8 file can hold becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """The finite number, or None; a boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """The whole number that is neither negative nor beyond what a float counts exactly, or None."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**53 and found == int(found) else None


def name(value: object) -> str:
    """A name that the server gives to itself, a model or a provider: cleaned, at most 200 characters."""
    return one_line(text(value)[:_NAME]).strip()


class TokenLogprobs(msgspec.Struct, frozen=True):
    """One place of a reply: the token written there, its log-probability (nats), and the alternatives.

    `top` is sorted, the likeliest first, and may hold one text twice (two tokens that read alike). A value that the
    server left out, or marked as none, is None or absent, never a number that stands for it.
    """

    token: str
    logprob: float | None
    top: list[tuple[str, float]] = []


class Usage(msgspec.Struct, frozen=True):
    """What a reply took, as the server counted it: tokens, and USD. None is unknown, which is not zero."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost: float | None = None


class Completion(msgspec.Struct, frozen=True):
    """A reply that arrived whole. `text` is the answer alone, `thought` what was thought before it.

    `tokens` is None if the server gave no log-probabilities; it may begin with the thought's tokens.
    """

    text: str
    reasoning: str
    tokens: list[TokenLogprobs] | None
    finish_reason: str
    usage: Usage
    model: str
    provider: str


class Fault(msgspec.Struct, frozen=True):
    """Why there is no answer, and whom that blames.

    `item`: this question will never be answered; `retry`: another try may do; `pause`: no question will be answered
    before a person has mended it. `message` is the server's reason, cleaned and at most a screenful. `status` is the
    HTTP status that decided: the code inside the body if a 200 or 400 wraps one. `retry_after` is in seconds.
    """

    kind: Literal["item", "retry", "pause"]
    message: str
    status: int | None = None
    retry_after: float | None = None
