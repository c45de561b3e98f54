"""Makes a run directory from a profile. The data is read and checked first, so nothing is left half-made."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from icm_tui.domain.items import Gold, Item, Task
from icm_tui.domain.rules import RULES
from icm_tui.errors import UserError
from icm_tui.files import make_private, runs_dir
from icm_tui.profile.defaults import resolve
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import dumps
from icm_tui.prompts import check_prompt
from icm_tui.run_dir.layout import RunDir, create, new_run_path, write_atomically, write_held_out, write_items
from icm_tui.tasks.registry import load_task

WriteGold = Callable[[Path, Gold, list[str]], None]


class Prepared(msgspec.Struct, frozen=True):
    """A profile with every setting resolved for its data, and the data."""

    profile: Profile
    task: Task


def prepare(profile: Profile) -> Prepared:
    """Check the prompt, read the data, and resolve every setting. Raises UserError."""
    prompt = profile.prompt
    check_prompt(
        prompt.template,
        labels=prompt.labels,
        anchor=prompt.anchor,
        persona=prompt.persona,
        words_allowed=prompt.words_allowed,
    )
    task = load_task(profile.task, labels=prompt.labels, rule=profile.consistency.rule)
    if task.revision is not None:
        # A branch moves on, so the run's own profile names the commit that was read.
        pinned = msgspec.structs.replace(profile.task, revision=task.revision)
        profile = msgspec.structs.replace(profile, task=pinned)
    resolved = resolve(profile, rule=task.rule, items=len(task.items), grouped=_grouped(task.items, task.rule))
    _refuse_too_many_for_paper(resolved, len(task.items))
    return Prepared(resolved, task)


def _refuse_too_many_for_paper(profile: Profile, items: int) -> None:
    """Method `paper` shows all items in one context and asks all of them every iteration."""
    most = profile.search.batch_size
    if profile.search.method == "paper" and most is not None and items > most:
        raise UserError(
            f'Method "paper" searches at most search.batch_size = {most} items together, and the task has {items}. '
            f'Set task.limit = {most}, raise search.batch_size, or take method "icm".'
        )


def _grouped(items: list[Item], rule: str) -> bool:
    return RULES[rule].decides_groups and any(item.group is not None for item in items)


def make_run(prepared: Prepared, *, name: str, out: str | None, write_gold: WriteGold) -> RunDir:
    """Make the run's directory: `out`, or one named after the run and the time. If that fails, nothing is left."""
    wanted = out or prepared.profile.run.out
    if wanted is None:
        path = new_run_path(make_private(runs_dir()), prepared.profile.run.name or name, time.time())
    else:
        path = Path(wanted).expanduser().absolute()
    existed = path.exists()
    run = create(path)
    try:
        write_items(run, prepared.task.items)
        write_held_out(run, prepared.task.held_out)
        both = [*prepared.task.items, *prepared.task.held_out]
        write_gold(run.gold, prepared.task.gold, [item.uid for item in both])
        # The profile comes last: it makes the directory a run.
        write_atomically(run.profile, dumps(prepared.profile).encode())
    except BaseException:
        if existed:
            for made in path.iterdir():
                shutil.rmtree(made) if made.is_dir() else made.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)
        raise
    return run


def under_seeds(prepared: Prepared, name: str, many: int) -> list[Prepared]:
    """`prepared` under `many` seeds, which count up from its own, each with a name of its own. The items and their
    order stay the same."""
    first = prepared.profile.run
    found = []
    for seed in range(first.seed, first.seed + many):
        run = msgspec.structs.replace(first, seed=seed, name=f"{first.name or name}-seed-{seed}", out=None)
        found.append(Prepared(msgspec.structs.replace(prepared.profile, run=run), prepared.task))
    return found
