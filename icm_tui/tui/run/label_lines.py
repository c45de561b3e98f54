"""The label table: a line an item."""

from collections.abc import Sequence
from functools import lru_cache

from icm_tui.run_dir.chain import NEVER, UNLABELLED
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, Style, fit, line, span, width
from icm_tui.tui.text.numbers import fraction, signed

# A flip counts as a late one within this part of the decisions taken so far.
_LATE = 20
_FEWEST_LATE = 20

_RAW_FROM, _FLIPS_FROM, _SEEDS_FROM = 64, 52, 72


def heading(view: RunView, cells: int) -> Line:
    """The names of the columns."""
    number = _number_width(view)
    parts = [f"{'#':>{number + 1}}  {'label':<{_label_width(view.label_names)}}  {'p':>4}"]
    if cells >= _RAW_FROM:
        parts.append(f"{'raw':>6}")
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
    if cells >= _RAW_FROM:
        odds = chain.log_odds(item)
        parts.append(span(f"  {'' if odds is None else signed(odds):>6}", "dim"))
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
    """The pane's title and what stands at its right."""
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
