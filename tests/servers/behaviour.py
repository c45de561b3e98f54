"""How test servers differ from each other."""

from typing import Literal

import msgspec

from tests.servers.faults import Faults

Kind = Literal["chat", "completions"]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How a server differs. The defaults are a chatty, honest one.

    `kinds`: the endpoints it has. `shape`: how log-probabilities look on completions; "together" is so on chat too.
    `prefill`: what becomes of a last message of the assistant: gone on with, gone on with if vLLM's two fields ask for
    it, a new turn, or refused with a 400; `echo_prefill`: whether the reply repeats what was gone on with. `top`: most
    alternatives; `over_top`: what happens to those who ask for more. `key` is demanded where set. `least_tokens`: a
    smaller max_tokens is a 400. `thinks`: chat answers begin with a thought, unless the switch `thinking_off` is used.
    `cache`: the longest common beginning with recent prompts is reported as read from a cache, and `tokens_a_second`
    of what is left (0: at once) is waited for. `leaning` in nats towards the first label, `noise` in nats of difference
    between repeated answers. `latency` is the median in seconds of a log-normal of `sigma`. `cost` in USD a reply.
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
    thinks: bool = False
    thinking_off: Literal["", "reasoning", "template"] = ""
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
