"""What can be told of items without labels: traits of their text and of their place, each a number an item.

Nothing here sees labels or gold, so a trait cannot have been chosen because it fits.
"""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from icm_tui.domain.items import Item
from icm_tui.evaluate.naming import Floats

FEWEST_GROUPS = 5
"""An n-gram must occur in this many groups (an ungrouped item being one) to be a trait."""

MOST_NGRAMS = 3000
"""The commonest n-grams are looked at, since rare ones can tell nothing; fewer if there are very many items."""

_CELLS = 20_000_000

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_SENTENCE_END = re.compile(r"[.!?…]+(?:\s|$)")
_MARKS = {
    "question marks": "?",
    "exclamation marks": "!",
    "commas": ",",
    "semicolons": ";",
    "colons": ":",
    "full stops": ".",
    "quotation marks": "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb",
    "brackets": "()[]{}",
    "dashes": "-\u2013\u2014",
}
_LONGEST_NGRAM = 3


class Trait(msgspec.Struct, frozen=True):
    """A trait called `name` with a value an item; NaN if an item has none. `kind` is "length", "punctuation",
    "position" or "group" for measures, "words" for whether an n-gram occurs (1 or 0)."""

    kind: str
    name: str
    values: Floats


def traits_of(items: Sequence[Item]) -> list[Trait]:
    """All traits of the items. Those with one value throughout are left out, for they can tell nothing."""
    texts = [item.text for item in items]
    words = [_WORD.findall(text.casefold()) for text in texts]
    found = [*_lengths(texts, words), *_punctuation(texts), *_positions(items), *_ngrams(items, words)]
    return [trait for trait in found if _varies(trait.values)]


def _varies(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size and known.min() < known.max())


def _lengths(texts: Sequence[str], words: Sequence[Sequence[str]]) -> list[Trait]:
    measures = {
        "characters": [len(text) for text in texts],
        "words": [len(own) for own in words],
        "letters a word": [sum(map(len, own)) / len(own) if own else np.nan for own in words],
        "sentences": [max(1, len(_SENTENCE_END.findall(text))) for text in texts],
    }
    return [Trait("length", name, np.array(values, dtype=np.float64)) for name, values in measures.items()]


def _punctuation(texts: Sequence[str]) -> list[Trait]:
    counts = {name: [sum(map(text.count, marks)) for text in texts] for name, marks in _MARKS.items()}
    counts["digits"] = [sum(map(str.isdigit, text)) for text in texts]
    counts["capital letters"] = [sum(map(str.isupper, text)) for text in texts]
    counts["lines"] = [text.count("\n") for text in texts]
    return [Trait("punctuation", name, np.array(values, dtype=np.float64)) for name, values in counts.items()]


def _positions(items: Sequence[Item]) -> list[Trait]:
    """Where items stand: in the run's own shuffled order, and, if uids are numbers, in the source."""
    sizes = Counter(item.group for item in items if item.group is not None)
    order = list(range(len(items)))
    member_of = [1 if item.group is None else sizes[item.group] for item in items]
    found = [
        Trait("position", "place in the run", np.array(order, dtype=np.float64)),
        Trait("position", "place in its group", _places_in_groups(items, order)),
        Trait("group", "size of its group", np.array(member_of, dtype=np.float64)),
    ]
    if all(item.uid.isascii() and item.uid.isdigit() and len(item.uid) < 16 for item in items):
        rows = [int(item.uid) for item in items]
        found.append(Trait("position", "row in the source", np.array(rows, dtype=np.float64)))
        found.append(Trait("position", "row among its group's in the source", _places_in_groups(items, rows)))
    return found


def _places_in_groups(items: Sequence[Item], order: Sequence[int]) -> Floats:
    """Which member of its group an item is by `order`, from 0; NaN for items without a group."""
    places = np.full(len(items), np.nan)
    seen: Counter[int] = Counter()
    for item in sorted(range(len(items)), key=order.__getitem__):
        group = items[item].group
        if group is not None:
            places[item] = seen[group]
            seen[group] += 1
    return places


def _ngrams(items: Sequence[Item], words: Sequence[Sequence[str]]) -> list[Trait]:
    groups: dict[str, set[int]] = {}
    own = [_own_ngrams(each) for each in words]
    for number, (item, grams) in enumerate(zip(items, own, strict=True)):
        group = -1 - number if item.group is None else item.group
        for gram in grams:
            groups.setdefault(gram, set()).add(group)
    common = sorted((gram for gram in groups if len(groups[gram]) >= FEWEST_GROUPS), key=lambda g: (-len(groups[g]), g))
    place = {gram: number for number, gram in enumerate(common[: min(MOST_NGRAMS, _CELLS // len(items))])}
    values = np.zeros((len(place), len(items)))
    for number, grams in enumerate(own):
        values[[place[gram] for gram in grams if gram in place], number] = 1.0
    return [Trait("words", gram, values[row]) for gram, row in place.items()]


def _own_ngrams(words: Sequence[str]) -> set[str]:
    return {
        " ".join(words[start : start + size])
        for size in range(1, _LONGEST_NGRAM + 1)
        for start in range(len(words) - size + 1)
    }
