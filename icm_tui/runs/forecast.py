"""What a run will ask and cost, told before it starts."""

import math
from collections.abc import Sequence
from itertools import islice

import msgspec

from icm_tui.profiles.schema import Profile
from icm_tui.prompts import find_template, render_completion
from icm_tui.runs.assembly import icm_settings, make_search, problem_of, window_of
from icm_tui.search.icm import AT_RANDOM, SMALLEST_MARGIN
from icm_tui.search.problem import Problem
from icm_tui.tasks.item import Item

# What one call takes where nothing was measured yet: a short answer from a hosted model.
_SECONDS_A_CALL = 1.0
_CHARACTERS_A_TOKEN = 4.0
_SAMPLED = 256


class Forecast(msgspec.Struct, frozen=True):
    """Expected calls, tokens read (none cached), USD at the profile's prices (None without a price), and minutes."""

    calls: int
    calls_per_label: float
    tokens_in: int
    cost_usd: float | None
    minutes: float | None
    paid: bool


def forecast(profile: Profile, items: Sequence[Item]) -> Forecast:
    """The forecast of a resolved profile. Calls of method `paper` are an upper bound: its prompts repeat."""
    problem = problem_of(profile, items)
    calls = expected_calls(profile, problem)
    paid = profile.model.backend != "embedded"
    shots = profile.search.shots
    shown = len(items) if shots == "all" else min(int(shots or 0), len(items))
    tokens = int(calls * (1 + shown) * _mean_tokens(items)) if paid else 0
    cost = None
    if not paid:
        cost = 0.0
    elif profile.model.price_in is not None:
        cost = round(tokens * profile.model.price_in / 1e6 + calls * (profile.model.price_out or 0.0) / 1e6, 4)
    minutes = calls * _SECONDS_A_CALL / profile.model.concurrency / 60 if paid else None
    return Forecast(calls, round(calls / max(1, len(items)), 2), tokens, cost, minutes, paid)


def expected_calls(profile: Profile, problem: Problem) -> int:
    """How many questions the search will ask: exact where groups are of one size, a few too many for `lean`."""
    search = profile.search
    if search.method == "fork":
        return (search.max_iters or 0) * (search.batch_size or 0)
    if search.method == "paper":
        return (search.max_iters or 0) * problem.n_items
    settings = icm_settings(profile, problem, window_of(profile, problem))
    units, unit_size = len(problem.units), problem.n_items / len(problem.units)
    subset = min(units, math.ceil(settings.subset / unit_size))
    asked = settings.chains * settings.chain_sweeps * subset + settings.sweeps * units
    if settings.second_look:
        asked += math.ceil(SMALLEST_MARGIN * units) + math.ceil(AT_RANDOM * units)
    return settings.leaning_lists * problem.n_labels + round(asked * unit_size)


def first_prompts(profile: Profile, items: Sequence[Item], count: int = 3) -> list[str]:
    """The first prompts of the run, exactly as a completions endpoint would get them."""
    problem = problem_of(profile, items)
    search = make_search(profile, problem, window_of(profile, problem))
    while (proposal := search.propose()) is not None:
        search.commit(proposal)
    blocks = {block.id: block for block in search.take_blocks()}
    prompt = profile.prompt
    prompts: list[str] = []
    for question in islice(search.wants(), count):
        block = blocks[question.block]
        shown = block.demonstrations
        if shown == "all":
            labelled = enumerate(search.labels_of(block.chain))
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
    return sum(len(item.text) for item in sample) / max(1, len(sample)) / _CHARACTERS_A_TOKEN + 6
