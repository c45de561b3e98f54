"""Servers that have a short name: their address, the variable that holds their key, and their limits.

Plain data, kept here so that a profile can be checked without loading the models.
"""

from urllib.parse import urlsplit

import msgspec

from icm_tui.profile.schema import Endpoint

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_PORTS = {"http": 80, "https": 443}


class Preset(msgspec.Struct, frozen=True):
    """A known server. `says` has its limits, a sentence each; `key_env` is empty if it needs no key; `top_logprobs` is
    the most alternatives per token that it gives, by its documentation or its default; `endpoint` is the kind to
    ask."""

    name: str
    base_url: str
    key_env: str
    top_logprobs: int
    endpoint: Endpoint
    says: list[str]


PRESETS = (
    Preset(
        "openrouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        20,
        "chat",
        [
            "Only some providers give log-probabilities, and those of two do not compare: a run is pinned to one.",
            "Some providers give fewer than 20 alternatives a token: Fireworks 5, xAI 8.",
            "There is no documented endpoint for completions; a base model is better asked at vllm or llama-server.",
            "Models ending in :free take 20 calls a minute and 50 a day, or 1000 a day once credits were bought.",
        ],
    ),
    Preset(
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        20,
        "chat",
        [
            "The server does not continue an answer that was begun, so the model must answer with the label alone.",
            "An answer takes at least 16 tokens.",
            "A completions endpoint gives at most 5 alternatives a token.",
            "Prompts are cached from 1024 tokens on.",
        ],
    ),
    Preset(
        "together",
        "https://api.together.ai/v1",
        "TOGETHER_API_KEY",
        20,
        "auto",
        ["Log-probabilities come in a shape of its own, at most 20 alternatives a token."],
    ),
    Preset(
        "vllm",
        "http://127.0.0.1:8000/v1",
        "",
        20,
        "auto",
        [
            "More than 20 alternatives a token need the server's option --max-logprobs.",
            "Cached tokens are counted only with the server's option --enable-prompt-tokens-details.",
        ],
    ),
    Preset(
        "sglang",
        "http://127.0.0.1:30000/v1",
        "",
        20,
        "auto",
        ["Cached tokens are counted only with the server's option --enable-cache-report."],
    ),
    Preset(
        "llama-server",
        "http://127.0.0.1:8080/v1",
        "",
        20,
        "auto",
        [
            "The model's name is ignored: the one that the server was started with answers.",
            "A chat reply repeats the beginning of the answer that it was given.",
        ],
    ),
    Preset(
        "ollama",
        "http://127.0.0.1:11434/v1",
        "",
        20,
        "auto",
        [
            "Log-probabilities need Ollama 0.12.11 or later, at most 20 alternatives a token.",
            "A prompt longer than the context is cut without an error, which drops examples: "
            "raise the context length on the server.",
        ],
    ),
    Preset(
        "lmstudio",
        "http://127.0.0.1:1234/v1",
        "",
        0,
        "auto",
        ["LM Studio gives no log-probabilities on chat, which a run needs; serve the model by llama-server instead."],
    ),
)

BY_NAME = {preset.name: preset for preset in PRESETS}


def find_preset(base_url_or_name: str) -> Preset | None:
    """The preset of that name in any case, or else the one with the scheme, host and port of that address. All names of
    this machine count as one host."""
    named = BY_NAME.get(base_url_or_name.strip().lower())
    if named is not None:
        return named
    place = _place(base_url_or_name)
    return next((preset for preset in PRESETS if place is not None and _place(preset.base_url) == place), None)


def _place(address: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    host = "localhost" if parts.hostname in _LOOPBACK else parts.hostname
    return parts.scheme, host, _PORTS[parts.scheme] if port is None else port
