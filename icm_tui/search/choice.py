"""Drawing an assignment for the members of one decision.

For every assignment a that the rule allows, v(a) = sum_j q_j(a_j) with q_j = log softmax of member j's scores; an
assignment is drawn with probability proportional to exp(v / T) (a Gibbs step, exact within the group).
"""

import math
from collections.abc import Sequence
from itertools import product

import msgspec

from icm_tui.domain.decisions import Option, Proposal
from icm_tui.domain.rules import MOST_ASSIGNMENTS, assignments, parts_of
from icm_tui.domain.scores import Scores, logsumexp

_SHOWN = 8


class Choice(msgspec.Struct, frozen=True):
    """The options worth showing, best first, the place of the drawn one, and log sum exp(v / T) over all."""

    options: list[Option]
    chosen: int = 0
    log_normaliser: float = 0.0

    def proposal(
        self,
        n: int,
        phase: str,
        chain: int,
        items: list[int],
        temperature: float = 0.0,
        draw: float = 0.0,
        *,
        accepted: bool = True,
        score: dict[str, float] | None = None,
    ) -> Proposal:
        """Decision `n` with this choice for `items`."""
        return Proposal(
            n=n,
            phase=phase,
            chain=chain,
            items=items,
            options=self.options,
            chosen=self.chosen,
            log_normaliser=self.log_normaliser,
            temperature=temperature,
            draw=draw,
            accepted=accepted,
            score=score or {},
        )


def choose(
    values: Sequence[Scores | None],
    answered: Sequence[bool],
    keys: Sequence[int],
    rule: str,
    n_labels: int,
    temperature: float,
    draw: float,
) -> Choice:
    """Draw an assignment for members with log-shares `values` (nats a label; None counts 0 for every label).

    Members not `answered`, now or ever, stay unlabelled. `draw` is uniform in [0, 1).
    """
    parts = parts_of(range(len(values)), keys)
    allowed = assignments(rule, len(parts), n_labels)
    if allowed is None:
        parts = [[place] for place in range(len(values))]
        if n_labels ** len(parts) > MOST_ASSIGNMENTS:
            return _member_by_member(values, answered, n_labels, temperature, draw)
        allowed = list(product(range(n_labels), repeat=len(parts)))
    totals = [_total([values[place] for place in part], n_labels) for part in parts]
    if len(totals) == 1:
        scored = [totals[0][assignment[0]] for assignment in allowed]
    else:
        scored = [sum(total[label] for total, label in zip(totals, assignment, strict=True)) for assignment in allowed]
    drawn, log_normaliser = _draw(scored, temperature, draw)
    best = sorted(range(len(scored)), key=lambda place: -scored[place])[:_SHOWN]
    if drawn not in best:
        best.append(drawn)
    options = [Option(_labels(parts, allowed[place], answered), round(scored[place], 6)) for place in best]
    return Choice(options, best.index(drawn), round(log_normaliser, 6))


def _member_by_member(
    values: Sequence[Scores | None], answered: Sequence[bool], n_labels: int, temperature: float, draw: float
) -> Choice:
    """The same draw for members that are independent and too many to enumerate. One number serves them all: the
    remainder of `draw` within the chosen share, scaled to [0, 1), draws for the next member."""
    best: list[int | None] = []
    drawn: list[int | None] = []
    best_value = drawn_value = log_normaliser = 0.0
    for value, ever in zip(values, answered, strict=True):
        scores = value or (0.0,) * n_labels
        place, log_share = _draw(scores, temperature, draw)
        below = sum(math.exp(score / temperature - log_share) for score in scores[:place])
        draw = min(max((draw - below) / math.exp(scores[place] / temperature - log_share), 0.0), 1 - 2**-53)
        top = max(range(n_labels), key=lambda label: scores[label])
        best.append(top if ever else None)
        drawn.append(place if ever else None)
        best_value += scores[top]
        drawn_value += scores[place]
        log_normaliser += log_share
    options = [Option(best, round(best_value, 6))]
    if drawn != best:
        options.append(Option(drawn, round(drawn_value, 6)))
    return Choice(options, len(options) - 1, round(log_normaliser, 6))


def _total(values: Sequence[Scores | None], n_labels: int) -> Scores:
    known = [value for value in values if value is not None]
    if len(known) == 1:
        return known[0]
    return tuple(sum(value[label] for value in known) for label in range(n_labels))


def _draw(values: Sequence[float], temperature: float, draw: float) -> tuple[int, float]:
    scaled = [value / temperature for value in values]
    log_normaliser = logsumexp(scaled)
    below = 0.0
    for place, value in enumerate(scaled):
        below += math.exp(value - log_normaliser)
        if draw < below:
            return place, log_normaliser
    return max(range(len(scaled)), key=lambda place: scaled[place]), log_normaliser


def _labels(parts: list[list[int]], assignment: tuple[int, ...], answered: Sequence[bool]) -> list[int | None]:
    labels: list[int | None] = [None] * len(answered)
    for part, label in zip(parts, assignment, strict=True):
        for place in part:
            labels[place] = label if answered[place] else None
    return labels
