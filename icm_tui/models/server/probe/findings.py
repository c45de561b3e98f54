"""The findings of a probe as a person reads them; every sentence about an endpoint is written here."""

import difflib
import re
from collections.abc import Sequence

from icm_tui.domain.reply import Finding, Kind, Prefill, ReasoningSwitch
from icm_tui.models.server.probe.readings import LOGPROBS, Echo
from icm_tui.models.server.reply.types import Fault
from icm_tui.profile.schema import Model
from icm_tui.text import one_line

_ABOUT_MODEL = re.compile(r"(?i)\bmodels?\b")
_NEAREST = 3
_WORDS = 400
_LITTLE_MASS = 0.5
# Servers that batch requests differently differ by tenths of a nat (measured with llama.cpp). Averaging evens that out.
_DRIFT, _NOISE = 0.01, 0.3
_SWITCHES: dict[ReasoningSwitch, str] = {
    "reasoning": "reasoning.enabled = false",
    "template": "enable_thinking = false",
}
_ECHOES = {
    "absent": "The server does not echo log-probabilities of the prompt.",
    "right": "The server echoes log-probabilities of the prompt, and they are right.",
    "wrong": "The server echoes log-probabilities of the prompt, but they are wrong.",
    "unclear": "The server echoes the prompt, but its log-probabilities could not be checked.",
}
_ECHO_UNUSED = "Nothing to change: no run relies on it."


# Why an endpoint cannot be asked


def blame(fault: Fault, model: Model, offered: Sequence[str] = ()) -> Finding:
    """The finding for a fault that keeps the endpoint from being asked. `offered` are the names of the models that the
    server lists, empty if it lists none."""
    said = quoted(fault.message)
    status = fault.status
    if status is None:
        return Finding("reachable", "bad", said, "Start the server, or change model.base_url.")
    if status == 401:
        key, remedy = "a call without a key", "Name the key's variable in model.key_env."
        if model.key_env:
            key, remedy = f"the key in {model.key_env}", f"Put a valid key into {model.key_env}."
        return Finding("key", "bad", f"The server does not accept {key}: {said}", remedy)
    if status == 402:
        return Finding("money", "bad", f"The server demands payment: {said}", "Add credit, or raise the key's limit.")
    if status == 403:
        remedy = "Check what the key may do, and the provider's terms for this model."
        return Finding("key", "bad", f"The server refuses: {said}", remedy)
    if status == 429:
        says = f"The server takes no more calls now: {said}"
        return Finding("limits", "bad", says, "Wait, or use another key or model.")
    if "web page" in fault.message or (300 <= status < 400):
        remedy = "Check model.base_url; it usually ends in /v1."
        return Finding("reachable", "bad", f"No model answers at this address: {said}", remedy)
    name = model.model or ""
    if offered and name not in offered and (status == 404 or _ABOUT_MODEL.search(fault.message)):
        remedy = f"Set model.model to one that the server lists: {_nearest(name, offered)}."
        return Finding("model", "bad", f"The server has no model {one_line(name)}: {said}", remedy)
    if status in (404, 405):
        remedy = "Check model.model and model.base_url (it usually ends in /v1)."
        if model.providers:
            remedy = "Check model.model and model.providers."
        elif model.endpoint != "auto":
            remedy = f'Check model.model, or set model.endpoint = "auto" instead of "{model.endpoint}".'
        return Finding("model", "bad", f"The server has nothing at this address ({status}): {said}", remedy)
    if LOGPROBS.search(fault.message):
        return Finding("logprobs", "bad", f"The server refuses log-probabilities: {said}", _logprobs_remedy(model))
    if 400 <= status < 500:
        given = f"model.extra ({', '.join(map(one_line, model.extra))})" if model.extra else "model.endpoint"
        return Finding("request", "bad", f"The server refuses the request ({status}): {said}", f"Check {given}.")
    return Finding("server", "bad", f"The server fails ({status}): {said}", "Check the server's log, or try later.")


def quoted(message: str) -> str:
    """A server's words on one line, with a full stop if they end without one."""
    words = one_line(message).strip()[:_WORDS].strip() or "it gives no reason"
    return words if words[-1] in ".!?" else f"{words}."


def another_provider(name: str, said: str) -> Finding:
    """Provider `said` answered, though the router was held to the one called `name`."""
    remedy = "Name another provider in model.providers; log-probabilities of two providers do not compare."
    return Finding("provider", "bad", f"The router was held to {name}, but asked {said}.", remedy)


def no_alternatives(model: Model, *, tokens: bool) -> Finding:
    """The server gives no log-probabilities or, if it gives `tokens`, none of the alternatives to them."""
    given = "no alternatives to a token" if tokens else "no log-probabilities"
    return Finding("logprobs", "bad", f"The server answers, but gives {given}.", _logprobs_remedy(model))


def labels_missing(labels: Sequence[str], found: Sequence[str]) -> Finding:
    """Too few labels are among the alternatives; `found` are those that are."""
    named = f"Only {', '.join(found)} of" if found else "None of"
    says = f"{named} {', '.join(labels)} is among the alternatives where the label belongs."
    remedy = 'Use single letters as prompt.labels, a larger model.top_logprobs, or model.endpoint = "completions".'
    return Finding("labels", "bad", says, remedy)


# What an answer proves


def reachable(base_url: str) -> Finding:
    served = "The model file's server" if base_url.startswith("gguf:") else base_url
    return Finding("reachable", "ok", f"{served} answers.")


def key_accepted(key_env: str | None) -> Finding:
    return Finding("key", "ok", f"The key in {key_env} is accepted." if key_env else "No key is needed.")


def money(standing: str, remaining: float | None) -> Finding:
    """The key's `standing` in words, and the USD that `remaining` says it may still spend."""
    if remaining is not None and remaining <= 0:
        return Finding("money", "note", standing, "Raise the key's limit, or add credit.")
    return Finding("money", "ok", standing)


def model_answers(model: Model, provider: str, offered: Sequence[str]) -> Finding:
    """The model answers; a note if the server lists the models `offered`, but not this one."""
    name = model.model or "The model file"
    if offered and name not in offered:
        says = f"The server answers to the name {one_line(name)}, but does not list it."
        remedy = f"Make sure that it is the model you mean; the server lists {_nearest(name, offered)}."
        return Finding("model", "note", says, remedy)
    return Finding("model", "ok", f"{name}{f' at {provider}' if provider else ''} answers.")


def endpoint_chosen(kind: Kind, failed: Finding | None) -> Finding:
    """The endpoint of this kind is used; `failed` is why the one tried before is not."""
    why_no_other = f"; completions will not do: {failed.says}" if failed else "."
    return Finding("endpoint", "ok", f"{kind} is used{why_no_other}")


def least_tokens(tokens: int) -> Finding:
    """The server does not write a single token alone."""
    says = f"The server wants max_tokens of at least {tokens}; the label is read from the first token."
    return Finding("tokens", "note", says, "Nothing to change; an answer costs a little more.")


def alternatives_given(given: int, asked: int, accepted: int) -> Finding:
    """How many alternatives to each token are `given`, of those `asked` for in the profile and those that the server
    `accepted` to be asked for."""
    if accepted < asked:
        says = f"{given} alternatives a token: the server refuses {asked}, but accepts {accepted}."
        return Finding("logprobs", "note", says, f"Set model.top_logprobs = {accepted} to avoid the refusal.")
    if given < asked:
        says = f"{given} alternatives a token, though {asked} were asked for."
        return Finding("logprobs", "note", says, "Nothing to change as long as the labels are among them.")
    return Finding("logprobs", "ok", f"{given} alternatives a token.")


def prefill_continued(way: Prefill, *, repeated: bool) -> Finding:
    """The server continues a prefilled answer, or, by "none", does not."""
    if way == "none":
        says = "A prefilled answer is not continued; the prompt itself ends where the label goes."
        remedy = 'Nothing to change if the labels are found; else try model.endpoint = "completions".'
        return Finding("prefill", "note", says, remedy)
    by = " with continue_final_message" if way == "fields" else ""
    also = ", and repeated in the reply" if repeated else ""
    return Finding("prefill", "ok", f"A prefilled answer is continued{by}{also}.")


def reasoning_off(switch: ReasoningSwitch) -> Finding:
    """The model does not reason, thanks to `switch` or, if it is empty, to the prefill."""
    if switch:
        says = f"The model would reason before it answers; {_SWITCHES[switch]} turns that off."
    else:
        says = "The model reasons before it answers, but not after a prefill."
    return Finding("reasoning", "ok", says)


def reasons_always() -> Finding:
    says = "The model always reasons before it answers, so the label is read after its reasoning."
    remedy = "That is expensive and slow; use a model that does not reason, or whose reasoning can be turned off."
    return Finding("reasoning", "note", says, remedy)


def labels_found(labels: Sequence[str], seen: int, mass: float, *, always: bool) -> Finding:
    """`seen` labels are among the alternatives, with a mean probability `mass` of all together; if not `always`, some
    were missing from some answers."""
    count = len(labels)
    named = " and ".join(labels) if count == 2 else f"{seen} of {count} labels"
    says = f"{named} are among the alternatives, with {mass:.0%} of the probability."
    if not always:
        remedy = "Ask for more alternatives (model.top_logprobs), or use fewer labels."
        return Finding("labels", "note", f"{says} Some were missing from some answers.", remedy)
    if mass < _LITTLE_MASS:
        remedy = 'Single letters as labels, model.endpoint = "completions" or a larger model may give more.'
        return Finding("labels", "note", says, remedy)
    return Finding("labels", "ok", says)


def bias_measured(labels: Sequence[str], label_bias: Sequence[float]) -> Finding:
    """Which label is favoured, and by how much (nats)."""
    favoured = labels[max(range(len(labels)), key=label_bias.__getitem__)]
    gap = max(label_bias) - min(label_bias)
    says = f"{favoured} is favoured by {gap:.2f} nats whatever is shown; a run takes that off."
    return Finding("label bias", "ok", says)


# What a run may expect


def context_refused(shots: int, fault: Fault) -> Finding:
    """A context of so many examples got no answer."""
    says = f"A context of {shots} examples was not answered: {quoted(fault.message)}"
    return Finding("cache", "note", says, "Use fewer shots or shorter items, or a server with a longer context.")


def cache_used(cached: int | None, read: int | None, cold: float, warm: float) -> Finding:
    """How many tokens of `read` the server had cached when a context came again, None if it does not count them.
    `cold` and `warm` are the seconds that the first and the second question took."""
    if cached:
        of = f" of {read}" if read is not None else ""
        return Finding("cache", "ok", f"A context is read once, then taken from the cache: {cached}{of} tokens.")
    if cached == 0:
        remedy = "Turn on its prefix cache, if it has one."
        return Finding("cache", "note", "The server takes no tokens of a context from a cache.", remedy)
    says = "The server does not report cached tokens."
    if warm < cold / 2:
        says += f" The second question with a context took {warm:.2f} s, the first {cold:.2f} s."
    remedy = "Let it report them (vLLM: --enable-prompt-tokens-details; SGLang: --enable-cache-report)."
    return Finding("cache", "note", says, remedy)


def repeated(gap: float | None) -> Finding:
    """By how many nats two answers to the same request differ; None if that could not be seen."""
    if gap is None:
        says = "Whether the same request gives the same answer could not be seen."
        return Finding("repeat", "note", says, "Run `icm-tui doctor` again.")
    if gap <= _DRIFT:
        return Finding("repeat", "ok", f"The same request gives the same answer within {gap:.1g} nats.")
    noisy = "Average more answers (search.average), or ask another provider or server."
    remedy = noisy if gap > _NOISE else "Nothing to change: a run averages answers."
    return Finding("repeat", "note", f"Answers to the same request differ by up to {gap:.2g} nats.", remedy)


def echoed(echo: Echo) -> Finding:
    """What became of a prompt that was to be echoed with its log-probabilities."""
    if echo == "right":
        return Finding("echo", "ok", _ECHOES[echo])
    return Finding("echo", "note", _ECHOES[echo], _ECHO_UNUSED)


def echo_refused(fault: Fault) -> Finding:
    return Finding("echo", "note", f"The server refuses to echo the prompt: {quoted(fault.message)}", _ECHO_UNUSED)


def latency(seconds: float, tokens_a_second: float | None) -> Finding:
    """The median seconds a label, and how fast a longer answer was written."""
    written = f"; {tokens_a_second:.0f} tokens a second in a longer answer" if tokens_a_second is not None else ""
    return Finding("latency", "ok", f"{seconds:.2f} s a label{written}.")


def nothing_needed() -> Finding:
    return Finding("model", "ok", "The embedded model needs no server, no key and no download; a run can be made.")


def never_asked(error: Exception) -> Finding:
    """The server could not be asked at all: no key, no such provider, no such file."""
    return Finding("setup", "bad", one_line(str(error)))


def _logprobs_remedy(model: Model) -> str:
    if model.providers or "openrouter.ai" in (model.base_url or ""):
        return "Choose a model and a provider that give them; `icm-tui models` lists those."
    return (
        "Use a server that gives them (vLLM, SGLang, llama-server, Ollama from 0.12.11; llama-cpp-python with "
        "--logits_all true), or another model."
    )


def _nearest(name: str, offered: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, offered, n=_NEAREST, cutoff=0.4) or list(offered[:_NEAREST])
    more = len(offered) - len(near)
    return ", ".join(near) + (f" ({more} more)" if more else "")
