"""The screen of a server's models: filtered by typed words, one of them chosen for the form."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer

from icm_tui.commands.json import Catalogue, Offer
from icm_tui.tui.children import Failed
from icm_tui.tui.models import lines
from icm_tui.tui.text.cells import Line, line, span
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.text_input import FilterScreen

Read = Callable[[bool], Awaitable[Catalogue | Failed]]
"""Reads the list; True asks the server anew."""

_FILTER = " / "


class ModelsScreen(FilterScreen[str | None]):
    """Lists what `read` tells of `server`; gives the id of the model that was chosen."""

    DEFAULT_CSS = "ModelsScreen LineList { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings("models")
    FILTER_ACTION = "models.filter"
    AUTO_FOCUS = "#models"

    def __init__(self, server: str, read: Read) -> None:
        super().__init__()
        self._server = server
        self._reads = read
        self._told: Catalogue | Failed | None = None
        self._shown: list[Offer] = []

    def compose(self) -> ComposeResult:
        """The title, what stands in the way, the models, the one under the cursor, and the words that are typed."""
        yield LineView(lambda cells, _: [lines.title(self._server, self._told, len(self._shown), cells)], id="title")
        yield LineView(lambda cells, _: [lines.heads(cells - 1)], id="heads")
        yield LineView(self._trouble, id="trouble")
        yield LineList(
            lambda: len(self._shown),
            lambda at, cells: lines.row_line(self._shown[at], cells),
            id="models",
            takes=self.take,
        )
        yield LineView(self._detail, id="detail")
        yield LineView(self._filter_line, id="filter")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Read the list."""
        self._read(False)

    def on_resize(self) -> None:
        """Wrapped for the terminal's width."""
        self._redraw()

    def on_line_list_moved(self) -> None:
        """The bottom tells of the model under the cursor."""
        self._redraw()

    def on_line_list_chosen(self) -> None:
        """A second click chooses."""
        self.action_choose()

    def run_words(self, word: str, rest: str) -> None:
        """What was typed after the colon with an argument."""
        if word == "filter":
            self.filter(rest)

    def action_choose(self) -> None:
        """Leave with the model under the cursor."""
        offer = self._under_cursor
        if offer is not None and self.is_current:
            self.dismiss(offer.id)

    def action_refresh(self) -> None:
        """Ask the server for its list."""
        self._told = None
        self._read(True)
        self._redraw()

    @property
    def _list(self) -> LineList:
        return self.query_one("#models", LineList)

    @property
    def _under_cursor(self) -> Offer | None:
        return self._shown[min(self._list.cursor, len(self._shown) - 1)] if self._shown else None

    @work(group="reading", exclusive=True)
    async def _read(self, fresh: bool) -> None:
        self._told = await self._reads(fresh)
        self.filter(self.words)

    def take_other(self, event: events.Key) -> bool:
        """The keys that move the cursor end the typing, too."""
        if event.key in ("down", "up"):
            self.end_typing(kept=True)
            return False
        return True

    def filter(self, words: str) -> None:
        """Show the models that hold the words, with the cursor on the one it was on, else on the first."""
        on = self._under_cursor
        self.words = words
        self._shown = lines.found(self._told.models, words) if isinstance(self._told, Catalogue) else []
        places = [at for at, offer in enumerate(self._shown) if on is not None and offer.id == on.id]
        self._list.redraw()
        self._list.move_to(places[0] if places else 0)
        self._redraw()

    def _redraw(self) -> None:
        if not self.size.width:
            return
        for name, make in (("#trouble", self._trouble), ("#detail", self._detail), ("#filter", self._filter_line)):
            view = self.query_one(name, LineView)
            drawn = make(self.size.width, 0)
            view.display = bool(drawn)
            view.styles.height = max(1, len(drawn))
        for view in self.query(LineView):
            view.redraw()
        self._list.redraw()

    def _trouble(self, cells: int, _: int) -> list[Line]:
        most = max(1, self.size.height // 2)
        return lines.trouble(self._told, len(self._shown), self.words, cells)[-most:]

    def _detail(self, cells: int, _: int) -> list[Line]:
        offer = self._under_cursor
        return [] if offer is None else [*lines.detail(offer, cells), ()][:2]

    def _filter_line(self, cells: int, _: int) -> list[Line]:
        if self.typed is not None:
            return [(*line(span(_FILTER, "accent")), *self.typed.drawn(cells - len(_FILTER) - 1))]
        return [line(span(f"{_FILTER}{self.words}", "found"))] if self.words else []
