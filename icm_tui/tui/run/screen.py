"""The screen of a run, live or ended: profile, log, labels and accuracy, and what steers the run."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Footer

from icm_tui.errors import UserError
from icm_tui.tui.base_app import BaseApp, OpenForm, Opening
from icm_tui.tui.home.listing import RESUMABLE
from icm_tui.tui.run import header
from icm_tui.tui.run.feed import Feed
from icm_tui.tui.run.labels import SORTS, parse_filter
from icm_tui.tui.run.panes import PANES, Pane, Panes, layout
from icm_tui.tui.text.cells import Line
from icm_tui.tui.text.typed import Typed
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.status_line import Situation
from icm_tui.tui.widgets.text_input import FilterScreen

if TYPE_CHECKING:
    from icm_tui.tui.item.screen import ItemScreen, Start

_TICK, _SLOW_TICK = 0.25, 0.5
_LOADING_TICK = 0.02
_MOST_CELLS = 4000
# Over how many seconds a person's throttle spreads a run whose profile does not say.
_WATCH_SECONDS = 20.0


class RunScreen(FilterScreen[None]):
    """Shows the run in a directory and sends what a person asks of it. Raises UserError if it is no run."""

    BINDINGS = bindings("run")
    FILTER_ACTION = "run.filter"
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
    #explanation {
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
    app: BaseApp

    def __init__(self, path: Path, opening: Opening) -> None:
        super().__init__()
        self.feed = Feed(path)
        self._opening = opening
        self._view = self.feed.view
        self._panes = Panes(self.feed, read_only=opening.read_only)
        self._zoomed = False
        self._ticks = 0
        self._timer: Timer | None = None
        self._loader: Timer
        self._item_screen: ItemScreen | None = None

    # Layout

    def compose(self) -> ComposeResult:
        """The panes; which of them are seen depends on the size."""
        panes = self._panes
        yield LineView(panes.one_line, id="one-line")
        yield LineView(panes.header, id="header")
        with Horizontal(id="main"):
            with Vertical(id="profile-pane"):
                yield LineView(panes.profile_title, id="profile-title")
                yield self._rows("profile", lambda: len(panes.profile), lambda at, _: panes.profile[at])
            with Vertical(id="right"):
                with Vertical(id="labels-pane"):
                    yield LineView(panes.labels_title, id="labels-title")
                    yield self._rows("labels", lambda: len(panes.table.rows), panes.label_row)
                yield LineView(lambda cells, _: panes.item_strip(self.current_item, cells), id="item")
                with Vertical(id="log-pane"):
                    yield LineView(self._log_title, id="log-title")
                    yield self._rows("log", self._count_log, panes.log_row, following=True)
                    yield LineView(panes.explanation, id="explanation")
        with Vertical(id="accuracy-pane"):
            yield LineView(panes.accuracy_title, id="accuracy-title")
            yield self._rows(
                "accuracy",
                panes.count_gold,
                panes.gold_row,
            )
        yield LineView(panes.filter_line, id="filter")
        yield Situation(panes.situation, lambda: header.needs_reading(self._view))
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look at the run."""
        self._panes.table.update(self._view)
        self._arrange()
        self._timer = self.set_interval(_SLOW_TICK if self._opening.slow_line else _TICK, self._tick)
        self._loader = self.set_interval(_LOADING_TICK, self._load)

    def on_unmount(self) -> None:
        """Close the files."""
        self.feed.close()

    def on_screen_resume(self) -> None:
        """Back from an item: the cursor goes where that screen went."""
        if self._item_screen is not None:
            place = self._panes.table.place_of(self._item_screen.item)
            self._item_screen = None
            if place is not None:
                self._list("labels").move_to(place)
            self._draw()

    def on_resize(self) -> None:
        """Panes come and go with the room there is."""
        self._arrange()

    def _arrange(self) -> None:
        shown = layout(self.size.width, self.size.height, self._panes.chosen, zoomed=self._zoomed)
        self.query_one("#one-line").display = shown.one_line
        for name in ("#header", "#status", "Footer"):
            self.query_one(name).display = not shown.one_line
        self.query_one("#main").display = bool(shown.panes - {"accuracy"})
        self.query_one("#right").display = bool(shown.panes & {"labels", "log"})
        for pane in ("profile", "log", "labels"):
            self.query_one(f"#{pane}-pane").display = pane in shown.panes
        self.query_one("#profile-pane").set_class(shown.panes == {"profile"}, "alone")
        self.query_one("#filter").display = self._panes.typed is not None and not shown.one_line
        self.query_one("#item").display = shown.item
        self.query_one("#explanation").display = shown.explanation
        self.query_one("#accuracy-pane").display = not shown.one_line
        alone = shown.panes == {"accuracy"}
        self.query_one("#accuracy-pane").set_class(alone, "alone")
        self.query_one("#accuracy-title").styles.height = 2 if "accuracy" in shown.panes else 1
        gold = self.query_one("#accuracy", LineList)
        gold.display = shown.gold_rows > 0
        gold.styles.height = "1fr" if alone else min(shown.gold_rows, self._panes.count_gold())
        self.query_one("#log-pane").set_class("labels" in shown.panes, "below")
        if not shown.one_line:
            self._list(self._panes.chosen).focus(scroll_visible=False)

    def _rows(
        self, pane: Pane, count: Callable[[], int], make: Callable[[int, int], Line], *, following: bool = False
    ) -> LineList:
        return LineList(count, make, id=pane, following=following, takes=self.take)

    def _count_log(self) -> int:
        return self._panes.count_log(self._list("log").columns)

    def _log_title(self, cells: int, _: int) -> list[Line]:
        rows = self._list("log")
        below = max(0, self._count_log() - 1 - rows.cursor)
        return self._panes.log_title(cells, below, following=rows.following)

    def _list(self, pane: Pane) -> LineList:
        return self.query_one(f"#{pane}", LineList)

    # Following the run

    def _load(self) -> None:
        """Read on without waiting for the next drawing, until the journal is read."""
        if not self.feed.poll() or self.feed.loading is None:
            self._loader.stop()
            self._compare_seeds()
            self._draw()

    def _tick(self) -> None:
        if self.app.screen is not self:
            return
        state = self._view.state
        self.follow()
        self._ticks += 1
        self._draw(spare=self._ticks % 2 == 1)
        if state != self._view.state:
            self.refresh_bindings()
            self._compare_seeds()

    def follow(self) -> None:
        """Read on and measure when it is time; another screen over this one calls it as long as it is shown."""
        self.feed.poll()
        self._panes.table.update(self._view)
        if self._panes.gold.due(self._view.last_seq) and self.feed.loading is None:
            self._measure()

    @work(thread=True, exclusive=True, group="gold", exit_on_error=False)
    def _measure(self) -> None:
        chain = self._view.shown
        labels = [None if label < 0 else label for label in chain.labels]
        logits = [chain.log_odds(item) for item in range(len(labels))] if len(self._view.label_names) == 2 else None
        gold, seq = self._panes.gold, self._view.last_seq
        gold.measure(self._view.items, labels, seq, logits=logits, history=chain.history)

    @work(thread=True, exclusive=True, group="seeds", exit_on_error=False)
    def _compare_seeds(self) -> None:
        """Look for runs under other seeds, and on which items they agree."""
        from icm_tui.tui.accuracy.pages import seed_agreement

        with contextlib.suppress(UserError):
            self._view.seeds_agree = seed_agreement(self.feed.run, self._view.profile)

    def _draw(self, *, spare: bool = False) -> None:
        """Draw what changed; to `spare` the terminal, not a very large list, whose every line changes as a log runs."""
        for view in self.query(LineView):
            view.redraw()
        for rows in self.query(LineList):
            if not (spare and rows.size.area > _MOST_CELLS):
                rows.redraw()

    @property
    def current_item(self) -> int | None:
        """The item under the label table's cursor."""
        rows = self._panes.table.rows
        return rows[min(self._list("labels").cursor, len(rows) - 1)] if rows else None

    # What a person asks

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not offered."""
        live = self._view.state in ("starting", "running", "pausing", "paused")
        if action in ("pause", "step", "skip", "full_speed", "stop", "pin"):
            return live and not self._opening.read_only
        if action == "resume":
            return self._view.state in RESUMABLE and not self._opening.read_only
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
                self.filter(rest)
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
        """Take the throttle off, or put it on."""
        status = self._view.status
        throttled = status is not None and status.throttle_seconds is not None
        self._send("throttle", {} if throttled else {"seconds": self._view.profile.run.watch_seconds or _WATCH_SECONDS})

    def action_stop(self) -> None:
        """End the process, after a question."""
        from icm_tui.tui.widgets.question_screen import Question

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
        if self._panes.chosen == "log":
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
        from icm_tui.tui.item.pin_screen import PinScreen

        at = self.current_item
        if at is not None:
            self.app.push_screen(PinScreen(self.feed, at))

    def action_ask(self) -> None:
        """Ask the model about the item again."""
        self._open_item("ask")

    def action_sort(self) -> None:
        """The next order."""
        at = self.current_item
        orders = [order for order in SORTS if order != "seeds" or self._view.seeds_agree]
        order = orders[(orders.index(self._panes.table.sort) + 1) % len(orders)]
        self._panes.table.show(self._view, self._panes.table.terms, self._panes.table.typed, order)
        self._list("labels").move_to(0 if order != "number" or at is None else self._panes.table.place_of(at) or 0)
        self._draw()

    def action_follow(self) -> None:
        """Follow the log's end, or stay."""
        rows = self._list("log")
        rows.following = not rows.following
        self._draw()

    def action_gold(self) -> None:
        """Show gold or hide it."""
        try:
            self._panes.gold.toggle(read_only=self._opening.read_only)
        except UserError as error:
            self.app.tell(str(error))
        self._draw()

    def action_accuracy(self) -> None:
        """All gold columns, and the pages of findings beside them."""
        from icm_tui.tui.accuracy.screen import AccuracyScreen

        self.app.push_screen(AccuracyScreen(self.feed, self._panes.gold, self.follow, self._opening.read_only))

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
        self._choose(PANES[(PANES.index(self._panes.chosen) + 1) % len(PANES)])

    def action_zoom(self) -> None:
        """The chosen pane alone, or all of them."""
        self._zoomed = not self._zoomed
        self._arrange()

    def action_edit(self) -> None:
        """The profile in a form, for a new run."""
        self.app.post_message(OpenForm(self.feed.run.profile, frozen=True))

    def action_copy(self) -> None:
        """Copy a text, a row or the path."""
        from icm_tui.tui.widgets.copy_screen import CopyScreen

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
        self._panes.chosen = pane
        self._arrange()
        self._draw()

    def _open_item(self, start: "Start") -> None:
        from icm_tui.tui.item.screen import ItemScreen

        at = self.current_item
        if at is not None:
            self._item_screen = ItemScreen(
                self.feed, at, lambda: self._panes.table.rows, self._opening, start, self._panes.gold
            )
            self.app.push_screen(self._item_screen)

    def _show_item_of_log(self) -> None:
        """Put the label table's cursor on the item that the log's line is about."""
        at = self._list("log").cursor
        found = self._panes.item_of_log_row(at) if at < self._count_log() else None
        if found is not None:
            self._go_to_item(found)

    def _go_to_item(self, number: int) -> None:
        place = self._panes.table.place_of(number)
        if place is None and 0 <= number < len(self._view.items):
            self.filter("")
            place = self._panes.table.place_of(number)
        if place is None:
            raise UserError(f"There is no item {number}; they go from 0 to {len(self._view.items) - 1}.")
        self._choose("labels")
        self._list("labels").move_to(place)

    def begin_typing(self, text: str) -> None:
        self._choose("labels")
        super().begin_typing(text)

    def show_typed(self, typed: Typed) -> None:
        """The table follows what is typed; what cannot be read (yet) is shown."""
        self._panes.typed, self._panes.cannot_read = typed, ""
        self.query_one("#filter").display = True
        try:
            self.filter(typed.text)
        except UserError as error:
            self._panes.cannot_read = str(error)
        self._draw()

    def typing_ended(self, text: str | None) -> None:
        if text is None:
            self.filter("")
        self._panes.typed, self._panes.cannot_read = None, ""
        self.query_one("#filter").display = False
        self._draw()

    def _pin_by_words(self, rest: str) -> None:
        """`LABEL a note` for the item under the cursor, `off` to take its pin off."""
        from icm_tui.tui.item.pin_screen import read_words

        label, note = read_words(rest, self._view.label_names)
        if self.current_item is not None:
            self._send("pin", {"item": self.current_item, "label": label, "note": note})

    def filter(self, words: str) -> None:
        """Show the items that fit the words. Raises UserError for words that are no filter."""
        terms = parse_filter(words, self._view.label_names)
        self.words = words
        self._panes.table.show(self._view, terms, words, self._panes.table.sort)
        self._draw()


def _number(text: str, word: str, what: str) -> int:
    try:
        return int(text.replace(",", ""))
    except ValueError:
        raise UserError(f"{word}: give the number of {what} as digits, such as `{word} 500`.") from None
