"""Random problems and settings for property tests."""

from hypothesis import strategies as st

from icm_tui.domain.items import Item
from icm_tui.search.problem import Problem, make_problem
from icm_tui.search.settings import Settings
from tests.domain.allowed import rules_for


@st.composite
def problems(draw: st.DrawFn, rule: str | None = None, n_labels: int | None = None) -> Problem:
    """Groups of one to five items, some items without a group, keys that repeat or are missing."""
    labels = n_labels or draw(st.sampled_from((2, 3)))
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=10))
    items: list[Item] = []
    for group, size in enumerate(sizes):
        alone = size == 1 and draw(st.booleans())
        keyed = draw(st.booleans())
        for _ in range(size):
            key = draw(st.integers(0, 2)) if keyed else None
            items.append(Item(str(len(items)), "", None if alone else group, key))
    return make_problem(items, rule or draw(st.sampled_from(rules_for(labels))), labels)


@st.composite
def settings_of(draw: st.DrawFn, *, drawn: bool = False) -> Settings:
    """Any settings of method `icm`, for small problems; with `drawn`, contexts are drawn, never "all"."""
    shots = draw(st.integers(0, 8) if drawn else st.integers(0, 8) | st.just("all"))
    sweeps = draw(st.integers(0 if shots == "all" else 1, 3))
    return Settings(
        seed=draw(st.integers(0, 2**64 - 1)),
        window=draw(st.integers(1, 40)),
        shots=shots,
        share=draw(st.integers(1, 6)),
        chain_share=draw(st.integers(1, 4)),
        confident=draw(st.sampled_from((0.25, 0.5, 1.0))),
        average=draw(st.integers(1, 3)),
        label_bias_contexts=draw(st.sampled_from((0, 3))),
        chains=draw(st.integers(1, 4)),
        chain_sweeps=draw(st.integers(1, 3)),
        subset=draw(st.integers(1, 12)),
        seeds=draw(st.integers(1, 8)),
        sweeps=sweeps,
        second_look=bool(sweeps) and draw(st.booleans()),
        balanced=draw(st.booleans()),
    )
