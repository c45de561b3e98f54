"""Small screens that ask one thing: yes or no, or a line of text."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from icm_tui.tui.text.cells import Line, line, span, wrap
from icm_tui.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from textual.binding import BindingType

_WIDEST = 76
_MARGIN = 4


class Question(ModalScreen[bool]):
    """Asks what only a typed y does; n, q and Esc leave all as it is."""

    DEFAULT_CSS = """
    Question { align: center middle; background: transparent; }
    Question #question { border: round $warning; background: $background; padding: 0 1; }
    """
    BINDINGS: ClassVar[list["BindingType"]] = [
        Binding("y,Y", "answer(True)", show=False),
        Binding("n,N,q,escape,ctrl+c", "answer(False)", show=False),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The question, and the keys that answer it."""
        yield LineView(self._lines, id="question")

    def on_mount(self) -> None:
        """As large as its text."""
        self._fit()

    def on_resize(self) -> None:
        """Wrapped for the terminal's width."""
        self._fit()

    def action_answer(self, yes: bool) -> None:
        """Close with an answer."""
        self.dismiss(yes)

    def _fit(self) -> None:
        view = self.query_one(LineView)
        room = max(1, min(_WIDEST, self.size.width - _MARGIN) - _MARGIN)
        view.styles.width = room + _MARGIN
        view.styles.height = len(self._lines(room, 0)) + 2

    def _lines(self, width: int, height: int) -> list[Line]:
        asked = [line(piece) for piece in wrap(self._text, width)]
        return [*asked, line(span("y", "accent"), " yes   ", span("n", "accent"), " no")]


class Prompt(ModalScreen[str | None]):
    """Asks for a line of text: the text at Enter, None at Esc."""

    DEFAULT_CSS = """
    Prompt { align: center middle; background: transparent; }
    Prompt LineView { width: 90%; max-width: 78; background: $background; }
    Prompt Input { width: 90%; max-width: 78; border: round $accent; background: $background; height: 3; }
    """
    BINDINGS: ClassVar[list["BindingType"]] = [Binding("escape,ctrl+c", "leave", show=False)]

    def __init__(self, text: str, value: str = "") -> None:
        super().__init__()
        self._text = text
        self._value = value

    def compose(self) -> ComposeResult:
        """What is asked, and the line to type in."""
        yield LineView(self._lines)
        entry = Input(span(self._value).text, select_on_focus=False)
        entry.cursor_blink = False
        yield entry

    def on_input_submitted(self) -> None:
        """Take what was typed."""
        self.dismiss(self.query_one(Input).value)

    def action_leave(self) -> None:
        """Back without a text."""
        self.dismiss(None)

    def _lines(self, width: int, height: int) -> list[Line]:
        return [line(f" {self._text}", span("  enter takes it, esc drops it", "dim"))]
