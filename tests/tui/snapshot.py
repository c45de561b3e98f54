"""A screen as text that can be read in a review: its characters, then the look of each by a letter."""

from rich.style import Style
from textual.screen import Screen

_LOOKS = {
    (None, False, False): " ",
    ("bright_black", False, False): "d",
    (None, True, False): "b",
    ("cyan", False, False): "c",
    ("cyan", True, False): "t",
    ("yellow", False, False): "y",
    ("red", True, False): "w",
}


def snapshot(screen: Screen[object]) -> str:
    """The characters drawn, a line a row, and below them their looks: `d` grey, `b` bold, `c` and `y` the accents, `t`
    a title, `w` a warning, `#` the cursor, `?` any other."""
    rows = screen._compositor.render_strips()
    characters = ["".join(segment.text for segment in row).rstrip() for row in rows]
    looks = ["".join(_look(segment.style) * len(segment.text) for segment in row).rstrip() for row in rows]
    return "\n".join([*characters, "-" * 8, *looks]) + "\n"


def _look(style: Style | None) -> str:
    if style is None:
        return " "
    if style.reverse:
        return "#"
    colour = style.color.name if style.color is not None and not style.color.is_default else None
    return _LOOKS.get((colour, bool(style.bold), bool(style.underline)), "?")
