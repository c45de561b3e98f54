"""Settings as section 2 of the search's description has them: what an effort means for a problem."""

from icm_tui.search.problem import Problem
from icm_tui.search.settings import Settings

SWEEPS = {"lean": 1, "standard": 2, "thorough": 8}


def effort(problem: Problem, name: str, seed: int, *, shots: int = 16, concurrency: int = 8) -> Settings:
    """Method `icm` with lists of `shots` demonstrations."""
    grouped = any(len(unit) > 1 for unit in problem.units)
    return Settings(
        seed=seed,
        window=max(1, min(8 * concurrency, len(problem.units) // 4)),
        shots=shots,
        chains=4 if grouped else 16,
        subset=min(max(problem.n_items // 8, 48), 128),
        seeds=max(8, 4 * problem.n_labels),
        sweeps=SWEEPS[name],
        second_look=name == "lean",
        balanced=grouped,
    )


def everything(problem: Problem, seed: int) -> Settings:
    """Method `icm` with all labelled items shown: restarts from random labels, the most coherent kept."""
    return Settings(
        seed=seed,
        shots="all",
        chains=8,
        chain_sweeps=4,
        subset=problem.n_items,
        sweeps=0,
        average=1,
        confident=1.0,
        leaning_lists=0,
        balanced=any(len(unit) > 1 for unit in problem.units),
    )
