"""The label table: which items it shows, in which order, and a line for each."""

import math
import operator
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from icm_tui.errors import UserError
from icm_tui.run_dir.labels import NEVER, UNLABELLED
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, Style, fit, line, span, width
from icm_tui.tui.text.numbers import fraction, signed

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


Sort = Literal["number", "flips", "p", "latest", "seeds"]
SORTS: tuple[Sort, ...] = ("number", "flips", "p", "latest", "seeds")

# A table that follows a run is sorted again in slices of time, and so seldom that this costs a small part of it.
_SHARE = 0.04
_SOONEST = 1.0
_SLICE = 0.008
_ITEMS_A_LOOK = 1024
# Items without a probability come last.
_NO_P = 2.0


class Table:
    """The rows of the label table: item numbers, filtered by `terms` and sorted by `sort`.

    Sorted by flips the most come first, by p the least certain, by "latest" those changed last, by seeds those that
    the runs under other seeds agree on least.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, items_a_look: int = _ITEMS_A_LOOK) -> None:
        """`clock` (seconds) spaces the updates of a run under way; `items_a_look` is how many items are filtered or
        sorted between looks at it."""
        self.terms: tuple[Term, ...] = ()
        self.typed = ""
        self.sort: Sort = "number"
        self.rows: Sequence[int] = range(0)
        self._clock = clock
        self._items_a_look = items_a_look
        self._due = 0.0
        self._spent = 0.0
        self._made_of = (-1, -1, -1)
        self._making: Iterator[None] | None = None

    def show(self, view: RunView, terms: tuple[Term, ...], typed: str, sort: Sort) -> None:
        """Filter and sort in another way, at once."""
        self.terms, self.typed, self.sort = terms, typed, sort
        self._making = None
        self._made_of = _state(view)
        for _ in self._make(view):
            pass

    def update(self, view: RunView) -> None:
        """Put the rows in order again, a slice of time at each call, when the run went on and it is time."""
        now = self._clock()
        if self._making is None:
            if self._made_of == _state(view) or now < self._due:
                return
            self._made_of = _state(view)
            self._making, self._spent = self._make(view), 0.0
        for _ in self._making:
            if self._clock() - now >= _SLICE:
                self._spent += self._clock() - now
                return
        self._spent += self._clock() - now
        self._making = None
        self._due = self._clock() + max(_SOONEST, self._spent / _SHARE)

    def place_of(self, item: int) -> int | None:
        """The row of an item, or None if the filter leaves it out."""
        try:
            return self.rows.index(item)
        except ValueError:
            return None

    def _make(self, view: RunView) -> Iterator[None]:
        """Put the rows in order; yields now and then."""
        count, at_once = len(view.items), self._items_a_look
        if not self.terms and self.sort == "number":
            self.rows = range(count)
            return
        fits = matcher(self.terms, view)
        kept: list[int] = []
        for start in range(0, count, at_once):
            kept += filter(fits, range(start, min(count, start + at_once)))
            yield
        if self.sort != "number":
            key = _key(self.sort, view)
            keys: dict[int, float] = {}
            runs: list[int] = []
            for start in range(0, len(kept), at_once):
                run = kept[start : start + at_once]
                keys |= zip(run, map(key, run), strict=True)
                runs += sorted(run, key=keys.__getitem__)
                yield
            # What is left is to merge runs that are in order, which takes a tenth of the time of sorting it all.
            kept = sorted(runs, key=keys.__getitem__)
        self.rows = kept


def _key(sort: Sort, view: RunView) -> Callable[[int], float]:
    chain, label_bias = view.shown, view.label_bias
    match sort:
        case "flips":
            flips = chain.flips
            return lambda item: -flips[item]
        case "p":
            return lambda item: _NO_P if (p := chain.p(item, label_bias)) is None else p
        case "latest":
            last_n = chain.history.last_n
            return lambda item: -last_n(item)
        case "seeds":
            return lambda item: _NO_P if (share := view.seed_agreement(item)) is None else share
        case "number":
            return lambda item: item


def _state(view: RunView) -> tuple[int, int, int]:
    """What tells whether a run went on."""
    return view.last_seq, view.chain, len(view.items)


# A flip counts as a late one within this part of the decisions taken so far.
_LATE = 20
_FEWEST_LATE = 20

_ODDS_FROM, _FLIPS_FROM, _SEEDS_FROM = 64, 52, 72


def heading(view: RunView, cells: int) -> Line:
    """The names of the columns."""
    number = _number_width(view)
    parts = [f"{'#':>{number + 1}}  {'label':<{_label_width(view.label_names)}}  {'p':>4}"]
    if cells >= _ODDS_FROM:
        parts.append(f"{'log-odds':>8}")
    if cells >= _FLIPS_FROM:
        parts.append(f"{'flips':>5}")
    if cells >= _SEEDS_FROM and view.seeds_agree:
        parts.append(f"{'seeds':>5}")
    return fit(line(span("  ".join([*parts, "text"]), "dim")), cells)


def row(view: RunView, item: int, cells: int) -> Line:
    """An item: number, label (FLIP if it lately went from one to another, P if pinned), p, the answer's log-odds
    (nats), flips, the part of the runs under other seeds that agree on it, text."""
    chain = view.shown
    label = chain.labels[item]
    late = is_late_flip(view, item)
    name = view.label_name(label) + (" P" if item in view.pins else "") + (" FLIP" if late else "")
    style: Style = "dim" if label == UNLABELLED else "second" if late else "accent" if label == 0 else "plain"
    parts = [
        span(f"{item:>{_number_width(view) + 1}}  "),
        *fit((span(name, style),), _label_width(view.label_names)),
        span(f"  {_p(view, item):>4}"),
    ]
    if cells >= _ODDS_FROM:
        odds = chain.log_odds(item)
        parts.append(span(f"  {'' if odds is None else signed(odds):>8}", "dim"))
    if cells >= _FLIPS_FROM:
        parts.append(span(f"  {chain.flips[item]:>5}", "plain" if chain.flips[item] else "dim"))
    if cells >= _SEEDS_FROM and view.seeds_agree:
        share = view.seed_agreement(item)
        parts.append(span(f"  {fraction(share):>5}", "second" if share is not None and share < 1 else "dim"))
    return fit((*parts, span("  "), span(view.items[item].text)), cells)


def is_late_flip(view: RunView, item: int) -> bool:
    """Whether the item's last change was a flip, in the last twentieth of the decisions taken so far."""
    change = view.shown.history.last(item)
    if change is None or change.before is None or change.after is None:
        return False
    return view.n - change.n <= max(_FEWEST_LATE, view.n // _LATE)


def title(view: RunView, shown: int, sort: str, typed: str) -> tuple[Line, Line]:
    """The pane's title and what is at its right."""
    chain = view.shown
    total = len(view.items)
    counts = " ".join(f"{name} {count}" for name, count in zip(view.label_names, chain.counts, strict=True))
    known = f"{chain.labelled} of {total}" if chain.labelled != total else f"all {total}"
    left = line(span("3 labels", "title"), span(f"  {known} labelled · {counts}", "plain"))
    right = f"o sort: {sort}" if sort != "number" else "o sort"
    if typed:
        right = f"{shown} match / {typed}, esc clears · {right}"
    return left, line(span(right, "second" if typed else "dim"))


def _p(view: RunView, item: int) -> str:
    chain = view.shown
    if chain.labels[item] == UNLABELLED or chain.answers[item] == NEVER:
        return ""
    return fraction(chain.p(item, view.label_bias))


def _number_width(view: RunView) -> int:
    return max(3, len(str(max(0, len(view.items) - 1))))


def _label_width(names: Sequence[str]) -> int:
    return _widest(tuple(names)) + len(" P FLIP")


@lru_cache(maxsize=16)
def _widest(names: tuple[str, ...]) -> int:
    return max(width((span(name),)) for name in names)
