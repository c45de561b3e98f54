"""The accuracy screen: every gold column with its curve, and the pages of findings beside them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer

from icm_tui.errors import UserError
from icm_tui.evaluate.report import Report
from icm_tui.tui.accuracy import gold_columns
from icm_tui.tui.base_app import BaseApp
from icm_tui.tui.run import accuracy
from icm_tui.tui.run.accuracy import GoldWatch
from icm_tui.tui.run.feed import Feed
from icm_tui.tui.text.cells import Line, fit, joined, line, rule, span
from icm_tui.tui.text.numbers import over_decisions
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.text_input import FilterScreen

if TYPE_CHECKING:
    from icm_tui.tui.accuracy.pages import Told

GOLD = "gold columns"
SORTS = ("table", "accuracy", "balanced", "p", "name")

_TICK = 0.5
_COMPUTING = "computing …"


class AccuracyScreen(FilterScreen[None]):
    """What is known about the labels of a run beside the labels. `follow` reads on in the run."""

    DEFAULT_CSS = """
    AccuracyScreen LineList { height: 1fr; }
    AccuracyScreen #plot { height: 9; }
    AccuracyScreen.low #plot { height: 4; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("accuracy")
    AUTO_FOCUS = "#rows"
    FILTER_ACTION = "accuracy.filter"
    app: BaseApp

    def __init__(self, feed: Feed, gold: GoldWatch, follow: Callable[[], None], read_only: bool) -> None:
        super().__init__()
        self._feed = feed
        self._view = feed.view
        self._gold = gold
        self._follow = follow
        self._read_only = read_only
        self._pages = [GOLD]
        self._page = GOLD
        self._sort = "table"
        # The report that the rows were chosen from: a thread may bring another one before they are drawn.
        self._report: Report | None = None
        self._names: list[str] = []
        self._told: Told | None = None
        self._with_gold = False
        # The number of the computation that the page waits for; what an earlier one brings is dropped.
        self._awaited = 0

    def compose(self) -> ComposeResult:
        """The title with the pages, the table, and below it the curve of the column under the cursor."""
        yield LineView(lambda cells, _: [self._title(cells)], id="title")
        yield LineView(lambda cells, _: [self._summary(cells)], id="summary")
        yield LineView(lambda cells, _: [self._heading(cells)], id="heading")
        yield LineList(self._count, self._row, id="rows", takes=self.take)
        yield LineView(self._plot, id="plot")
        yield LineView(lambda cells, _: [self._last_line(cells)], id="last")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin with the gold columns, and follow the run."""
        from icm_tui.tui.accuracy.pages import PAGES

        self._pages += PAGES
        self._choose_rows()
        self.set_interval(_TICK, self._tick)

    def on_resize(self) -> None:
        """A low terminal gives the plot less room."""
        self.set_class(self.size.height < 30, "low")
        self._draw()

    def on_line_list_moved(self) -> None:
        """The plot is that of the column under the cursor."""
        self._draw()

    # What a person asks

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What belongs to the gold columns is offered there alone."""
        return self._page == GOLD if action in ("sort", "filter", "choose") else True

    def action_page(self) -> None:
        """The next page."""
        self._page = self._pages[(self._pages.index(self._page) + 1) % len(self._pages)]
        self.query_one("#plot").display = self._page == GOLD
        self.query_one(LineList).move_to(0)
        self.refresh_bindings()
        self._begin()
        self._choose_rows()
        self._draw()

    def action_sort(self) -> None:
        """The next order."""
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self.query_one(LineList).move_to(0)
        self._choose_rows()
        self._draw()

    def action_choose(self) -> None:
        """The column under the cursor among those whose curves come first on the run's screen, or not."""
        name = self._under_cursor
        if name is not None:
            self._gold.choose(name)
            self._draw()

    def action_gold(self) -> None:
        """Show gold or hide it."""
        try:
            self._gold.toggle(read_only=self._read_only)
        except UserError as error:
            self.app.tell(str(error))
        self._tick()

    # Inside

    def _tick(self) -> None:
        if self.app.screen is not self:
            return
        self._follow()
        if self._page != GOLD and self._with_gold == bool(self._gold.hidden):
            self._begin()
        self._choose_rows()
        self._draw()

    def _begin(self) -> None:
        """Compute the page again; nothing of gold stays on it once gold is hidden."""
        self._told = None
        self._with_gold = not self._gold.hidden
        self._awaited += 1
        if self._page != GOLD:
            self._compute(self._page, self._with_gold, self._awaited)

    def _choose_rows(self) -> None:
        from icm_tui.evaluate.report import chosen

        report = self._report = self._gold.report
        shown = report is not None and not self._gold.hidden
        self._names = list(chosen(report, self.words.split(), self._sort)) if report and shown else []

    def _draw(self) -> None:
        for view in self.query(LineView):
            view.redraw()
        self.query_one(LineList).redraw()

    @property
    def _under_cursor(self) -> str | None:
        at = self.query_one(LineList).cursor
        return self._names[at] if self._page == GOLD and at < len(self._names) else None

    @work(thread=True, group="findings", exit_on_error=False)
    def _compute(self, page: str, with_gold: bool, number: int) -> None:
        from icm_tui.tui.accuracy.pages import PAGES, no_page

        try:
            told = PAGES[page](self._feed.run, self._view.profile, with_gold)
        except UserError as error:
            told = no_page(str(error))
        except Exception as error:  # whatever it is, the page must not wait for good
            told = no_page(f"This page cannot be made ({type(error).__name__}: {error}).")
        self.app.call_from_thread(self._take_page, told, number)

    def _take_page(self, told: "Told", number: int) -> None:
        if number == self._awaited:
            self._told = told
            self._draw()

    def _count(self) -> int:
        if self._page == GOLD:
            return len(self._names)
        return 0 if self._told is None else self._told.rows

    def _row(self, at: int, cells: int) -> Line:
        if self._page != GOLD:
            return () if self._told is None else fit(self._told.row(at, cells), cells)
        name, report = self._names[at], self._report
        if report is None:
            return ()
        curve = over_decisions(self._gold.curve(name), self._view.n, gold_columns.SPARK)
        return gold_columns.row(name, report.columns[name], curve, chosen=name in self._gold.chosen, cells=cells)

    def _title(self, cells: int) -> Line:
        pages = [line(span(page, "title" if page == self._page else "dim")) for page in self._pages]
        right = line(span(f"o sort: {self._sort}", "dim")) if self._page == GOLD else ()
        return rule(joined(pages), right, cells)

    def _summary(self, cells: int) -> Line:
        if self._page != GOLD:
            return fit(line(" ", span(_COMPUTING if self._told is None else self._told.summary, "second")), cells)
        why = accuracy.no_gold(self._report, hidden=self._gold.hidden)
        if why or self._report is None:
            return fit(line(" ", span(why, "dim")), cells)
        return gold_columns.summary(self._report, cells)

    def _heading(self, cells: int) -> Line:
        room = self.query_one(LineList).columns
        if self._page != GOLD:
            return () if self._told is None else self._told.heading(room)
        return gold_columns.heading(room) if self._names else accuracy.coherence(self._view, cells)

    def _plot(self, cells: int, height: int) -> list[Line]:
        name, report = self._under_cursor, self._report
        if name is None or report is None:
            return []
        column = report.columns[name]
        told = gold_columns.naming(column, self._view.label_names, cells)
        return [told, *gold_columns.plot(self._gold.curve(name), self._view.n, column.majority, cells, height - 1)]

    def _last_line(self, cells: int) -> Line:
        if self.typed is not None:
            return line(" / ", *self.typed.drawn(cells - 4))
        if self.words and self._page == GOLD:
            return fit(line(span(f"{len(self._names)} match / {self.words}, esc clears", "second")), cells)
        return ()

    def take_command(self, event: events.Key) -> bool:
        return self._page == GOLD and super().take_command(event)

    def filter(self, words: str) -> None:
        self.words = words
        self._choose_rows()
        self._draw()
