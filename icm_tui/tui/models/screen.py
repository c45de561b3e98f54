"""The screen of a server's models: filtered by typed words, one of them chosen for the form."""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer

from icm_tui.commands.json import Catalogue, Offer
from icm_tui.text import ago
from icm_tui.tui.children import Failed
from icm_tui.tui.text.cells import Line, Span, fit, joined, line, rule, span, width, wrap
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.text_input import FilterScreen

Read = Callable[[bool], Awaitable[Catalogue | Failed]]
"""Reads the list; True asks the server again."""

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
        """The title, what went wrong, the models, the one under the cursor, and the words that are typed."""
        yield LineView(lambda cells, _: [title(self._server, self._told, len(self._shown), cells)], id="title")
        yield LineView(lambda cells, _: [heads(cells - 1)], id="heads")
        yield LineView(self._trouble, id="trouble")
        yield LineList(
            lambda: len(self._shown),
            lambda at, cells: row_line(self._shown[at], cells),
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
        self._shown = found(self._told.models, words) if isinstance(self._told, Catalogue) else []
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
        return trouble(self._told, len(self._shown), self.words, cells)[-most:]

    def _detail(self, cells: int, _: int) -> list[Line]:
        offer = self._under_cursor
        return [] if offer is None else [*detail(offer, cells), ()][:2]

    def _filter_line(self, cells: int, _: int) -> list[Line]:
        if self.typed is not None:
            return [(*line(span(_FILTER, "accent")), *self.typed.drawn(cells - len(_FILTER) - 1))]
        return [line(span(f"{_FILTER}{self.words}", "found"))] if self.words else []


READING = "reading the list …"

_CONTEXT, _PRICE = 11, 8
_UNKNOWN = "-"
_WITHOUT = "r tries again; without a list, a model's name can be typed into the form."


def found(offers: Sequence[Offer], typed: str) -> list[Offer]:
    """The models that hold each typed word in their id or name, whatever its case."""
    words = typed.casefold().split()
    return [offer for offer in offers if all(word in f"{offer.id} {offer.name or ''}".casefold() for word in words)]


def title(server: str, told: Catalogue | Failed | None, shown: int, cells: int) -> Line:
    """The title's rule: whose models these are, how many of them are shown, and how old the list is."""
    if isinstance(told, Catalogue):
        server = told.server
        count = f"{shown} of {len(told.models)}" if shown != len(told.models) else f"{shown} models"
        state = joined([line(count), line(span(f"read {ago(told.age_s)}", "second" if told.stale else "dim"))])
    else:
        state = line(span(READING, "second")) if told is None else line(span("not read", "warn"))
    return rule(line(span("models", "title"), span(f" · {server}", "dim")), state, cells)


def heads(cells: int) -> Line:
    """What the columns are."""
    return _columns(span("model", "dim"), *(span(head, "dim") for head in ("context", "$ in", "$ out")), cells=cells)


def row_line(offer: Offer, cells: int) -> Line:
    """A model: its id, its context in tokens, USD for a million tokens read and written."""
    context = _UNKNOWN if offer.context is None else f"{offer.context:,}"
    return _columns(span(offer.id), span(context), span(_usd(offer.usd_in)), span(_usd(offer.usd_out)), cells=cells)


def detail(offer: Offer, cells: int) -> list[Line]:
    """A model's name, its prices in words, and what is known of its log-probabilities, in two lines."""
    parts = [offer.name or offer.id]
    if offer.usd_in is not None and offer.usd_out is not None:
        cached = "" if offer.usd_cached is None else f", {_usd(offer.usd_cached)} cached"
        parts.append(f"USD a million tokens: {_usd(offer.usd_in)} read{cached}, {_usd(offer.usd_out)} written")
    if offer.logprobs is None:
        parts.append("the server does not say whether it gives log-probabilities: D in the form asks it")
    elif offer.logprobs:
        parts.append("some provider gives log-probabilities")
    if offer.expires:
        parts.append(f"gone from {offer.expires}")
    return _wrapped(" · ".join(parts), cells)[:2]


def trouble(told: Catalogue | Failed | None, shown: int, typed: str, cells: int) -> list[Line]:
    """What went wrong: that nothing was read and why, that it is old and why, that nothing fits."""
    if isinstance(told, Failed):
        return [line(span(piece, "warn")) for piece in _pieces(f"{told.why}\n{_WITHOUT}", cells)]
    if told is None:
        return []
    if told.stale:
        said = f"The list could not be read again: {told.stale} Shown is that of {ago(told.age_s)}; r tries again."
        return [line(span(piece, "second")) for piece in _pieces(said, cells)]
    if not told.models:
        return _wrapped("The server names no model that a run can ask.", cells)
    return _wrapped("No model holds these words.", cells) if typed and not shown else []


def _columns(name: Span, context: Span, price_in: Span, price_out: Span, *, cells: int) -> Line:
    numbers = (*_right(context, _CONTEXT), *_right(price_in, _PRICE), *_right(price_out, _PRICE), Span(" "))
    return (*fit((Span(" "), name), max(1, cells - width(numbers))), *numbers)


def _right(part: Span, cells: int) -> Line:
    room = cells - width((part,))
    return (Span(" " * room), part) if room > 0 else (Span(" "), *fit((part,), cells - 1))


def _usd(amount: float | None) -> str:
    if amount is None:
        return _UNKNOWN
    return "free" if amount == 0 else f"{amount:.4g}" if amount < 1000 else f"{amount:.0f}"


def _pieces(text: str, cells: int) -> list[str]:
    return [f" {piece}" for piece in wrap(text, cells - 2)]


def _wrapped(text: str, cells: int) -> list[Line]:
    return [line(span(piece, "dim")) for piece in _pieces(text, cells)]
