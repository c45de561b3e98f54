"""The screen of a run, live or ended: profile, log, labels and accuracy, and what steers the run."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from icm_tui.errors import UserError
from icm_tui.runs.records import DecisionRecord
from icm_tui.tui.cells import Line, Span, Style, line, rule, span
from icm_tui.tui.feed import Feed
from icm_tui.tui.gold import GoldWatch
from icm_tui.tui.keymap import bindings
from icm_tui.tui.lines import accuracy, header, item, labels, log, profile, thought
from icm_tui.tui.state.filters import parse_filter
from icm_tui.tui.state.layout import PANES, Layout, Pane, layout
from icm_tui.tui.state.log import LogRows
from icm_tui.tui.state.table import SORTS, Table
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from textual.css.query import DOMQuery
    from textual.widget import Widget
    from textual.widgets import Input

    from icm_tui.tui.app import IcmApp, Opening
    from icm_tui.tui.screens.item import Start

_TICK, _SLOW_TICK = 0.25, 0.5
_LOADING_TICK = 0.02
_MOST_CACHED = 2048
_DEMO_SECONDS = 20.0
_TOLD_SECONDS = 8.0


class Situation(StatusLine):
    """What is under way in the run; for a few seconds what came of the last key instead."""

    def __init__(self, make: Callable[[], Line]) -> None:
        super().__init__()
        self._make_line = make
        self._until = 0.0

    def say(self, text: str, look: Style = "plain") -> None:
        """Show a sentence for a few seconds."""
        self._until = time.monotonic() + _TOLD_SECONDS
        super().say(text, look)

    def _told(self, width: int, height: int) -> list[Line]:
        if time.monotonic() < self._until:
            return super()._told(width, height)
        return [self._make_line()]


class RunScreen(Screen[None]):
    """Shows the run in a directory and sends what a person asks of it. Raises UserError where it is no run."""

    BINDINGS = bindings("run")
    DEFAULT_CSS = """
    RunScreen {
        layout: vertical;
    }
    #main {
        height: 1fr;
    }
    #profile-pane {
        width: 32;
        border-right: solid ansi_bright_black;
    }
    #profile-pane.alone {
        width: 1fr;
        border-right: none;
    }
    #right {
        width: 1fr;
    }
    #labels-pane {
        height: 1fr;
    }
    #labels-title {
        height: 2;
    }
    #item {
        height: 3;
    }
    #thought {
        height: 4;
    }
    #log-pane {
        height: 1fr;
    }
    #log-pane.below {
        height: 45%;
    }
    #log-title, #profile-title {
        height: 1;
    }
    #profile, #labels, #log {
        height: 1fr;
    }
    #accuracy-pane {
        height: auto;
    }
    #accuracy-pane.alone {
        height: 1fr;
    }
    """
    app: "IcmApp"

    def __init__(self, path: Path, opening: "Opening") -> None:
        super().__init__()
        self.feed = Feed(path)
        self._opening = opening
        self._view = self.feed.view
        self._gold = GoldWatch(self.feed.run, self._view.profile)
        self._table = Table()
        self._chosen: Pane = "labels"
        self._zoomed = False
        self._layout = Layout()
        self._log_of = self._view.log
        self._log_rows = LogRows(self._view.log, self._view.thoughts, 80)
        self._log_lines: dict[int, Line] = {}
        self._profile_lines = profile.profile_lines(self._view.profile)
        self._timer: Timer | None = None
        self._strip_of: tuple[int, int, int] | None = None
        self._strip: list[Line] = []
        self._typing = ""

    # Layout

    def compose(self) -> ComposeResult:
        """The panes; which of them are seen depends on the size."""
        yield LineView(lambda cells, _: [header.status_line(self._view, self.feed.run.name, cells)], id="one-line")
        yield LineView(self._header, id="header")
        with Horizontal(id="main"):
            with Vertical(id="profile-pane"):
                yield LineView(self._profile_title, id="profile-title")
                yield LineList(lambda: len(self._profile_lines), lambda at, _: self._profile_lines[at], id="profile")
            with Vertical(id="right"):
                with Vertical(id="labels-pane"):
                    yield LineView(self._labels_title, id="labels-title")
                    yield LineList(lambda: len(self._table.rows), self._label_row, id="labels")
                yield LineView(self._item_strip, id="item")
                with Vertical(id="log-pane"):
                    yield LineView(self._log_title, id="log-title")
                    yield LineList(self._count_log, self._log_row, id="log", following=True)
                    yield LineView(self._thought, id="thought")
        with Vertical(id="accuracy-pane"):
            yield LineView(self._accuracy_title, id="accuracy-title")
            yield LineList(
                lambda: len(self._gold_lines(200)), lambda at, cells: self._gold_lines(cells)[at], id="accuracy"
            )
        yield Situation(self._situation)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look at the run."""
        self._table.update(self._view)
        self._arrange()
        self._timer = self.set_interval(_SLOW_TICK if self._opening.slow_line else _TICK, self._tick)
        self.set_timer(_LOADING_TICK, self._load)

    def on_unmount(self) -> None:
        """Let go of the files."""
        self.feed.close()

    def on_resize(self) -> None:
        """Panes come and go with the room there is."""
        self._arrange()

    def _arrange(self) -> None:
        self._layout = shown = layout(self.size.width, self.size.height, self._chosen, zoomed=self._zoomed)
        self.query_one("#one-line").display = shown.one_line
        for name in ("#header", "#status", "Footer"):
            self.query_one(name).display = not shown.one_line
        self.query_one("#main").display = bool(shown.panes - {"accuracy"})
        self.query_one("#right").display = bool(shown.panes & {"labels", "log"})
        for pane in ("profile", "log", "labels"):
            self.query_one(f"#{pane}-pane").display = pane in shown.panes
        self.query_one("#profile-pane").set_class(shown.panes == {"profile"}, "alone")
        self.query_one("#item").display = shown.item
        self.query_one("#thought").display = shown.thought
        self.query_one("#accuracy-pane").display = not shown.one_line
        alone = shown.panes == {"accuracy"}
        self.query_one("#accuracy-pane").set_class(alone, "alone")
        self.query_one("#accuracy-title").styles.height = 2 if "accuracy" in shown.panes else 1
        gold = self.query_one("#accuracy", LineList)
        gold.display = shown.gold_rows > 0
        gold.styles.height = "1fr" if alone else min(shown.gold_rows, len(self._gold_lines(self.size.width)))
        self.query_one("#log-pane").set_class("labels" in shown.panes, "below")
        if not shown.one_line:
            self._list(self._chosen).focus(scroll_visible=False)

    def _list(self, pane: Pane) -> LineList:
        return self.query_one(f"#{pane}", LineList)

    # Following the run

    def _load(self) -> None:
        """Read on without waiting for the next drawing, until the journal is read."""
        if self.feed.poll() and self.feed.loading is not None:
            self.set_timer(_LOADING_TICK, self._load)
        else:
            self._draw()

    def _tick(self) -> None:
        if self.app.screen is not self:
            return
        state = self._view.state
        self.feed.poll()
        self._table.update(self._view)
        if self._gold.due(self._view.last_seq) and self.feed.loading is None:
            self._measure()
        self._draw()
        if state != self._view.state:
            self.refresh_bindings()

    @work(thread=True, exclusive=True, group="gold", exit_on_error=False)
    def _measure(self) -> None:
        labels = [None if label < 0 else label for label in self._view.shown.labels]
        self._gold.measure(self._view.items, labels, self._view.last_seq)

    def _draw(self) -> None:
        for view in self.query(LineView):
            view.redraw()
        for rows in self.query(LineList):
            rows.redraw()

    # What the panes show

    def _header(self, cells: int, _: int) -> list[Line]:
        return [header.header(self._view, self.feed.run.name, self.feed.loading, cells)]

    def _situation(self) -> Line:
        if self._typing:
            return line(" ", span(self._typing, "warn"))
        if self._filter_lines:
            return line(span(f" {len(self._table.rows)} match · enter keeps the filter, esc drops it", "second"))
        told = header.situation(self._view, read_only=self._opening.read_only, loading=self.feed.loading)
        return line(" ", *told)

    def _profile_title(self, cells: int, _: int) -> list[Line]:
        return [rule(line(self._title("1 profile", "profile")), (), cells)]

    def _labels_title(self, cells: int, _: int) -> list[Line]:
        left, right = labels.title(self._view, len(self._table.rows), self._table.sort, self._table.typed)
        if self._chosen != "labels":
            left = tuple(span(part.text, "dim") if part.style == "title" else part for part in left)
        return [rule(left, right, cells), labels.heading(self._view, cells)]

    def _label_row(self, at: int, cells: int) -> Line:
        return labels.row(self._view, self._table.rows[at], cells)

    def _log_title(self, cells: int, _: int) -> list[Line]:
        rows = self._list("log")
        below = max(0, self._count_log() - 1 - rows.cursor)
        right = "following" if rows.following else f"{below} below, f follows" if below else "f follows"
        return [rule(line(self._title("2 log", "log")), line(span(right, "dim")), cells)]

    def _count_log(self) -> int:
        width = max(20, self._list("log").columns)
        if self._log_rows.width != width or self._log_of is not self._view.log:
            self._log_of = self._view.log
            self._log_rows = LogRows(self._view.log, self._view.thoughts, width)
            self._log_lines.clear()
        return self._log_rows.update(self._view.open_calls)

    def _log_row(self, at: int, cells: int) -> Line:
        row = self._log_rows.row(at)
        if row.thought:
            return log.thought_line(self._log_rows.lines(row.thought)[row.line])
        if row.offset not in self._log_lines:
            if len(self._log_lines) >= _MOST_CACHED:
                self._log_lines.clear()
            self._log_lines[row.offset] = log.record_line(self._view, self.feed.record_at(row.offset))
        return self._log_lines[row.offset]

    def _accuracy_title(self, cells: int, height: int) -> list[Line]:
        coherence = accuracy.coherence(self._view, cells)
        if height == 1:
            return [accuracy.brief(self._view, self._gold.report, hidden=self._gold.hidden, cells=cells)]
        hint = line(span("a hides gold" if not self._gold.hidden else "a shows gold", "dim"))
        return [rule(line(self._title("4 accuracy", "accuracy")), hint, cells), coherence]

    def _gold_lines(self, cells: int) -> list[Line]:
        return accuracy.gold_lines(self._view, self._gold.report, hidden=self._gold.hidden, cells=cells)

    def _item_strip(self, cells: int, _: int) -> list[Line]:
        at = self.current_item
        if at is None:
            return [rule(line(span("item", "dim")), (), cells)]
        made_of = (at, self._view.last_seq, cells)
        if made_of != self._strip_of:
            answer = self.feed.answer_of(at)
            block = self.feed.block(answer.block) if answer is not None else None
            title = rule(line(span(f"item {at}", "dim")), (), cells)
            self._strip_of, self._strip = made_of, [title, *item.strip(self._view, at, answer, block, cells)]
        return self._strip

    def _thought(self, cells: int, height: int) -> list[Line]:
        return thought.thought_lines(self._view, cells, height)

    def _title(self, text: str, pane: Pane) -> Span:
        return span(text, "title" if pane == self._chosen else "dim")

    @property
    def current_item(self) -> int | None:
        """The item under the label table's cursor."""
        rows = self._table.rows
        return rows[min(self._list("labels").cursor, len(rows) - 1)] if rows else None

    # What a person asks

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not offered."""
        live = self._view.state in ("starting", "running", "pausing", "paused")
        if action in ("pause", "step", "skip", "full_speed", "stop", "pin"):
            return live and not self._opening.read_only
        if action == "resume":
            return self._view.state in ("died", "quiet", "stopped", "failed") and not self._opening.read_only
        if action == "ask":
            return not self._opening.read_only
        return True

    def run_words(self, word: str, rest: str) -> None:
        """What was typed after the colon, for actions that need words."""
        try:
            if word == "to":
                self._send("to", {"n": _number(rest, "to", "the decision")})
            elif word == "item":
                self._go_to_item(_number(rest, "item", "the item"))
            elif word == "filter":
                self._filter(rest)
            elif word == "pin":
                self._pin_by_words(rest)
        except UserError as error:
            self.app.tell(str(error))

    def action_pause(self) -> None:
        """Pause, or go on."""
        self._send("resume" if self._view.state in ("paused", "pausing") else "pause", {})

    def action_step(self) -> None:
        """One decision."""
        self._send("step", {})

    def action_skip(self) -> None:
        """Leave the next decision's items as they are."""
        self._send("skip", {})

    def action_full_speed(self) -> None:
        """The brake off, or on."""
        status = self._view.status
        braked = status is not None and status.pace_seconds is not None
        self._send("pace", {} if braked else {"seconds": _DEMO_SECONDS})

    def action_stop(self) -> None:
        """End the process, after a question."""
        from icm_tui.tui.screens.question import Question

        def answered(yes: bool | None) -> None:
            if yes:
                self._send("stop", {})

        self.app.push_screen(Question("End this run's process? Nothing is lost; R resumes it."), answered)

    @work(exclusive=True, group="resume", exit_on_error=False)
    async def action_resume(self) -> None:
        """A new runner for a run without one."""
        from icm_tui.tui import children

        self.app.tell("starting a runner")
        outcome = await children.resume(self.feed.run.path)
        self.app.tell(outcome.why if isinstance(outcome, children.Failed) else "the runner is up")
        self.feed.look()
        self._draw()

    def action_open(self) -> None:
        """The item under the cursor; in the log, the one that its line is about."""
        if self._chosen == "log":
            self._show_item_of_log()
        self._open_item("text")

    def on_line_list_chosen(self) -> None:
        """A second click does what Enter does."""
        self.action_open()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        """The log stays where a person goes in it, and follows again from its last line."""
        if event.line_list.id == "log":
            event.line_list.following = event.index >= self._count_log() - 1
        self._draw()

    def action_why(self) -> None:
        """Why it has its label."""
        self._open_item("why")

    def action_pin(self) -> None:
        """Give the item a label that the run must keep."""
        from icm_tui.tui.screens.pin import PinScreen

        at = self.current_item
        if at is not None:
            self.app.push_screen(PinScreen(self.feed, at))

    def action_ask(self) -> None:
        """Ask the model about the item again."""
        self._open_item("ask")

    def action_filter(self) -> None:
        """Type a filter."""
        from icm_tui.tui.widgets.filter_line import FilterLine

        if not self._filter_lines:
            self._choose("labels")
            self.mount(FilterLine(self._table.typed), before="#status")

    def action_sort(self) -> None:
        """The next order."""
        at = self.current_item
        order = SORTS[(SORTS.index(self._table.sort) + 1) % len(SORTS)]
        self._table.show(self._view, self._table.terms, self._table.typed, order)
        self._list("labels").move_to(0 if order != "number" or at is None else self._table.place_of(at) or 0)
        self._draw()

    def action_follow(self) -> None:
        """Follow the log's end, or stay."""
        rows = self._list("log")
        rows.following = not rows.following
        self._draw()

    def action_gold(self) -> None:
        """Show gold or hide it."""
        try:
            self._gold.toggle(read_only=self._opening.read_only)
        except UserError as error:
            self.app.tell(str(error))
        self._draw()

    def action_pane_1(self) -> None:
        """The profile pane."""
        self._choose("profile")

    def action_pane_2(self) -> None:
        """The log pane."""
        self._choose("log")

    def action_pane_3(self) -> None:
        """The labels pane."""
        self._choose("labels")

    def action_pane_4(self) -> None:
        """The accuracy pane."""
        self._choose("accuracy")

    def action_next_pane(self) -> None:
        """The next pane."""
        self._choose(PANES[(PANES.index(self._chosen) + 1) % len(PANES)])

    def action_zoom(self) -> None:
        """The chosen pane alone, or all of them."""
        self._zoomed = not self._zoomed
        self._arrange()

    def action_edit(self) -> None:
        """The profile in a form, for a new run."""
        self.app.open_form(self.feed.run.profile, frozen=True)

    def action_copy(self) -> None:
        """Copy a text, a row or the path."""
        from icm_tui.tui.screens.copying import CopyScreen

        at = self.current_item
        self.app.push_screen(CopyScreen.of_item(self.feed, at))

    # Inside

    def _send(self, what: str, args: dict[str, object]) -> None:
        if self._opening.read_only:
            self.app.tell(f"{what}: this view is read only")
            return
        try:
            self.feed.send(what, args)
        except UserError as error:
            self.app.tell(str(error))
        self._draw()

    def _choose(self, pane: Pane) -> None:
        self._chosen = pane
        self._arrange()
        self._draw()

    def _open_item(self, start: "Start") -> None:
        from icm_tui.tui.screens.item import ItemScreen

        at = self.current_item
        if at is not None:
            self.app.push_screen(ItemScreen(self.feed, at, lambda: self._table.rows, self._opening, start))

    def _show_item_of_log(self) -> None:
        """Put the label table's cursor on the item that the log's line is about."""
        count, at = self._count_log(), self._list("log").cursor
        if at >= count:
            return
        row = self._log_rows.row(at)
        if row.thought is not None:
            self._go_to_item(row.thought.item)
            return
        record = self.feed.record_at(row.offset)
        if isinstance(record, DecisionRecord) and record.items:
            self._go_to_item(record.items[0])

    def _go_to_item(self, number: int) -> None:
        place = self._table.place_of(number)
        if place is None and 0 <= number < len(self._view.items):
            self._table.show(self._view, (), "", self._table.sort)
            place = self._table.place_of(number)
        if place is None:
            raise UserError(f"There is no item {number}; they go from 0 to {len(self._view.items) - 1}.")
        self._choose("labels")
        self._list("labels").move_to(place)

    def on_input_changed(self, event: "Input.Changed") -> None:
        """The table follows what is typed."""
        try:
            self._filter(event.value)
            self._typing = ""
        except UserError as error:
            self._typing = str(error)
        self._draw()

    def on_input_submitted(self) -> None:
        """The filter stays, the keys go back to the table."""
        self._end_typing()

    def on_key(self, event: events.Key) -> None:
        """Escape drops the filter that is being typed, or the one that holds."""
        if event.key == "escape" and (self._table.typed or self._filter_lines):
            event.stop()
            self._filter("")
            self._end_typing()

    def _end_typing(self) -> None:
        self._typing = ""
        for typed in self._filter_lines:
            typed.remove()
        self._choose("labels")

    @property
    def _filter_lines(self) -> "DOMQuery[Widget]":
        return self.query("FilterLine")

    def _pin_by_words(self, rest: str) -> None:
        """`LABEL a note` for the item under the cursor, `off` to take its pin off."""
        at = self.current_item
        name, _, note = rest.strip().partition(" ")
        if at is None or name not in (*self._view.label_names, "off"):
            names = ", ".join(self._view.label_names)
            raise UserError(f"pin: give a label ({names}) or off, and a note if you like, such as `pin A seen twice`.")
        self._send("pin", {"item": at, "label": None if name == "off" else name, "note": note.strip()})

    def _filter(self, typed: str) -> None:
        terms = parse_filter(typed, self._view.label_names)
        self._table.show(self._view, terms, typed, self._table.sort)
        self._draw()


def _number(text: str, word: str, what: str) -> int:
    try:
        return int(text.replace(",", ""))
    except ValueError:
        raise UserError(f"{word}: give the number of {what} as digits, such as `{word} 500`.") from None
