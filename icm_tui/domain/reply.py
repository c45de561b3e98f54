"""What a model answered to one question, whatever served it."""

import msgspec


class Reply(msgspec.Struct, omit_defaults=True):
    """The log-probability (nats, rounded to 1e-6) of every label, in the order of the labels, and what it cost.

    A label that was missing from the server's list is `censored`: its log-probability is the smallest one returned,
    an upper bound. `mass` is the probability of all labels together. `failed` holds the reason if the item itself
    was refused; then `logprobs` is None. Tokens that a server did not report are None, which is not zero.
    """

    logprobs: list[float] | None
    censored: list[bool] = []
    mass: float | None = None
    top: list[tuple[str, float]] = []
    endpoint: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost: float | None = None
    seconds: float = 0.0
    cached: bool = False
    failed: str | None = None
