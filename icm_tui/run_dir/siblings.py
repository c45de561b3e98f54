"""The runs of one profile under several seeds."""

from pathlib import Path

import msgspec

from icm_tui.errors import UserError
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import load
from icm_tui.run_dir.layout import RunDir, digest, run_paths


def siblings_of(run: RunDir) -> list[RunDir]:
    """The runs beside `run` that differ from it in their seed alone and label the same items, itself among them, by
    seed; finished or not. Of several with one seed all are there. Raises UserError if `run` itself cannot be
    read; others that cannot are left out."""
    own = load(run.profile)
    bare, items = _bare(own), digest(run.items.read_bytes())
    found = [(own.run.seed, run)]
    for path in run_paths(run.path.parent):
        other = RunDir(path)
        if _same(path, run.path):
            continue
        try:
            profile = load(other.profile)
            if _bare(profile) == bare and digest(other.items.read_bytes()) == items:
                found.append((profile.run.seed, other))
        except (UserError, OSError):
            continue
    return [other for _, other in sorted(found, key=lambda pair: (pair[0], pair[1].name))]


def _bare(profile: Profile) -> Profile:
    """The profile without what tells siblings apart, and without limits, which change no label."""
    run = msgspec.structs.replace(
        profile.run, seed=0, name="", out=None, budget_usd=None, max_calls=None, max_seconds=None, watch_seconds=None
    )
    return msgspec.structs.replace(profile, run=run)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
