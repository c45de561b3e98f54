"""Finds the place where a reply names a label, and the log-probability of each label there."""

import math
import unicodedata
from collections.abc import Callable, Sequence

from icm_tui.domain.reply import Reply
from icm_tui.domain.scores import logsumexp
from icm_tui.models.server.reply.types import Completion, TokenLogprobs
from icm_tui.models.server.reply.whole import CLOSE, split_reasoning

_TOP = 5
_TOKEN = 100


def read_labels(completion: Completion, labels: Sequence[str], begins: str = "") -> Reply | None:
    """The log-probability of every label (nats, rounded to 1e-6), in the order of `labels`, and what the reply took.

    `begins` is the prefill, which servers repeat or leave out. The label is looked for after reasoning, prefill, white
    space and marks. Spellings of a label (with white space or marks around it; in any case if it has two letters or
    more) count together, by log-sum-exp. A label that was not returned is censored, at the smallest value returned;
    `mass` is the sum over those that were. None if no place shows a label.
    """
    place = _place(completion, labels, begins)
    if place is None:
        return None
    top = _alternatives(place)
    found: list[list[float]] = [[] for _ in labels]
    for token, logprob in top:
        label = _label_of(token, labels)
        if label is not None:
            found[label].append(logprob)
    if not any(found):
        return None
    # A written token that is not in the list says nothing about how far down the list reached.
    floor = min(logprob for _, logprob in place.top or top)
    logprobs = [min(logsumexp(values), 0.0) if values else floor for values in found]
    mass = sum(math.exp(logprob) for logprob, values in zip(logprobs, found, strict=True) if values)
    return Reply(
        [_rounded(logprob) for logprob in logprobs],
        censored=[not values for values in found],
        mass=_rounded(min(mass, 1.0)),
        top=[(token[:_TOKEN], _rounded(logprob)) for token, logprob in top[:_TOP]],
        tokens_in=completion.usage.tokens_in,
        tokens_out=completion.usage.tokens_out,
        tokens_cached=completion.usage.tokens_cached,
        cost=completion.usage.cost,
    )


def _place(completion: Completion, labels: Sequence[str], begins: str) -> TokenLogprobs | None:
    tokens = completion.tokens or []
    begins = split_reasoning(begins)[0].strip()
    answer = completion.text.strip()
    at = _answer_start(tokens, answer, completion.reasoning)
    if at is None and begins and answer.startswith(begins):
        answer = answer.removeprefix(begins).strip()
        at = _answer_start(tokens, answer, completion.reasoning)
    if at is None:
        return None
    first = _skip(tokens, _after(tokens, at, begins), _blank)
    if first == len(tokens):  # only white space or the end was written: read the alternatives at its start
        return tokens[at] if at < len(tokens) else None
    if _label_of(tokens[first].token, labels) is None:
        named = _skip(tokens, first, _no_word)
        if named < len(tokens) and _label_of(tokens[named].token, labels) is not None:
            return tokens[named]
    return tokens[first]


def _answer_start(tokens: list[TokenLogprobs], answer: str, reasoning: str) -> int | None:
    """The index of the answer's first token; servers may or may not list the tokens of the reasoning before it."""
    texts = [token.token for token in tokens]
    joined = "".join(texts)
    if (end := joined.rfind(CLOSE)) >= 0:
        return _index_at(texts, end + len(CLOSE))
    if not answer:
        return 0 if tokens and not reasoning else None
    if _agrees(joined.strip(), answer):
        return 0
    found = joined.rfind(answer) if reasoning else -1
    return _index_at(texts, found) if found >= 0 else None


def _agrees(joined: str, answer: str) -> bool:
    """Whether one begins with the other; bytes that are no text may read differently in token and answer."""
    size = min(len(joined), len(answer))
    return size > 0 and all(
        one == other or "\ufffd" in (one, other) for one, other in zip(joined, answer, strict=False)
    )


def _index_at(texts: list[str], offset: int) -> int:
    """The index of the first token that ends after `offset`."""
    end = 0
    for at, text in enumerate(texts):
        end += len(text)
        if end > offset:
            return at
    return len(texts)


def _after(tokens: list[TokenLogprobs], at: int, begins: str) -> int:
    """The index after the tokens that spell `begins`, or `at` if none do."""
    texts = [token.token for token in tokens[at:]]
    joined = "".join(texts)
    bare = joined.lstrip()
    if not begins or not bare.startswith(begins):
        return at
    return at + _index_at(texts, len(joined) - len(bare) + len(begins))


def _skip(tokens: list[TokenLogprobs], at: int, skipped: Callable[[str], bool]) -> int:
    return next((index for index in range(at, len(tokens)) if not skipped(tokens[index].token)), len(tokens))


def _blank(token: str) -> bool:
    return not token.strip()


def _no_word(token: str) -> bool:
    return not any(sign.isalnum() for sign in token)


def _alternatives(place: TokenLogprobs) -> list[tuple[str, float]]:
    """The server's list, with the written token if a bias or a grammar left that out."""
    if place.logprob is None or any(token == place.token for token, _ in place.top):
        return place.top
    return sorted([*place.top, (place.token, place.logprob)], key=lambda pair: -pair[1])


def _label_of(token: str, labels: Sequence[str]) -> int | None:
    """Which label a token spells, if any: exactly, without marks around it, or in another case."""
    bare = token.strip()
    plain = _without_marks(bare)
    for spelling in (bare, plain):
        if spelling and spelling in labels:
            return labels.index(spelling)
    folded = [label.casefold() for label in labels]
    # A single letter in another case is a word of its own ("a"), and labels may differ by case alone.
    if len(plain) < 2 or folded.count(plain.casefold()) != 1:
        return None
    return folded.index(plain.casefold())


def _without_marks(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_mark(text[start]):
        start += 1
    while end > start and _is_mark(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_mark(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign)[0] in "PS"


def _rounded(value: float) -> float:
    return round(value, 6) + 0.0
