"""The sums behind a decision's values (nats) and behind coherence (bits), for two labels and for more."""

import math
from collections.abc import Sequence

Scores = tuple[float, ...]
BITS = 1 / math.log(2)


def centred(logprobs: Sequence[float]) -> Scores:
    """Log-probabilities (nats) less their mean over the labels: the score r of every label. Rounded to 1e-6 first, so
    that a journal holds exactly what the search saw."""
    if len(logprobs) == 2:
        half = (round(logprobs[0], 6) - round(logprobs[1], 6)) / 2
        return (half, -half)
    rounded = [round(value, 6) for value in logprobs]
    mean = sum(rounded) / len(rounded)
    return tuple(value - mean for value in rounded)


def log_softmax(scores: Sequence[float]) -> Scores:
    """The logarithm (nats) of every label's share of exp(scores)."""
    if len(scores) == 2:
        gap = scores[1] - scores[0]
        first = -_softplus(gap)
        return (first, first + gap)
    total = logsumexp(scores)
    return tuple(value - total for value in scores)


def logsumexp(values: Sequence[float]) -> float:
    """log(sum(exp(values))) without overflow."""
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def entropy_bits(counts: Sequence[int]) -> float:
    """The entropy in bits of labels that occur `counts` times."""
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts if count)


def margin(scores: Sequence[float]) -> float:
    """How far the best label is ahead of the second (nats): the size of the log-odds for two labels."""
    if len(scores) == 2:
        return abs(scores[0] - scores[1])
    first, second = sorted(scores, reverse=True)[:2]
    return first - second


def mean_scores(vectors: Sequence[Scores]) -> Scores:
    """The mean of score vectors, label by label."""
    if len(vectors) == 1:
        return vectors[0]
    return tuple(sum(column) / len(vectors) for column in zip(*vectors, strict=True))


def _softplus(value: float) -> float:
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))
