"""What a run came to, as one object: printed by `run --json` and read by other programs."""

from typing import Any

import msgspec

from icm_tui.domain.reply import Endpoint
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.tally import Tally
from icm_tui.search.method import Search
from icm_tui.search.problem import Problem


def summarise(
    run: RunDir,
    state: str,
    profile: Profile,
    problem: Problem,
    search: Search,
    tally: Tally,
    endpoint: Endpoint | None,
) -> dict[str, Any]:
    """The summary of a run. Costs are in USD, coherence in bits (held out; null if it is not measured), seconds are
    those that runners were at work; `calls_per_label` counts the questions of the search alone; `endpoint` is
    who answered last, null for the model that is built in."""
    labels = search.labels
    labelled = sum(label is not None for label in labels)
    counts = {label: labels.count(index) for index, label in enumerate(profile.prompt.labels)}
    violations = sum(problem.broken_in(group, labels) for group in range(len(problem.groups)))
    return {
        "run": run.name,
        "directory": str(run.path),
        "state": state,
        "items": len(labels),
        "labelled": labelled,
        "label_counts": counts,
        "decisions": search.n,
        "calls": tally.calls,
        "calls_cached": tally.calls_cached,
        "calls_failed": tally.calls_failed,
        "calls_reasked": tally.calls_reasked,
        "explanations": tally.explanations,
        "calls_per_label": round(tally.calls / labelled, 4) if labelled else None,
        "tokens_in": tally.tokens_in,
        "tokens_out": tally.tokens_out,
        "tokens_cached": tally.tokens_cached,
        "cost_usd": round(tally.cost_usd, 6),
        "seconds": round(tally.seconds, 3),
        "coherence_bits": search.coherence_bits,
        "violations": violations,
        "seed": profile.run.seed,
        "method": profile.search.method,
        "effort": profile.search.effort,
        "model": profile.model.answers,
        "endpoint": None if endpoint is None else msgspec.to_builtins(endpoint),
    }
