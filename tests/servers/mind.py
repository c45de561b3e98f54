"""What the test server's model answers: a pure function of the prompt, in log-probabilities and words.

Every item has a hidden side: by a mark "[+]" or "[-]" in its text, else by the text's crc32. A label weighs by how the
shown labels go with the sides, so a search ends with labels that follow the sides.
"""

import math
import re
from zlib import crc32

import msgspec

_SLOT = re.compile(r"^(\w+):[ \t]*$", re.MULTILINE)
_CALLED = re.compile(r"^The \w+ are called (.+)\.$", re.MULTILINE)
_WRITE = re.compile(r"[Ww]rite the word \W*(\w+)")
_OUTSIDE = 0.02
_OTHER_SPELLING = 4.0
_FILLERS = [" The", "\n", " I", " (", " This", " It", " None", " Set", " In", " a", " -", " one", " We", " or", " not"]
_FILLERS += [f" w{number}" for number in range(120)]
_SENTENCE = "the pair beside this one was put with others of its kind because most of them share how they end"
_WORDS = _SENTENCE.split()


class Slot(msgspec.Struct, frozen=True):
    """A prompt that ends where a label belongs: the pairs shown, the text asked about, and the labels' names."""

    shown: list[tuple[str, str]]
    question: str
    labels: list[str]


def side_of(text: str) -> int:
    """The hidden side of an item: 0 or 1."""
    if "[+]" in text or "[-]" in text:
        return int("[-]" in text)
    return crc32(" ".join(text.split()).encode()) & 1


def read_slot(prompt: str) -> Slot | None:
    """The label slot near the end of `prompt`; None if it asks for something else."""
    slots = list(_SLOT.finditer(prompt))
    if not slots or prompt.count("\n", slots[-1].end()) > 3:
        return None
    word = slots[-1][1]
    *earlier, last = prompt[: slots[-1].start()].rstrip("\n").split("\n\n")
    named = re.match(r"(\w+): ", last)
    if named is None:
        return None
    pair = re.compile(rf"{named[1]}: (.*)\n{word}: (\S+)", re.DOTALL)
    shown = [(found[1], found[2]) for context in earlier if (found := pair.fullmatch(context))]
    called = _CALLED.search(prompt)
    listed = called[1].replace(" and ", ", ").split(", ") if called else sorted({label for _, label in shown})
    return Slot(shown, last[named.end() :], listed if len(listed) > 1 else ["A", "B"])


def weigh(slot: Slot, *, label_bias: float = 0.0, noise: float = 0.0) -> list[float]:
    """The log-probability (nats) of every label among the labels.

    With s = +1 where an example's side is the question's and -1 elsewhere, a label's score is the sum over the k
    examples of s (1[shown with it] - 1/K) / sqrt(k). `label_bias` and `noise` are added to the first label's.
    """
    side = side_of(slot.question)
    scores = [0.0] * len(slot.labels)
    for text, label in slot.shown:
        sign = 1.0 if side_of(text) == side else -1.0
        for at, name in enumerate(slot.labels):
            scores[at] += sign * ((name == label) - 1 / len(slot.labels))
    scale = 2 / math.sqrt(max(len(slot.shown), 1))
    scores = [score * scale for score in scores]
    # A bias for each question keeps answers from being equal.
    scores[0] += label_bias + noise + (crc32(slot.question.encode()[::-1]) % 1000 - 500) / 5000
    total = math.log(sum(math.exp(score) for score in scores))
    return [score - total for score in scores]


def tokens_of_slot(slot: Slot, logprobs: list[float], *, spaced: bool) -> list[tuple[str, float]]:
    """The likeliest next tokens, sorted: two spellings of every label and fillers. `spaced`: a space comes first."""
    inside = math.log1p(-_OUTSIDE)
    found = []
    for label, logprob in zip(slot.labels, logprobs, strict=True):
        rare = logprob + inside - _OTHER_SPELLING
        common = logprob + inside + math.log1p(-math.exp(-_OTHER_SPELLING))
        found += [(f" {label}", common if spaced else rare), (label, rare if spaced else common)]
    return _with_fillers(found)


def write(prompt: str, begun: str) -> list[str]:
    """What the model writes to a prompt without a slot, in tokens, after the beginning `begun`."""
    asked = _WRITE.search(prompt)
    if asked:
        word = asked[1]
        return [word.removeprefix(begun.strip())] if begun.strip() and word.startswith(begun.strip()) else [word]
    start = crc32(prompt.encode())
    words = [_WORDS[(start + number * (1 + start % 7)) % len(_WORDS)] for number in range(12 + start % 24)]
    return [f" {word}" if number else word for number, word in enumerate(words)] + ["."]


def reason(prompt: str) -> list[str]:
    """The reasoning before an answer, in tokens."""
    start = crc32(prompt.encode()) % len(_WORDS)
    return ["Let", " me", " see", ":", *(f" {_WORDS[(start + number) % len(_WORDS)]}" for number in range(8)), "."]


def tokens_of_word(word: str) -> list[tuple[str, float]]:
    """The likeliest tokens at a place where `word` was written."""
    return _with_fillers([(word, math.log1p(-_OUTSIDE))])


def _with_fillers(found: list[tuple[str, float]]) -> list[tuple[str, float]]:
    known = {token for token, _ in found}
    fillers = [token for token in _FILLERS if token not in known]
    found += [(token, math.log(_OUTSIDE) - math.log(2) * (rank + 1) / 2) for rank, token in enumerate(fillers)]
    return sorted(found, key=lambda pair: -pair[1])
