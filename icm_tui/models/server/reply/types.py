"""What a server's reply says, whichever server wrote it."""

from typing import Literal

import msgspec


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
