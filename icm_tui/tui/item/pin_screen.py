"""The small screen on which a person gives an item a label that the run must keep."""

from collections.abc import Sequence
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from icm_tui.errors import UserError
from icm_tui.run_dir.status import LIVE
from icm_tui.tui.base_app import BaseApp
from icm_tui.tui.item.lines import pin_words
from icm_tui.tui.run.feed import Feed
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, joined, line, span, width, wrap
from icm_tui.tui.text.typed import Typed
from icm_tui.tui.widgets.line_view import LineView
from icm_tui.tui.widgets.text_input import TextInput

if TYPE_CHECKING:
    from textual.binding import BindingType


_WIDEST = 70
_MARGIN = 4
_LONGEST_NOTE = 500
_OFF = ("0", "backspace", "delete")
_LEAVE = "q"
_NOTHING = (span("esc", "accent"), span(" leaves all as it is"))


def label_keys(names: Sequence[str]) -> list[str]:
    """A key for every label: a letter or digit of its name that no label before it took, else its number, else any
    letter. Case does not count; 0 and q are not given away."""
    keys: list[str] = []
    for number, name in enumerate(names, start=1):
        own = [character for character in name.casefold() if character.isalnum()]
        wanted = [*own, *([str(number)] if number < 10 else []), *ascii_lowercase, *digits]
        keys.append(next(key for key in wanted if key not in (*keys, "0", _LEAVE)))
    return keys


def read_words(words: str, names: Sequence[str]) -> tuple[str | None, str]:
    """The label and the note in what was typed behind `pin`, such as "A seen twice"; "off" is no label.

    Raises UserError if it names no label.
    """
    name, _, note = words.strip().partition(" ")
    if name not in (*names, "off"):
        raise UserError(
            f"pin: {name!r} is no label; name one of {', '.join(names)}, or off, and a note if you like, such as "
            f"`pin {names[0]} seen twice`."
        )
    return (None if name == "off" and "off" not in names else name), note.strip()


def refusal(view: RunView) -> str:
    """Why nothing can be pinned in the run now; empty if something can."""
    if view.state in LIVE:
        return ""
    if view.state == "done":
        return "pin: the run is done, its labels are final."
    return f"pin: the run has no runner ({view.state}); resume it first."


class PinScreen(TextInput, ModalScreen[None]):
    """Asks for a label, one key each, then for a note, and sends the pin; 0 takes a pin off."""

    DEFAULT_CSS = """
    PinScreen { align: center middle; background: transparent; }
    PinScreen LineView { border: round $accent; background: $background; padding: 0 1; }
    """
    BINDINGS: ClassVar[list["BindingType"]] = [Binding("escape,ctrl+c", "leave", show=False)]

    def __init__(self, feed: Feed, item: int) -> None:
        super().__init__()
        self._feed = feed
        self._item = item
        self._keys = label_keys(feed.view.label_names)
        self._label: str | None = None
        self._note = Typed.of("")

    def compose(self) -> ComposeResult:
        """The labels with their keys; then a line for the note."""
        yield LineView(self._lines)

    def on_mount(self) -> None:
        """As large as what it says."""
        self._fit()

    def on_resize(self) -> None:
        """Laid out for the terminal's width."""
        self._fit()

    def on_key(self, event: events.Key) -> None:
        """A label's key chooses it; from there keys belong to the note."""
        if event.key in ("escape", "ctrl+c"):
            return
        event.stop()
        event.prevent_default()
        key = (event.character or "").casefold()
        if self._label is not None:
            self.take(event)
        elif key == _LEAVE or refusal(self._feed.view):
            self.dismiss()
        elif event.key in _OFF:
            if self._item in self._feed.view.pins:
                self._send(None, "")
        elif key in self._keys:
            self._label = self._feed.view.label_names[self._keys.index(key)]
            self.typed = self._note
            self._fit()

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted belongs to the note."""
        event.stop()
        if self._label is not None:
            self.take(event)

    def action_leave(self) -> None:
        """Leave all as it is."""
        self.dismiss()

    def show_typed(self, typed: Typed) -> None:
        """The note after a key; what would make it too long is left out."""
        if len(typed.text) <= _LONGEST_NOTE:
            self._note = typed
        self.typed = self._note
        self.query_one(LineView).redraw()

    def typing_ended(self, text: str | None) -> None:
        self._send(self._label, (text or "").strip())

    def _send(self, label: str | None, note: str) -> None:
        if not self.is_current:
            return
        app = cast(BaseApp, self.app)
        self.dismiss()
        try:
            self._feed.send("pin", {"item": self._item, "label": label, "note": note})
        except UserError as error:
            app.call_later(app.tell, str(error), "warn")

    def _fit(self) -> None:
        room = max(1, min(_WIDEST, self.size.width - _MARGIN) - _MARGIN)
        view = self.query_one(LineView)
        view.styles.width = room + _MARGIN
        view.styles.height = len(self._lines(room, 0)) + 2
        view.redraw()

    def _lines(self, cells: int, _: int) -> list[Line]:
        view = self._feed.view
        refused = refusal(view)
        if refused:
            return [*(line(piece) for piece in wrap(refused, cells)), line(span("esc", "accent"), " back")]
        if self._label is not None:
            asked = line(span(f"Pin item {self._item} to {self._label}", "title"), ", with a note if you like:")
            return [asked, self._note.drawn(cells), line(span("enter", "accent"), " pins it   ", *_NOTHING)]
        now = view.label_name(view.shown.labels[self._item])
        lines = [line(span(f"Pin item {self._item}", "title"), span(f", now {now}", "dim"))]
        choices = [
            line(span(key, "accent"), f" {name}") for key, name in zip(self._keys, view.label_names, strict=True)
        ]
        lines += _packed(choices, cells)
        if self._item in view.pins:
            off = wrap(f"takes it off; {pin_words(view, self._item)}", max(1, cells - 2))
            lines += [line(span("0 " if not place else "  ", "accent"), piece) for place, piece in enumerate(off)]
        return [*lines, line(*_NOTHING)]


def _packed(choices: Sequence[Line], cells: int) -> list[Line]:
    """Short lines put beside each other, as many as fit."""
    rows: list[list[Line]] = []
    for choice in choices:
        if rows and width(joined([*rows[-1], choice], "   ")) <= cells:
            rows[-1].append(choice)
        else:
            rows.append([choice])
    return [joined(row, "   ") for row in rows]
