"""Random numbers keyed by their purpose, so that no draw depends on how many came before it.

Every draw names its purpose and its coordinates (a decision's number, a chain, a context). The bit generator is Philox
(Salmon et al., 2011), whose key is (seed, purpose) and whose counter starts at the coordinates.
"""

from enum import IntEnum
from typing import Any

import numpy as np


class Purpose(IntEnum):
    """What a draw decides. The numbers are part of the journal's meaning: never reuse one."""

    DECISION = 1
    DEMONSTRATIONS = 2
    ORDER = 3
    SEEDS = 4
    SUBSET = 5
    LABEL_BIAS = 6
    SECOND_LOOK = 7
    CANDIDATES = 8
    ACCEPTANCE = 9


class Draws:
    """Keyed draws of one run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed % 2**64
        self._streams: dict[Purpose, tuple[np.random.Philox, np.random.Generator, Any]] = {}

    def generator(self, purpose: Purpose, a: int = 0, b: int = 0, c: int = 0) -> np.random.Generator:
        """A generator that yields the same numbers for the same arguments, whenever it is asked for.

        All draws of one purpose share the object, so finish with it before asking for the next one.
        """
        if purpose not in self._streams:
            bits = np.random.Philox(key=np.array([self._seed, int(purpose)], dtype=np.uint64))
            self._streams[purpose] = (bits, np.random.Generator(bits), bits.state)
        bits, generator, state = self._streams[purpose]
        counter = state["state"]["counter"]
        counter[0], counter[1], counter[2], counter[3] = 0, a, b, c
        bits.state = state
        return generator

    def uniform(self, purpose: Purpose, a: int = 0, b: int = 0, c: int = 0) -> float:
        """One number, uniform in [0, 1)."""
        return float(self.generator(purpose, a, b, c).random())
