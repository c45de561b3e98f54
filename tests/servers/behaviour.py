"""How test servers differ from each other."""

from typing import Literal

import msgspec

from tests.servers.faults import Faults

Kind = Literal["chat", "completions"]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How a server behaves. The defaults are those of a good one that has everything.

    `kinds`: the endpoints it has. `shape`: how log-probabilities look on completions; "together" also on chat.
    `prefill`: what becomes of a prefilled message: continued, continued if vLLM's two fields ask for it, answered by a
    new turn, or refused with a 400; `echo_prefill`: whether the reply repeats it. `top`: the most alternatives;
    `over_top`: what happens if more are asked for. `key` is demanded if set. `least_tokens`: a smaller max_tokens is a
    400. `reasons`: chat answers begin with reasoning, unless the switch `reasoning_off` is sent. `cache`: the longest
    common beginning with recent prompts is reported as cached, and the rest takes `tokens_a_second` (0: no time).
    `label_bias` in nats towards the first label, `noise` in nats of difference between repeated answers. `latency` is
    the median in seconds of a log-normal of `sigma`. `cost` in USD for each reply.
    """

    kinds: tuple[Kind, ...] = ("chat", "completions")
    shape: Literal["chat", "completions", "together"] = "chat"
    prefill: Literal["continued", "fields", "none", "refused"] = "continued"
    echo_prefill: bool = True
    top: int = 20
    over_top: Literal["cut", "400"] = "cut"
    logprobs: Literal["given", "null", "absent"] = "given"
    key: str = ""
    models: tuple[str, ...] = ("tiny",)
    any_model: bool = False
    least_tokens: int = 1
    reasons: bool = False
    reasoning_off: Literal["", "reasoning", "template"] = ""
    cache: bool = False
    tokens_a_second: float = 0.0
    label_bias: float = 0.0
    noise: float = 0.0
    latency: float = 0.0
    sigma: float = 0.0
    usage: bool = True
    cost: float | None = None
    provider: str = ""
    faults: Faults = Faults()
