"""The endpoint that answers a run's questions, and the reply to one of them."""

from typing import Literal

import msgspec

Kind = Literal["chat", "completions"]
# Whether the server continues a prefilled assistant message: not at all, by itself, or with the two fields that vLLM
# and SGLang know, `continue_final_message` and `add_generation_prompt`.
Prefill = Literal["none", "continued", "fields"]
# What turns off a model's reasoning before it answers: nothing (it has none, or it cannot be turned off), OpenRouter's
# field `reasoning`, or `chat_template_kwargs` of vLLM, SGLang and llama-server.
ReasoningSwitch = Literal["", "reasoning", "template"]


class Price(msgspec.Struct, frozen=True):
    """USD for a million tokens read, written, and read again from a prefix cache (None: as those read)."""

    tokens_in: float
    tokens_out: float
    tokens_cached: float | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one server, and how to ask it. All answers of a run come from one endpoint.

    `base_url` has no slash at its end; for a model file it is "gguf:" and the file's digest, since the port of its
    server changes. `provider` is the one endpoint that a router is pinned to, empty if nothing routes. `max_tokens`
    is the most that an answer may take: 1 if that suffices to read a label, more if the server demands it or the
    model reasons first. `warms` means that the server caches the beginnings of prompts.
    """

    base_url: str
    model: str
    kind: Kind
    provider: str = ""
    prefill: Prefill = "none"
    top_logprobs: int = 20
    max_tokens: int = 1
    reasoning_switch: ReasoningSwitch = ""
    warms: bool = False
    price: Price | None = None


class Finding(msgspec.Struct, frozen=True):
    """One result of probing a model: its name, its state, what was found and, unless the state is "ok", how to mend it.
    A run is possible with a "note", but not with a "bad"."""

    name: str
    state: Literal["ok", "note", "bad"]
    says: str
    remedy: str = ""


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
