"""The settings that a profile of defaults resolves to, for a problem made by a test."""

from icm_tui.profile.defaults import resolve
from icm_tui.profile.schema import Consistency, Model, Profile, Prompt, Run, Search, TaskSection
from icm_tui.runner.assembly import icm_settings, window_of
from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings


def effort(problem: Problem, name: str, seed: int, *, shots: int = 16, concurrency: int = 8) -> Settings:
    """Method `icm` with contexts of `shots` demonstrations; `name` is its effort."""
    profile = Profile(
        run=Run(seed=seed),
        task=TaskSection(dataset="file", path="items.jsonl", text="text"),
        model=Model(concurrency=concurrency),
        prompt=Prompt(labels=list("ABCDEFG")[: problem.n_labels]),
        search=Search(effort=name, shots=shots),  # type: ignore[arg-type]
        consistency=Consistency(rule=problem.rule),  # type: ignore[arg-type]
    )
    grouped = any(len(unit) > 1 for unit in problem.units)
    resolved = resolve(profile, rule=problem.rule, items=problem.n_items, grouped=grouped)
    return icm_settings(resolved, problem, window_of(resolved, problem))
