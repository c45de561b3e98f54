"""The phases of a run, as decisions, contexts and statuses name them."""

from enum import StrEnum


class PhaseName(StrEnum):
    """The phases of method `icm` in their order. The other methods begin with SEEDS, go on in a phase of their own name
    and end with DONE; decisions of methods that have no seeds are all in that phase."""

    SEEDS = "seeds"
    LABEL_BIAS = "label_bias"
    TOURNAMENT = "tournament"
    SELECTION = "selection"
    SWEEPS = "sweeps"
    SECOND_LOOK = "second_look"
    DONE = "done"

    @property
    def number(self) -> int:
        """Its place in the order, by which draws are keyed."""
        return list(PhaseName).index(self)
