"""The settings that a run may change on its way: those that touch what it may spend, never what it decides.

One comes near to that: `model.providers`. Log-probabilities of two providers do not compare, so a run asks one of them
and no other on its own; but providers go away, and a person may take another one rather than lose the run. That is
journalled, and the new endpoint after it.
"""

from collections.abc import Sequence

from icm_tui.errors import UserError
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import apply_sets

ALLOWED = (
    "run.budget_usd",
    "run.max_calls",
    "run.max_seconds",
    "model.concurrency",
    "model.timeout_s",
    "model.key_env",
    "model.providers",
    "model.price_in",
    "model.price_out",
    "reasoning.every",
    "reasoning.max_tokens",
    "reasoning.prefill",
)


def renew_endpoint(sets: Sequence[str]) -> bool:
    """Whether a run with these changes has to find an endpoint to ask anew, which it does when a runner starts."""
    return any(_name(change) == "model.providers" for change in sets)


def with_allowed_sets(profile: Profile, sets: Sequence[str]) -> Profile:
    """The profile with changes like "run.max_calls=500". Raises UserError for any that would change the decisions."""
    for change in sets:
        name = _name(change)
        if name not in ALLOWED:
            raise UserError(
                f"{name} cannot be changed while a run is under way; only {', '.join(ALLOWED)} can. "
                "Start a new run for anything else."
            )
    return apply_sets(profile, sets) if sets else profile


def _name(change: str) -> str:
    return change.partition("=")[0].strip()
