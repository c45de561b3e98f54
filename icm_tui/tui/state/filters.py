"""What is typed after `/`: a few words about items, made into a test."""

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from icm_tui.errors import UserError

Field = Literal["text", "label", "flips", "p", "group", "item", "pinned", "unlabelled"]
Sign = Literal["=", "<", ">", "<=", ">="]

_TERM = re.compile(r"(label|flips|p|group|item)(<=|>=|=|<|>)(.*)", re.DOTALL)
_HOW = "Write words of the text, label=A, flips>2, p<.6, group=12, item=17, pinned or unlabelled."
_COMPARE: dict[Sign, Callable[[float, float], bool]] = {
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
}


class Term(NamedTuple):
    """One condition; `value` is the number compared with or the label's index, `words` the text looked for."""

    field: Field
    sign: Sign = "="
    value: float = 0.0
    words: str = ""


class Facts(NamedTuple):
    """What an item is tested by. `label` is -1 and `p` None where there is none."""

    item: int
    text: str
    group: int | None
    label: int
    flips: int
    p: float | None
    pinned: bool


def parse_filter(typed: str, labels: Sequence[str]) -> tuple[Term, ...]:
    """The conditions in what was typed, all of which must hold. Words in quotes stand together; case does not matter.

    Raises UserError for a condition that cannot be read.
    """
    try:
        words = shlex.split(typed)
    except ValueError:
        words = typed.replace('"', " ").replace("'", " ").replace("\\", " ").split()
    return tuple(_term(word, labels) for word in words)


def holds(terms: Sequence[Term], facts: Facts) -> bool:
    """Whether all conditions hold of an item."""
    return all(_holds(term, facts) for term in terms)


def _term(word: str, labels: Sequence[str]) -> Term:
    if word in ("pinned", "unlabelled"):
        return Term(word)  # type: ignore[arg-type]
    found = _TERM.fullmatch(word)
    if found is None:
        return Term("text", words=word.casefold())
    field, sign, value = found.groups()
    if field == "label":
        if sign != "=" or value not in labels:
            raise UserError(f"The filter {word!r} names no label; the labels are {', '.join(labels)}. {_HOW}")
        return Term("label", "=", labels.index(value))
    try:
        return Term(field, sign, float(value))  # type: ignore[arg-type]
    except ValueError:
        raise UserError(f"The filter {word!r} needs a number behind the {sign}. {_HOW}") from None


def _holds(term: Term, facts: Facts) -> bool:
    match term.field:
        case "text":
            return term.words in facts.text.casefold()
        case "pinned":
            return facts.pinned
        case "unlabelled":
            return facts.label < 0
        case "p":
            return facts.p is not None and _COMPARE[term.sign](facts.p, term.value)
        case "group":
            return facts.group is not None and _COMPARE[term.sign](facts.group, term.value)
    return _COMPARE[term.sign](getattr(facts, term.field), term.value)
