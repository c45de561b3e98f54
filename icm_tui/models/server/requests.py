"""The requests for a label and for its explanation, as chat and completions endpoints accept them.

Questions with one context share every byte up to the question, and explanations begin with the same bytes, so that a
server with a prefix cache reads a context once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from icm_tui.domain.reply import Endpoint
from icm_tui.profile.schema import Prompt, Reasoning
from icm_tui.prompts import Demonstrations, Template, find_template, render_chat, render_completion, why

_NO_REASONING: dict[str, dict[str, Any]] = {
    "": {},
    "reasoning": {"reasoning": {"enabled": False}},
    "template": {"chat_template_kwargs": {"enable_thinking": False}},
}
_CONTINUE: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}


class Request(msgspec.Struct, frozen=True):
    """A POST to a model server: `path` below the base URL ("/chat/completions"), and `body` before it becomes JSON."""

    path: str
    body: dict[str, Any]


def label_request(
    endpoint: Endpoint, prompt: Prompt, demonstrations: Demonstrations, question: str, extra: Mapping[str, Any]
) -> Request:
    """Ask for the label of `question` after `demonstrations` of (item text, label name), with log-probabilities.

    `extra` are the profile's own fields, which override all others.
    """
    template, words = find_template(prompt.template), _words(prompt)
    body: dict[str, Any] = {"model": endpoint.model}
    if endpoint.kind == "completions":
        body["prompt"] = render_completion(template, demonstrations, question, **words)
        body |= {"max_tokens": endpoint.max_tokens, "temperature": 0, "logprobs": endpoint.top_logprobs}
    else:
        prefilled = endpoint.prefill != "none"
        body["messages"] = render_chat(template, demonstrations, question, **words, prefill=prefilled)
        body |= {"max_tokens": endpoint.max_tokens, "temperature": 0}
        body |= {"logprobs": True, "top_logprobs": endpoint.top_logprobs}
        body |= _NO_REASONING[endpoint.reasoning_switch]
        if endpoint.prefill == "fields":
            body |= _CONTINUE
    return Request(_path(endpoint), {**body, **_route(endpoint), **extra})


def begins_of(endpoint: Endpoint, prompt: Prompt) -> str:
    """The prefill that a reply to `label_request` may begin with, since some servers repeat it."""
    begun = endpoint.kind == "chat" and endpoint.prefill != "none"
    return f"{find_template(prompt.template).label}:" if begun else ""


def explanation_request(
    endpoint: Endpoint,
    prompt: Prompt,
    reasoning: Reasoning,
    demonstrations: Demonstrations,
    question: str,
    label: str,
    extra: Mapping[str, Any],
) -> Request:
    """Ask why `question` has `label`, after the same `demonstrations`. A model that reasons may do so.

    The answer begins with `reasoning.prefill` if the server continues a prefilled message.
    """
    template = find_template(prompt.template)
    completions = endpoint.kind == "completions"
    shared = render_completion(template, demonstrations, question, **_words(prompt))
    query = f"{shared} {label}\n\n{why(template, label)}"
    body: dict[str, Any] = {"model": endpoint.model}
    if completions:
        body["prompt"] = f"{query}\n\n{_heading(template)}:{_after_colon(reasoning.prefill)}"
    else:
        body["messages"] = [{"role": "user", "content": query}]
        if reasoning.prefill and endpoint.prefill != "none":
            body["messages"].append({"role": "assistant", "content": reasoning.prefill.rstrip()})
            body |= _CONTINUE if endpoint.prefill == "fields" else {}
    body |= {"max_tokens": reasoning.max_tokens, "temperature": 0}
    if completions:
        # A base model would continue with pairs of its own.
        body["stop"] = [f"\n\n{template.item}:", f"\n{template.label}:"]
    return Request(_path(endpoint), {**body, **_route(endpoint), **extra})


def _path(endpoint: Endpoint) -> str:
    return "/completions" if endpoint.kind == "completions" else "/chat/completions"


def _route(endpoint: Endpoint) -> dict[str, Any]:
    """Hold a router to one endpoint, since log-probabilities of two do not compare."""
    if not endpoint.provider:
        return {}
    return {"provider": {"only": [endpoint.provider], "allow_fallbacks": False, "require_parameters": True}}


def _words(prompt: Prompt) -> dict[str, Any]:
    return {"labels": prompt.labels, "anchor": prompt.anchor, "persona": prompt.persona}


def _heading(template: Template) -> str:
    return f"Why this {template.label.lower()}"


def _after_colon(prefill: str) -> str:
    return f" {prefill.strip()}" if prefill.strip() else ""
