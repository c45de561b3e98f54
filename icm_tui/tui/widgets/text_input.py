"""Typing a line into a screen whose focus stays where it is."""

from typing import ClassVar

from textual.events import Key, Paste
from textual.screen import Screen, ScreenResultType

from icm_tui.tui.text.typed import Typed


class TextInput:
    """A mixin for screens in which a line is typed: a filter, a value, a note.

    Every key and every pasted text goes to `take` first. While a line is typed, `typed` is that line; Enter and Escape
    end the typing.
    """

    typed: Typed | None = None

    def take(self, event: Key | Paste) -> bool:
        """Take a key or a pasted text; whether it was for the line."""
        if self.typed is None:
            return isinstance(event, Key) and self.take_command(event)
        if isinstance(event, Paste):
            after: Typed | None = self.typed.pasted(event.text)
        else:
            after = self.typed.key(event.key, event.character if event.is_printable else None)
        if after is not None:
            self.typed = after
            self.show_typed(after)
            return True
        if isinstance(event, Key) and event.key in ("enter", "escape"):
            self.end_typing(kept=event.key == "enter")
            return True
        return isinstance(event, Key) and self.take_other(event)

    def begin_typing(self, text: str) -> None:
        """Begin to type, with `text` there already."""
        self.typed = Typed.of(text)
        self.show_typed(self.typed)

    def end_typing(self, *, kept: bool) -> None:
        """End the typing; `kept` says whether what was typed counts."""
        typed, self.typed = self.typed, None
        if typed is not None:
            self.typing_ended(typed.text if kept else None)

    # What a screen brings

    def show_typed(self, typed: Typed) -> None:
        """Show the line after a key."""

    def typing_ended(self, text: str | None) -> None:
        """Go on with what was typed, None if a person dropped it."""

    def take_command(self, event: Key) -> bool:
        """Take a key while nothing is typed, such as the one that begins to; whether it was taken."""
        return False

    def take_other(self, event: Key) -> bool:
        """Take a key that is none of a line, while one is typed; whether it was taken."""
        return True


class FilterScreen(TextInput, Screen[ScreenResultType]):
    """A screen whose list is filtered while its words are typed: Enter keeps them, Escape clears them."""

    FILTER_ACTION: ClassVar[str]
    words = ""

    def filter(self, words: str) -> None:
        """Show what fits the words; all if they are empty."""

    def take_command(self, event: Key) -> bool:
        active = self.active_bindings.get(event.key)
        if active is not None and active.binding.id == self.FILTER_ACTION:
            self.action_filter()
            return True
        if event.key == "escape" and self.words:
            self.filter("")
            return True
        return False

    def action_filter(self) -> None:
        """Type the words of the filter."""
        self.begin_typing(self.words)

    def show_typed(self, typed: Typed) -> None:
        self.filter(typed.text)

    def typing_ended(self, text: str | None) -> None:
        self.filter(text or "")
