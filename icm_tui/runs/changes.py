"""The settings that a run may change on its way: those that touch what it may spend, never what it decides."""

from collections.abc import Sequence

from icm_tui.errors import UserError
from icm_tui.profiles.schema import Profile
from icm_tui.profiles.toml import apply_sets

ALLOWED = (
    "run.budget_usd",
    "run.max_calls",
    "run.max_seconds",
    "model.concurrency",
    "model.timeout_s",
    "model.key_env",
    "model.price_in",
    "model.price_out",
    "reasoning.every",
    "reasoning.max_tokens",
    "reasoning.prefill",
)


def with_allowed_sets(profile: Profile, sets: Sequence[str]) -> Profile:
    """The profile with changes like "run.max_calls=500". Raises UserError for any that would change the decisions."""
    for change in sets:
        name = change.partition("=")[0].strip()
        if name not in ALLOWED:
            raise UserError(
                f"{name} cannot be changed while a run is under way; only {', '.join(ALLOWED)} can. "
                "Start a new run for anything else."
            )
    return apply_sets(profile, sets) if sets else profile
