"""What a run came to, as one object: printed by `run --json` and read by other programs."""

import msgspec

from icm_tui.domain.reply import Endpoint
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.tally import Tally
from icm_tui.runner.states import State
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. Counts are over all processes that worked on it.

    `label_counts` has the names of the labels. `calls_reasked` and `explanations` are beside the search, and
    `calls_per_label` counts the questions of the search only. Costs are in USD; `coherence_bits` is held-out, None if
    not measured; `seconds` are those that runners were at work. `endpoint` answered last, None for the embedded
    model.
    """

    run: str
    directory: str
    state: str
    items: int
    labelled: int
    label_counts: dict[str, int]
    decisions: int
    calls: int
    calls_cached: int
    calls_failed: int
    calls_reasked: int
    explanations: int
    calls_per_label: float | None
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float
    seconds: float
    coherence_bits: float | None
    violations: int
    seed: int
    method: str
    effort: str
    model: str
    endpoint: Endpoint | None


def summarise(
    run: RunDir,
    state: State,
    profile: Profile,
    problem: Problem,
    search: Search,
    tally: Tally,
    endpoint: Endpoint | None,
) -> Summary:
    """The summary of a run in this state; `tally` counts the calls, and `endpoint` is the one that answered last."""
    labels = search.labels
    labelled = sum(label is not None for label in labels)
    counts = {label: labels.count(index) for index, label in enumerate(profile.prompt.labels)}
    violations = sum(problem.broken_in(group, labels) for group in range(len(problem.groups)))
    return Summary(
        run=run.name,
        directory=str(run.path),
        state=state.value,
        items=len(labels),
        labelled=labelled,
        label_counts=counts,
        decisions=search.n,
        calls=tally.calls,
        calls_cached=tally.calls_cached,
        calls_failed=tally.calls_failed,
        calls_reasked=tally.calls_reasked,
        explanations=tally.explanations,
        calls_per_label=round(tally.calls / labelled, 4) if labelled else None,
        tokens_in=tally.tokens_in,
        tokens_out=tally.tokens_out,
        tokens_cached=tally.tokens_cached,
        cost_usd=round(tally.cost_usd, 6),
        seconds=round(tally.seconds, 3),
        coherence_bits=search.coherence_bits,
        violations=violations,
        seed=profile.run.seed,
        method=profile.search.method,
        effort=profile.search.effort,
        model=profile.model.answers,
        endpoint=endpoint,
    )
