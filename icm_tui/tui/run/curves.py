"""How a chain came along: its scores over the decisions, and its flips sweep by sweep."""

from collections.abc import Hashable

from icm_tui.tui.text.curve import Curve


class ChainCurves:
    """Series of one chain: `coherence` in bits, and `energy`, which methods paper and fork raise."""

    def __init__(self) -> None:
        self.coherence = Curve()
        self.energy = Curve()
        self.sweeps = SweepFlips()


class SweepFlips:
    """Flips counted a pass over the items: a pass ends when an item comes up that the pass had already, or when another
    phase begins."""

    def __init__(self) -> None:
        self.passes: list[int] = []
        self._seen: set[int] = set()
        self._phase: Hashable = None
        self._flips = 0

    def add(self, phase: Hashable, item: int, flips: int) -> None:
        """A decision of `phase` about `item` (the first of its group) flipped so many labels."""
        if self._seen and (item in self._seen or phase != self._phase):
            self.passes.append(self._flips)
            self._seen.clear()
            self._flips = 0
        self._phase = phase
        self._seen.add(item)
        self._flips += flips

    def counts(self) -> list[int]:
        """The flips of every pass; the last one may still be under way."""
        return [*self.passes, self._flips] if self._seen else list(self.passes)
