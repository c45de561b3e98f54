"""How alike the labels under several seeds are, as lines: the pairs, then the items that flip."""

from collections.abc import Sequence

from icm_tui.domain.items import Item
from icm_tui.evaluate.stability import Stability
from icm_tui.tui.text.cells import Line, line, span
from icm_tui.tui.text.numbers import fraction


def summary(found: Stability) -> str:
    """How alike they are all in all, and what that is not."""
    return (
        f"adjusted Rand {fraction(found.adjusted_rand)}, matched labels {fraction(found.matched)}: coherence between "
        "runs, which does not say that any of them is right"
    )


def rows(found: Stability, seeds: Sequence[int], items: Sequence[Item], labels: Sequence[str]) -> list[Line]:
    """The pairs of runs, then the items that they disagree on, least alike first; of any length."""
    told: list[Line] = []
    for pair in found.pairs:
        names = f"  seeds {seeds[pair.one]} and {seeds[pair.other]}"
        figures = f"  adjusted Rand {fraction(pair.adjusted_rand)}  matched {fraction(pair.matched)}  n {pair.n}"
        told.append(line(span(names), span(figures, "dim")))
    flipping = found.flipping()
    told += [(), line(span(f"  {len(flipping)} of {len(items)} items have unlike labels; least alike first", "dim"))]
    for item in flipping:
        votes = " ".join("·" if own[item] < 0 else labels[own[item]] for own in found.labels)
        told.append(line(f"{item:>8}  ", span(votes, "second"), span(f"  {items[item].text}")))
    return told
