"""The screen of one item: its text and group, why it has its label, how the label changed, and the exact prompt."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from textual import work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from icm_tui.errors import UserError
from icm_tui.run_dir.records import DecisionRecord
from icm_tui.run_dir.status import LIVE
from icm_tui.tui.base_app import BaseApp, Opening
from icm_tui.tui.item import lines as item
from icm_tui.tui.item.lines import page_prompt
from icm_tui.tui.run import header, labels
from icm_tui.tui.run.feed import Feed
from icm_tui.tui.text.cells import Line, line, rule, span
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.status_line import Situation

if TYPE_CHECKING:
    from icm_tui.tui.run.accuracy import GoldWatch

Page = Literal["text", "why", "history", "prompt"]
Start = Literal[Page, "ask"]
_PAGES: tuple[Page, ...] = ("text", "why", "history", "prompt")

_TICK, _SLOW_TICK = 0.25, 0.5


class ItemScreen(Screen[None]):
    """Shows an item of the run that `feed` reads, and goes on reading it; `rows` gives the items of the table now.

    It starts with a page, or with "ask" on the page why, having the model asked again.
    """

    BINDINGS = bindings("item")
    DEFAULT_CSS = """
    ItemScreen { layout: vertical; }
    ItemScreen #page { height: 1fr; }
    """
    app: BaseApp

    def __init__(
        self,
        feed: Feed,
        item: int,
        rows: Callable[[], Sequence[int]],
        opening: Opening,
        start: Start = "text",
        gold: "GoldWatch | None" = None,
    ) -> None:
        super().__init__()
        self._feed = feed
        self._view = feed.view
        self.item = item
        self._rows = rows
        self._opening = opening
        self._start = start
        self._gold = gold
        self._page: Page = "why" if start == "ask" else start
        self._place = 0
        self._asking: int | None = None
        self._lines: list[Line] = []
        self._made_of: tuple[object, ...] = ()
        self._decisions: dict[int, DecisionRecord] = {}

    def compose(self) -> ComposeResult:
        """A title, the page, what is under way, the keys."""
        yield LineView(self._title, id="title")
        yield LineList(self._count, self._row, id="page")
        yield Situation(self._situation, lambda: header.needs_reading(self._view))
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look at the run."""
        rows = self._rows()
        self._place = rows.index(self.item) if self.item in rows else 0
        self._list.focus(scroll_visible=False)
        self._turn_to(self._page)
        self.set_interval(_SLOW_TICK if self._opening.slow_line else _TICK, self._tick)
        if self._start == "ask":
            self._ask()
        elif self._start == "why":
            self._ask_if_nothing_was_said()

    def on_screen_resume(self) -> None:
        """What a small screen over this one did is seen at once."""
        self._draw()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        """What streams is followed from the last line."""
        rows = event.line_list
        rows.following = self._page == "why" and rows.cursor >= self._count() - 1

    # What is shown

    @property
    def _list(self) -> LineList:
        return self.query_one("#page", LineList)

    def _tick(self) -> None:
        if self.app.screen is self:
            self._feed.poll()
            self._draw()

    def _draw(self) -> None:
        for view in self.query(LineView):
            view.redraw()
        self._list.redraw()

    def _turn_to(self, page: Page) -> None:
        self._page = page
        rows = self._list
        rows.following = page == "why"
        rows.move_to(0)
        self._draw()

    def _title(self, cells: int, _: int) -> list[Line]:
        view, number = self._view, self.item
        marks = (" P" if number in view.pins else "") + (" FLIP" if labels.is_late_flip(view, number) else "")
        left = line(span(f"item {number}", "title"), span(f" · {view.label_name(view.shown.labels[number])}{marks}"))
        pages = [self._page_name(page) for page in _PAGES]
        return [rule(left, tuple(part for page in pages for part in page), cells)]

    def _page_name(self, page: Page) -> Line:
        key, shown = self.app.key(f"item.{page}"), page == self._page
        return line(
            span("▸" if shown else " ", "title"),
            span(f"{key} ", "accent"),
            span(f"{page} ", "title" if shown else "dim"),
        )

    def _situation(self) -> list[Line]:
        if self._asking is not None:
            return [line(span(f"ask: asking about item {self._asking} …", "second"))]
        return header.situation(self._view, read_only=self._opening.read_only, loading=self._feed.loading)

    def _count(self) -> int:
        return len(self._made(self._list.size.width))

    def _row(self, at: int, cells: int) -> Line:
        return self._made(cells)[at] if at < len(self._lines) else ()

    def _made(self, cells: int) -> list[Line]:
        """The page's lines, made again if the run has gone on since."""
        view, number = self._view, self.item
        said = [
            (len(explanation.text), item.is_speaking(view, explanation)) for explanation in view.explanations_on(number)
        ]
        made_of = (self._page, number, cells, view.last_seq, view.chain, *said)
        if made_of != self._made_of:
            self._made_of = made_of
            answer = self._feed.answer_of(number)
            context = self._feed.context(answer.context_id) if answer is not None else None
            match self._page:
                case "text":
                    gold = "" if self._gold is None else self._gold.of_item(view.items[number].uid)
                    self._lines = item.page_text(view, number, answer, context, cells, gold)
                case "why":
                    self._lines = item.page_why(view, number, answer, context, cells)
                case "history":
                    decisions = self._decisions_of(item.shown_decisions(view, number))
                    self._lines = item.page_history(view, number, decisions, answer, context, cells)
                case "prompt":
                    self._lines = page_prompt(view, number, answer, context, cells)
        return self._lines

    def _decisions_of(self, numbers: Sequence[int]) -> dict[int, DecisionRecord]:
        for number in numbers:
            if number not in self._decisions:
                found = decision_of(self._feed, number)
                if found is not None:
                    self._decisions[number] = found
        return self._decisions

    # What a person asks

    def run_words(self, word: str, rest: str) -> None:
        """What was typed after the colon, for actions that take words."""
        if word != "pin":
            return
        from icm_tui.tui.item.pin_screen import read_words, refusal

        refused = self._refusal("pin") or refusal(self._view)
        try:
            if refused:
                raise UserError(refused)
            label, note = read_words(rest, self._view.label_names)
            self._feed.send("pin", {"item": self.item, "label": label, "note": note})
        except UserError as error:
            self.app.tell(str(error), "warn")
        self._draw()

    def action_text(self) -> None:
        """The item's text and its group."""
        self._turn_to("text")

    def action_why(self) -> None:
        """Why the item has its label; the model is asked if nothing was said yet."""
        self._turn_to("why")
        self._ask_if_nothing_was_said()

    def action_history(self) -> None:
        """The history of its label."""
        self._turn_to("history")

    def action_prompt(self) -> None:
        """The exact prompt."""
        self._turn_to("prompt")

    def action_ask(self) -> None:
        """Have the model asked again."""
        self._turn_to("why")
        self._ask()

    def action_pin(self) -> None:
        """Give the item a label that the run must keep."""
        from icm_tui.tui.item.pin_screen import PinScreen, refusal

        refused = self._refusal("pin") or refusal(self._view)
        if refused:
            self.app.tell(refused, "warn")
        else:
            self.app.push_screen(PinScreen(self._feed, self.item))

    def action_copy(self) -> None:
        """Copy a text, a row or the path."""
        from icm_tui.tui.widgets.copy_screen import CopyScreen

        self.app.push_screen(CopyScreen.of_item(self._feed, self.item))

    def action_next(self) -> None:
        """The next item of the table."""
        self._go(1)

    def action_previous(self) -> None:
        """The item before it."""
        self._go(-1)

    # Inside

    def _go(self, step: int) -> None:
        """To another row of the table; an item that has left the table had its last place in it."""
        rows = self._rows()
        there = self.item in rows
        at = rows.index(self.item) if there else min(self._place, len(rows))
        place = at + step if there or step < 0 else at
        if not 0 <= place < len(rows):
            self.app.tell(f"This is the table's {'last' if step > 0 else 'first'} item.")
            return
        self._place, self.item = place, rows[place]
        self._decisions.clear()
        self._turn_to(self._page)

    def _refusal(self, what: str) -> str:
        return f"{what}: this view is read only." if self._opening.read_only else ""

    def _ask_if_nothing_was_said(self) -> None:
        # While the journal loads, what was said is not read yet.
        silent = not self._view.explanations_on(self.item) and self._asking is None and not self._under_way()
        if silent and self._feed.loading is None and not self._opening.read_only:
            self._ask()

    def _under_way(self) -> bool:
        """Whether the last command sent is an "ask" that nothing came of yet."""
        latest = self._view.sent.get(self._view.latest or "")
        return latest is not None and latest.what == "ask" and not latest.outcome

    def _ask(self) -> None:
        refused = self._refusal("ask")
        if refused:
            self.app.tell(refused, "warn")
        elif self._view.state not in LIVE:
            self._ask_child()
        else:
            try:
                self._feed.send("ask", {"item": self.item})
            except UserError as error:
                self.app.tell(str(error), "warn")
        self._draw()

    @work(group="ask", exit_on_error=False)
    async def _ask_child(self) -> None:
        """A run without a runner is asked by a process of its own."""
        from icm_tui.tui import children

        if self._asking is not None:
            self.app.tell(f"ask: item {self._asking} is being asked about; one at a time.")
            return
        self._asking = self.item
        self._draw()
        try:
            failed = await children.ask(self._feed.run.path, self.item)
        finally:
            self._asking = None
        self._feed.poll()
        self.app.tell(failed.why if failed else "ask: done", "warn" if failed else "accent")
        self._draw()


def decision_of(feed: Feed, number: int) -> DecisionRecord | None:
    """A decision by its number, found by halving among the records of the log; None if it is not there."""
    entries = feed.view.log.entries
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        # Thoughts, commands and stops stand between decisions: take the next decision before the middle.
        place, found = middle, None
        while place >= low and not isinstance(found, DecisionRecord):
            found = feed.record_at(entries[place]) if entries[place] >= 0 else None
            place -= 1
        if not isinstance(found, DecisionRecord) or found.n < number:
            low = middle + 1
        elif found.n == number:
            return found
        else:
            high = place + 1
    return None
