"""What can be said of a run before it is made: whether its model can be asked, and what it will ask and cost."""

import asyncio
import math
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from icm_tui.domain.items import Item
from icm_tui.domain.reply import Price
from icm_tui.models.server.cost import cost_of, price_of
from icm_tui.models.server.probe.result import ProbeResult, recall
from icm_tui.models.server.reply.types import Usage
from icm_tui.profile.schema import Profile
from icm_tui.prompts import find_template, render_completion
from icm_tui.runner.assembly import icm_settings, make_search, problem_of, window_of
from icm_tui.search.icm.method import AT_RANDOM, SMALLEST_MARGIN
from icm_tui.search.problem import Problem

# What a call takes if nothing was measured yet: a short answer from a hosted model.
_SECONDS_A_CALL = 1.0
# About what a token of English text holds.
CHARACTERS_A_TOKEN = 4.0
_SAMPLED = 256


class Standing(msgspec.Struct, frozen=True):
    """What is known of a model before a run: its price, None without one, the seconds that a label takes, None if
    nothing was measured, and the probe that found them out."""

    price: Price | None = None
    latency_s: float | None = None
    probe_result: ProbeResult | None = None


def examine(profile: Profile) -> Standing:
    """Probe the server of a resolved profile, unless a probe of it was kept. Of a model file only the file is checked,
    since its server starts with the run. Raises UserError, with what to change, if no run can ask the model."""
    if profile.model.backend == "gguf" and profile.model.path is not None:
        from icm_tui.models.gguf.launch import check

        check(Path(profile.model.path).expanduser())
    if profile.model.backend != "openai":
        return Standing(price_of(profile.model, None))
    from icm_tui.models.server.client import connect, probe_endpoint

    async def look() -> Standing:
        async with connect(profile.model, Path.cwd()) as connection:
            found = await probe_endpoint(connection, profile.model, profile.prompt.labels)
        price = found.endpoint.price if found.endpoint is not None else None
        return Standing(price_of(profile.model, price), found.latency_s, found)

    return asyncio.run(look())


def recalled(profile: Profile) -> Standing:
    """What an earlier probe found out; nobody is asked."""
    known = None
    if profile.model.backend == "openai" and profile.model.base_url is not None:
        known = recall(profile.model.base_url.rstrip("/"), profile.model, profile.prompt.labels, time.time())
    if known is None or known.endpoint is None:
        return Standing(price_of(profile.model, None))
    return Standing(price_of(profile.model, known.endpoint.price), known.latency_s, known)


class Forecast(msgspec.Struct, frozen=True):
    """What a run is expected to take: calls, tokens read, how many of them come from the server's prefix cache if it
    has one, USD (None without a price), and minutes (None if nobody has to be waited for)."""

    calls: int
    calls_per_label: float
    tokens_in: int
    tokens_cached: int
    cost_usd: float | None
    minutes: float | None
    paid: bool


class Part(NamedTuple):
    """A part of the search: how many questions it asks, and about how many contexts they share."""

    calls: int
    contexts: int


def forecast(
    profile: Profile, items: Sequence[Item], *, price: Price | None = None, latency_s: float | None = None
) -> Forecast:
    """The forecast of a resolved profile. Calls of method `paper` are an upper bound: its prompts repeat.

    `price` counts if the profile names none. `latency_s` is what a call takes, in seconds, if that was measured. Tokens
    from a prefix cache cost less only if the price says so.
    """
    problem = problem_of(profile, items)
    parts = expected_parts(profile, problem)
    calls = sum(part.calls for part in parts)
    prompted, paid = profile.model.backend != "embedded", profile.model.backend == "openai"
    shots = 0 if profile.search.method == "zero_shot" else profile.search.shots
    shown = len(items) if shots == "all" else min(int(shots or 0), len(items))
    text = _mean_tokens(items)
    tokens = int(calls * (1 + shown) * text) if prompted else 0
    cached = int(sum(part.calls - part.contexts for part in parts) * shown * text) if prompted else 0
    cost = (
        cost_of(Usage(tokens, calls, cached), price_of(profile.model, price)) if paid else 0.0
    )  # a token written a call
    cost = None if cost is None else round(cost, 4)
    seconds = _SECONDS_A_CALL if latency_s is None else latency_s
    minutes = calls * seconds / profile.model.concurrency / 60 if prompted else None
    return Forecast(calls, round(calls / max(1, len(items)), 2), tokens, cached, cost, minutes, paid)


def expected_parts(profile: Profile, problem: Problem) -> list[Part]:
    """What the search will ask, in parts: the label bias, the tournament, the sweeps and the second look, as far as it
    has them. Calls are exact if groups are of one size, and a few too many for `lean`; the replications have one part
    and share no context."""
    search = profile.search
    if search.method in ("zero_shot", "random_labels"):
        units, contexts = len(problem.units), 1
        if search.method == "random_labels":
            contexts = math.ceil(units / min(search.share or 1, max(1, units // 4)))
        return [Part(problem.n_items, contexts)]
    if search.method != "icm":
        a_turn = problem.n_items if search.method == "paper" else search.batch_size or 0
        calls = (search.max_iters or 0) * a_turn
        return [Part(calls, calls)]
    settings = icm_settings(profile, problem, window_of(profile, problem))
    units, unit_size = len(problem.units), problem.n_items / len(problem.units)
    subset = min(units, math.ceil(settings.subset / unit_size))

    def part(decisions: int, in_play: int, share: int) -> Part:
        calls = round(decisions * unit_size)
        if settings.shots == "all":
            return Part(calls, calls)
        return Part(calls, min(calls, math.ceil(decisions / min(share, max(1, in_play // 4)))))

    label_bias = settings.label_bias_contexts * problem.n_labels
    parts = [
        Part(label_bias, label_bias),
        part(settings.chains * settings.chain_sweeps * subset, subset, settings.chain_share),
        part(settings.sweeps * units, units, settings.share),
    ]
    if settings.second_look:
        again = math.ceil(SMALLEST_MARGIN * units) + math.ceil(AT_RANDOM * units)
        parts.append(part(again, again, settings.share))
    return parts


def first_prompts(profile: Profile, items: Sequence[Item], count: int = 3) -> list[str]:
    """The first prompts of a run, exactly as a completions endpoint would receive them."""
    problem = problem_of(profile, items)
    search = make_search(profile, problem, window_of(profile, problem))
    while (proposal := search.propose()) is not None:
        search.commit(proposal)
    contexts = {context.id: context for context in search.drain_contexts()}
    prompt = profile.prompt
    prompts: list[str] = []
    for question in islice(search.wants(), count):
        context = contexts[question.context_id]
        shown = context.demonstrations
        if shown == "all":
            labelled = enumerate(search.labels_of(context.chain))
            group = problem.group_of[question.item]
            shown = [(i, label) for i, label in labelled if label is not None and problem.group_of[i] != group]
        prompts.append(
            render_completion(
                find_template(prompt.template),
                [(items[item].text, prompt.labels[label]) for item, label in shown],
                items[question.item].text,
                labels=prompt.labels,
                anchor=prompt.anchor,
                persona=prompt.persona,
            )
        )
    return prompts


def _mean_tokens(items: Sequence[Item]) -> float:
    sample = items[:_SAMPLED]
    return sum(len(item.text) for item in sample) / max(1, len(sample)) / CHARACTERS_A_TOKEN + 6
