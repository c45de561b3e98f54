"""The runs in a directory: listing them from their small files alone, finding siblings, and deleting one."""

import contextlib
import os
import secrets
import shutil
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from icm_tui.errors import UserError
from icm_tui.run_dir.layout import RunDir, digest, run_paths
from icm_tui.run_dir.lock import RunLock, liveness
from icm_tui.run_dir.status import read_status

if TYPE_CHECKING:
    from icm_tui.profile.schema import Profile


class RunSummary(msgspec.Struct, frozen=True):
    """A run at a glance. `coherence` is in bits, `disk` in bytes, `started` in unix seconds; None means not known."""

    name: str
    path: str
    state: str
    decision: int | None
    decisions: int | None
    labelled: int | None
    items: int | None
    coherence: float | None
    method: str | None
    model: str | None
    disk: int
    started: float | None


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """Return the runs in a directory, the latest first. Reads no journals, which may be many and long."""
    now = time.time()
    summaries = [_summarise(RunDir(path), now) for path in run_paths(runs_dir)]
    return sorted(summaries, key=lambda summary: (-(summary.started or 0.0), summary.name))


def remove(run: RunDir) -> None:
    """Delete a run with its directory. Raises UserError if it is not a run, if it is live, or if the system refuses."""
    if not run.is_run():
        raise UserError(f"{run.path} is not a run, so it is left alone: it holds no profile.toml and journal.jsonl.")
    path = run.path.resolve()
    doomed = path.with_name(f".{secrets.token_hex(4)}.removed")
    try:
        with RunLock(RunDir(path)):
            # For everybody who lists or starts runs it is gone at once, however long the deletion takes.
            path.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        left = doomed if doomed.exists() else path
        raise UserError(
            f"The run {run.path} cannot be deleted: {reason}. What is left of it is in {left}; delete that by hand."
        ) from error


def siblings_of(run: RunDir) -> list[RunDir]:
    """Return `run` and the runs beside it that label the same items and differ only in their seed, by seed, finished or
    not; several may have the same seed. Raises UserError if `run` itself cannot be read; others are then left out."""
    from icm_tui.profile.toml import load  # listing runs does without it

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


def _summarise(run: RunDir, now: float) -> RunSummary:
    status = read_status(run)
    profile = _read_profile(run)
    return RunSummary(
        name=run.name,
        path=str(run.path),
        state=liveness(run, status, now),
        decision=status.decision if status else None,
        decisions=status.decisions if status else None,
        labelled=status.labelled if status else None,
        items=status.items if status else None,
        coherence=status.coherence_bits if status else None,
        method=_text(profile, "search", "method"),
        model=_model(profile),
        disk=_disk(run.path),
        started=_started(run),
    )


def _read_profile(run: RunDir) -> dict[str, Any]:
    try:
        return tomllib.loads(run.profile.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _text(profile: dict[str, Any], section: str, key: str) -> str | None:
    table = profile.get(section)
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else None


def _model(profile: dict[str, Any]) -> str | None:
    """Return the model's name, or else its file, or else its backend."""
    path = _text(profile, "model", "path")
    return _text(profile, "model", "model") or (Path(path).name if path else _text(profile, "model", "backend"))


def _started(run: RunDir) -> float | None:
    """Return when the profile was frozen, in unix seconds."""
    try:
        return run.profile.stat().st_mtime
    except OSError:
        return None


def _disk(path: Path) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def _bare(profile: "Profile") -> "Profile":
    """Return the profile without the seed and names, and without limits, which change no label."""
    run = msgspec.structs.replace(
        profile.run, seed=0, name="", out=None, budget_usd=None, max_calls=None, max_seconds=None, watch_seconds=None
    )
    return msgspec.structs.replace(profile, run=run)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
