"""The screen of a server's models: filtered by typed words, one of them chosen for the form."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Footer

from icm_tui.commands.json import Catalogue, Offer
from icm_tui.tui.children import Failed
from icm_tui.tui.models import lines
from icm_tui.tui.text.cells import Line, line, span
from icm_tui.tui.text.typed import Typed
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView

Read = Callable[[bool], Awaitable[Catalogue | Failed]]
"""Reads the list; True asks the server anew."""

_FILTER = " / "


class ModelsScreen(Screen[str | None]):
    """Lists what `read` tells of `server`; gives the id of the model that was chosen."""

    DEFAULT_CSS = "ModelsScreen LineList { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings("models")
    AUTO_FOCUS = "#models"

    def __init__(self, server: str, read: Read) -> None:
        super().__init__()
        self._server = server
        self._reads = read
        self._told: Catalogue | Failed | None = None
        self._shown: list[Offer] = []
        self._typed = Typed.of("")
        self._typing = False

    def compose(self) -> ComposeResult:
        """The title, what stands in the way, the models, the one under the cursor, and the words that are typed."""
        yield LineView(lambda cells, _: [lines.title(self._server, self._told, len(self._shown), cells)], id="title")
        yield LineView(lambda cells, _: [lines.heads(cells - 1)], id="heads")
        yield LineView(self._trouble, id="trouble")
        yield LineList(
            lambda: len(self._shown),
            lambda at, cells: lines.row_line(self._shown[at], cells),
            id="models",
            takes=self._take,
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
            self._filter(Typed.of(rest))

    def action_choose(self) -> None:
        """Leave with the model under the cursor."""
        offer = self._under_cursor
        if offer is not None and self.is_current:
            self.dismiss(offer.id)

    def action_filter(self) -> None:
        """Type words."""
        self._typing = True
        self._redraw()

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
        self._filter(self._typed)

    def _take(self, event: events.Key | events.Paste) -> bool:
        """Take a key or a pasted text for the words that are typed; whether it was for them."""
        if not self._typing:
            if isinstance(event, events.Key) and event.key == "escape" and self._typed.text:
                self._filter(Typed.of(""))
                return True
            active = self.active_bindings.get(event.key) if isinstance(event, events.Key) else None
            if active is not None and active.binding.id == "models.filter":
                self.action_filter()
                return True
            return False
        if isinstance(event, events.Paste):
            self._filter(self._typed.pasted(event.text))
        elif event.key in ("enter", "escape"):
            self._typing = False
            self._filter(Typed.of("") if event.key == "escape" else self._typed)
        elif event.key in ("down", "up"):
            self._typing = False
            self._redraw()
            return False  # it moves the cursor
        elif (typed := self._typed.key(event.key, event.character if event.is_printable else None)) is not None:
            self._filter(typed)
        return True

    def _filter(self, typed: Typed) -> None:
        """Show the models that hold the words, with the cursor on the one it was on, else on the first."""
        on = self._under_cursor
        self._typed = typed
        self._shown = lines.found(self._told.models, typed.text) if isinstance(self._told, Catalogue) else []
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
        return lines.trouble(self._told, len(self._shown), self._typed.text, cells)[-most:]

    def _detail(self, cells: int, _: int) -> list[Line]:
        offer = self._under_cursor
        return [] if offer is None else [*lines.detail(offer, cells), ()][:2]

    def _filter_line(self, cells: int, _: int) -> list[Line]:
        if self._typing:
            return [(*line(span(_FILTER, "accent")), *self._typed.drawn(cells - len(_FILTER) - 1))]
        return [line(span(f"{_FILTER}{self._typed.text}", "found"))] if self._typed.text else []
