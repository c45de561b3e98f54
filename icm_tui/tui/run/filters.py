"""What is typed after `/`: a few words about items, made into a test."""

import math
import operator
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from icm_tui.errors import UserError
from icm_tui.run_dir.chain import UNLABELLED
from icm_tui.tui.run.view import RunView

Field = Literal["text", "label", "flips", "p", "group", "item", "pinned", "unlabelled"]
Sign = Literal["=", "<", ">", "<=", ">="]

_TERM = re.compile(r"(label|flips|p|group|item)(<=|>=|=|<|>)(.*)", re.DOTALL)
_HOW = "Write words of the text, label=A, flips>2, p<.6, group=12, item=17, pinned or unlabelled."
_COMPARE: dict[Sign, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_COSTS: dict[Field, int] = {"text": 1, "p": 2}


class Term(NamedTuple):
    """One condition; `value` is the number compared with or the label's index, `words` the text looked for."""

    field: Field
    sign: Sign = "="
    value: float = 0.0
    words: str = ""


def parse_filter(typed: str, labels: Sequence[str]) -> tuple[Term, ...]:
    """The conditions in what was typed, all of which must hold. Words in quotes stand together; case does not matter.

    Raises UserError for a condition that cannot be read.
    """
    try:
        words = shlex.split(typed)
    except ValueError:
        words = typed.replace('"', " ").replace("'", " ").replace("\\", " ").split()
    return tuple(_term(word, labels) for word in words)


def matcher(terms: Sequence[Term], view: RunView) -> Callable[[int], bool]:
    """A test of items by their number: whether all conditions hold of one in the chain shown now."""
    # The cheap tests go first.
    tests = [_test(term, view) for term in sorted(terms, key=lambda term: _COSTS.get(term.field, 0))]
    if len(tests) == 1:
        return tests[0]

    def all_hold(item: int) -> bool:
        for test in tests:  # noqa: SIM110  (a generator costs more than the tests)
            if not test(item):
                return False
        return True

    return all_hold


def _term(word: str, labels: Sequence[str]) -> Term:
    if word in ("pinned", "unlabelled"):
        return Term(word)  # type: ignore[arg-type]
    found = _TERM.fullmatch(word)
    if found is None:
        return Term("text", words=word.casefold())
    field, sign, value = found.groups()
    if field == "label":
        fitting = [name for name in labels if name == value] or [
            name for name in labels if name.casefold() == value.casefold()
        ]
        if sign != "=" or len(fitting) != 1:
            raise UserError(f"The filter {word!r} names no label; the labels are {', '.join(labels)}. {_HOW}")
        return Term("label", "=", labels.index(fitting[0]))
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise UserError(f"The filter {word!r} needs a number behind the {sign}. {_HOW}")
    return Term(field, sign, number)  # type: ignore[arg-type]


def _test(term: Term, view: RunView) -> Callable[[int], bool]:
    chain, items, value = view.shown, view.items, term.value
    compare = _COMPARE[term.sign]
    match term.field:
        case "text":
            words = term.words
            return lambda item: words in items[item].text.casefold()
        case "label":
            labels = chain.labels
            return lambda item: labels[item] == value
        case "pinned":
            return view.pins.__contains__
        case "unlabelled":
            labels = chain.labels
            return lambda item: labels[item] == UNLABELLED
        case "p":
            label_bias = view.label_bias
            return lambda item: (p := chain.p(item, label_bias)) is not None and compare(p, value)
        case "group":
            return lambda item: (group := items[item].group) is not None and compare(group, value)
        case "flips":
            flips = chain.flips
            return lambda item: compare(flips[item], value)
        case "item":
            return lambda item: compare(item, value)
