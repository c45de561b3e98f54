"""The panes of the run's screen: where each is, and what is drawn in it."""

from typing import Literal

import msgspec

from icm_tui.profile.schema import Profile
from icm_tui.run_dir.records import DecisionRecord
from icm_tui.tui.item import lines as item
from icm_tui.tui.run import accuracy, header, labels
from icm_tui.tui.run import log_lines as log
from icm_tui.tui.run.accuracy import GoldWatch
from icm_tui.tui.run.feed import Feed
from icm_tui.tui.run.labels import Table
from icm_tui.tui.run.log import LogRows
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, Span, fit, line, rule, span, wrap
from icm_tui.tui.text.numbers import over_decisions
from icm_tui.tui.text.typed import Typed

Pane = Literal["profile", "log", "labels", "accuracy"]
PANES: tuple[Pane, ...] = ("profile", "log", "labels", "accuracy")

SMALLEST = (60, 16)
_PROFILE_FROM = 110
_DETAIL_FROM, _ITEM_FROM, _EXPLANATION_FROM, _LOG_FROM = 36, 33, 30, 27
_MANY_COLUMNS_FROM = 50


class Layout(msgspec.Struct, frozen=True):
    """What is shown. `item` is the strip about the item under the cursor, `thought` the one with the latest reasoning;
    `gold_rows` is how many lines the accuracy pane has for gold columns; `one_line` means that nothing else fits."""

    panes: frozenset[Pane] = frozenset()
    item: bool = False
    explanation: bool = False
    gold_rows: int = 0
    one_line: bool = False


def layout(columns: int, rows: int, chosen: Pane, *, zoomed: bool) -> Layout:
    """The panes at a size, with the one that was chosen. First the profile goes, then the accuracy's detail, then the
    item, then the thought, then the log; what is not there is a key away."""
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        return Layout(one_line=True)
    if zoomed or rows < _LOG_FROM:
        gold_rows = rows if chosen == "accuracy" else 0
        return Layout(frozenset({chosen}), item=chosen == "log", explanation=chosen == "log", gold_rows=gold_rows)
    panes: set[Pane] = {"labels", "log"}
    if columns >= _PROFILE_FROM:
        panes.add("profile")
    if rows >= _DETAIL_FROM:
        panes.add("accuracy")
    gold_rows = (6 if rows >= _MANY_COLUMNS_FROM else 3) if "accuracy" in panes else 0
    if chosen not in panes:
        return Layout(frozenset({chosen}), item=False, gold_rows=rows if chosen == "accuracy" else 0)
    return Layout(frozenset(panes), item=rows >= _ITEM_FROM, explanation=rows >= _EXPLANATION_FROM, gold_rows=gold_rows)


_SECTIONS = ("task", "model", "search", "consistency", "prompt", "run", "reasoning")


def profile_lines(profile: Profile) -> list[Line]:
    """A line a setting, section by section; what is not set is left out."""
    lines: list[Line] = []
    for section in _SECTIONS:
        settings = msgspec.structs.asdict(getattr(profile, section))
        shown = {name: value for name, value in settings.items() if value not in (None, "", [], {})}
        if not shown:
            continue
        lines.append(line(span(f" {section}", "accent")))
        lines.extend(line(span(f"   {name:<13} ", "dim"), _value(value)) for name, value in shown.items())
    return lines


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


_CURSOR = "▍"
_SHOWN, _STEP = 4000, 1000


def explanation_lines(view: RunView, cells: int, height: int) -> list[Line]:
    """A title that says who speaks about what, and the end of the text, as much as fits `height` lines."""
    explanation = view.latest_explanation
    if explanation is None:
        why = "no reasoning yet" if view.profile.reasoning.every else "no reasoning asked for: e asks about an item"
        return [rule(line(span(why, "dim")), (), cells)]
    streams = not explanation.ended and explanation.call in view.open_calls
    title = line(span(f"on {explanation.item} at {explanation.n}", "second"), span(f" · {explanation.speaker}", "dim"))
    room = max(1, height - 1)
    # The end alone is wrapped; it begins at a round number, so that its lines stay as they are while it grows.
    start = max(0, len(explanation.text) - _SHOWN) // _STEP * _STEP
    text = wrap(explanation.text[start:] + (_CURSOR if streams else ""), max(8, cells - 3))
    return [
        rule(title, line(span("streaming", "dim")) if streams else (), cells),
        *(line(span(" ┊ ", "second"), piece) for piece in text[-room:]),
    ]


_MOST_CACHED = 2048
_NARROWEST_LOG = 20
_SPARK = 12


class Panes:
    """The lines of every pane. `chosen` is the pane that the keys go to; `typed` is the filter while it is typed, and
    `cannot_read` why it cannot be obeyed (yet)."""

    def __init__(self, feed: Feed, *, read_only: bool) -> None:
        self.table = Table()
        self.gold = GoldWatch(feed.run, feed.view.profile)
        self.chosen: Pane = "labels"
        self.typed: Typed | None = None
        self.cannot_read = ""
        self.profile = profile_lines(feed.view.profile)
        self._feed = feed
        self._view = feed.view
        self._read_only = read_only
        self._log_of = feed.view.log
        self._log_rows = LogRows(feed.view.log, feed.view.explanations, _NARROWEST_LOG)
        self._log_lines: dict[int, Line] = {}
        self._strip_of: tuple[int, int, int] | None = None
        self._strip: list[Line] = []

    def one_line(self, cells: int, _: int) -> list[Line]:
        """All there is on a very small terminal."""
        return [header.status_line(self._view, self._feed.run.name, cells)]

    def header(self, cells: int, _: int) -> list[Line]:
        """What the run is and how far it has come."""
        return [header.header(self._view, self._feed.run.name, self._feed.loading, cells)]

    def filter_line(self, cells: int, _: int) -> list[Line]:
        """The filter while it is typed."""
        return [] if self.typed is None else [line(" / ", *self.typed.drawn(cells - 4))]

    def situation(self) -> list[Line]:
        """What is under way, in the run or in the filter that is typed, each thing for itself."""
        if self.cannot_read:
            return [line(span(self.cannot_read, "warn"))]
        if self.typed is not None:
            return [line(span(f"{len(self.table.rows)} match · enter keeps the filter, esc drops it", "second"))]
        return header.situation(self._view, read_only=self._read_only, loading=self._feed.loading)

    def profile_title(self, cells: int, _: int) -> list[Line]:
        """The profile's rule."""
        return [rule(line(self._title("1 profile", "profile")), (), cells)]

    def labels_title(self, cells: int, _: int) -> list[Line]:
        """The label table's rule and the names of its columns."""
        left, right = labels.title(self._view, len(self.table.rows), self.table.sort, self.table.typed)
        if self.chosen != "labels":
            left = tuple(span(part.text, "dim") if part.style == "title" else part for part in left)
        return [rule(left, right, cells), labels.heading(self._view, cells)]

    def label_row(self, at: int, cells: int) -> Line:
        """A row of the label table."""
        return labels.row(self._view, self.table.rows[at], cells)

    def log_title(self, cells: int, below: int, *, following: bool) -> list[Line]:
        """The log's rule; `below` is how many rows are under the cursor."""
        right = "following" if following else f"{below} below, f follows" if below else "f follows"
        return [rule(line(self._title("2 log", "log")), line(span(right, "dim")), cells)]

    def count_log(self, cells: int) -> int:
        """How many rows the log has at a width."""
        cells = max(_NARROWEST_LOG, cells)
        if self._log_rows.width != cells or self._log_of is not self._view.log:
            self._log_of = self._view.log
            self._log_rows = LogRows(self._view.log, self._view.explanations, cells)
            self._log_lines.clear()
        return self._log_rows.update(self._view.open_calls)

    def log_row(self, at: int, _: int) -> Line:
        """A row of the log, at the width that was counted last."""
        row = self._log_rows.row(at)
        if row.explanation is not None:
            return log.explanation_line(self._log_rows.lines(row.explanation)[row.line])
        if row.offset not in self._log_lines:
            if len(self._log_lines) >= _MOST_CACHED:
                self._log_lines.clear()
            self._log_lines[row.offset] = log.record_line(self._view, self._feed.record_at(row.offset))
        return self._log_lines[row.offset]

    def item_of_log_row(self, at: int) -> int | None:
        """The item that a row of the log is about; of a decision, its first."""
        row = self._log_rows.row(at)
        if row.explanation is not None:
            return row.explanation.item
        record = self._feed.record_at(row.offset)
        return record.items[0] if isinstance(record, DecisionRecord) and record.items else None

    def explanation(self, cells: int, height: int) -> list[Line]:
        """The latest reasoning."""
        return explanation_lines(self._view, cells, height)

    def accuracy_title(self, cells: int, height: int) -> list[Line]:
        """The accuracy pane's rule and how the labels hang together; in one line, all that fits of the pane."""
        if height == 1:
            return [accuracy.brief(self._view, self.gold.report, hidden=self.gold.hidden, cells=cells)]
        blind = "" if not self._view.profile.run.blind else "blind · " if self.gold.hidden else "blind, looked at · "
        hint = line(span(blind + ("a shows gold" if self.gold.hidden else "a hides gold · A all of it"), "dim"))
        title = rule(line(self._title("4 accuracy", "accuracy")), hint, cells)
        return [title, accuracy.coherence(self._view, cells)]

    def count_gold(self) -> int:
        """How many rows the gold columns take; one to say that there are none."""
        return len(self._gold_names()) or 1

    def gold_row(self, at: int, cells: int) -> Line:
        """A gold column; those chosen come first."""
        why = accuracy.no_gold(self.gold.report, hidden=self.gold.hidden)
        if why or self.gold.report is None:
            return fit(line(" ", span(why, "dim")), cells)
        name = self._gold_names()[at]
        curve = over_decisions(self.gold.curve(name), self._view.n, _SPARK)
        return accuracy.gold_line(name, self.gold.report.columns[name], curve, cells)

    def _gold_names(self) -> list[str]:
        report = self.gold.report
        if report is None or accuracy.no_gold(report, hidden=self.gold.hidden):
            return []
        return sorted(report.columns, key=lambda name: name not in self.gold.chosen)

    def item_strip(self, at: int | None, cells: int) -> list[Line]:
        """The strip about an item."""
        if at is None:
            return [rule(line(span("item", "dim")), (), cells)]
        made_of = (at, self._view.last_seq, cells)
        if made_of != self._strip_of:
            answer = self._feed.answer_of(at)
            context = self._feed.context(answer.context_id) if answer is not None else None
            title = rule(line(span(f"item {at}", "dim")), (), cells)
            self._strip_of, self._strip = made_of, [title, *item.strip(self._view, at, answer, context, cells)]
        return self._strip

    def _title(self, text: str, pane: Pane) -> Span:
        return span(text, "title" if pane == self.chosen else "dim")
