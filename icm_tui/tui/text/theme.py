"""How the named styles look: the terminal's own sixteen colours, two accents and grey.

The terminal's own colours read well on its own background, dark or light, cost a third of the bytes of 24-bit ones,
and survive logins that do not say what they can show.
"""

from rich.style import Style as RichStyle

from icm_tui.tui.text.cells import Style

STYLES: dict[Style, RichStyle] = {
    "plain": RichStyle(),
    "dim": RichStyle(color="bright_black"),
    "bold": RichStyle(bold=True),
    "accent": RichStyle(color="cyan"),
    "second": RichStyle(color="yellow"),
    "warn": RichStyle(color="red", bold=True),
    "title": RichStyle(color="cyan", bold=True),
    "cursor": RichStyle(reverse=True),
    "found": RichStyle(underline=True),
}
