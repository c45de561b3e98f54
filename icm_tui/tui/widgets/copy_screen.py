"""The little question what to copy."""

from typing import TYPE_CHECKING, ClassVar, cast

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from icm_tui.text import one_line
from icm_tui.tui.base_app import BaseApp
from icm_tui.tui.clipboard import copy_and_tell
from icm_tui.tui.text.cells import Line, line, span
from icm_tui.tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from textual.binding import BindingType

    from icm_tui.tui.run.feed import Feed


class Copies(msgspec.Struct, frozen=True):
    """What there is to copy: an item's text, its row of the table, the run's path; None if there is none."""

    text: str | None
    row: str | None
    path: str | None


class CopyScreen(ModalScreen[None]):
    """Asks which of `copies` is meant, one key each, and copies it."""

    DEFAULT_CSS = """
    CopyScreen { align: center bottom; background: transparent; }
    CopyScreen LineView { background: $background; }
    """
    BINDINGS: ClassVar[list["BindingType"]] = [
        Binding("t", "choose('text')", show=False),
        Binding("r", "choose('row')", show=False),
        Binding("p", "choose('path')", show=False),
        Binding("escape,ctrl+c,q", "leave", show=False),
    ]

    def __init__(self, copies: Copies) -> None:
        super().__init__()
        self._copies = copies

    @classmethod
    def of_item(cls, feed: "Feed", item: int | None) -> "CopyScreen":
        """The question for an item of a run, or for the run alone.

        A row is the item's number, uid, label, p of that label, flips and text on one line, with tabs between.
        """
        path = str(feed.run.path)
        if item is None:
            return cls(Copies(None, None, path))
        view, about = feed.view, feed.view.items[item]
        facts = view.facts(item)
        p = "" if facts.p is None else f"{facts.p:.4f}"
        label = view.label_name(facts.label) if facts.label >= 0 else ""
        fields = (str(item), about.uid, label, p, str(facts.flips), about.text)
        return cls(Copies(about.text, "\t".join(map(one_line, fields)), path))

    def compose(self) -> ComposeResult:
        """One line in the footer's place."""
        yield LineView(self._question)

    def action_choose(self, name: str) -> None:
        """Copy that, if there is such a thing."""
        chosen: str | None = getattr(self._copies, name)
        if chosen is not None:
            self.dismiss()
            copy_and_tell(cast(BaseApp, self.app), chosen)

    def action_leave(self) -> None:
        """Copy nothing."""
        self.dismiss()

    def _question(self, width: int, height: int) -> list[Line]:
        there = {"text": self._copies.text, "row": self._copies.row, "path": self._copies.path}
        parts = [span(" copy the item's text, its row, or the run's path:  " if there["text"] else " copy:  ", "title")]
        for word, what in there.items():
            if what is not None:
                parts += [span(word[0], "accent"), span(f" {word}   ")]
        return [line(*parts, span("esc", "accent"), span(" nothing"))]
