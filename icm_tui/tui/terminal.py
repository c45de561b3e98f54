"""Whether there is a terminal to draw on, what Textual must know of it before it is imported, and its mouse."""

from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

_OTHERWISE = "or give a command, such as `icm-tui run demo`. See `icm-tui --help`."

# Each byte crosses the line, and a reader at the other end sees no more than a few frames a second.
_FRAMES_OVER_SSH = "15"


def refusal(stdin: TextIO | None, stderr: TextIO | None, environ: Mapping[str, str]) -> str | None:
    """Why the screens cannot be shown here and what to do about it, or None if they can.

    Textual reads keys from standard input and draws on standard error. It would go on without either, and write its
    escape codes into a pipe.
    """
    reads, draws = _is_terminal(stdin), _is_terminal(stderr)
    if not reads and not draws:
        return "icm-tui off a terminal needs a command, such as `icm-tui run demo`. See `icm-tui --help`."
    if not reads:
        return (
            "The screens take keys from standard input, which is no terminal here. "
            f"Start icm-tui without redirecting it, {_OTHERWISE}"
        )
    if not draws:
        return (
            "The screens are drawn on standard error, which is no terminal here. "
            f"Start icm-tui without redirecting it, {_OTHERWISE}"
        )
    term = environ.get("TERM", "")
    if term in ("", "dumb"):
        known = "TERM is not set" if not term else "TERM=dumb says that this terminal cannot move its cursor"
        return f"The screens cannot be drawn here: {known}. Set it if it can, such as TERM=xterm-256color, {_OTHERWISE}"
    return None


def is_slow(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is likely at the end of a long line."""
    return bool(environ.get("SSH_CONNECTION"))


def prepare_environment(environ: MutableMapping[str, str]) -> None:
    """Set what Textual reads at its import, but for what the person has set: no animation anywhere, and over SSH
    fewer frames and no scrolling by parts of a line."""
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if is_slow(environ):
        environ.setdefault("TEXTUAL_FPS", _FRAMES_OVER_SSH)
        environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it was closed
        return False


def toggle_mouse(app: Any) -> str:
    """Switch the terminal's mouse reports off or on, and return the sentence that says which.

    Textual has no public way to do so after the start. Its driver has the sequences of its terminal in methods of its
    own, and a flag which they look at, also when the program comes back from an editor.
    """
    driver: Any = app._driver
    if driver is None or not hasattr(driver, "_enable_mouse_support"):
        return "There is no mouse to give back here."
    if driver._mouse:
        driver._disable_mouse_support()
        driver._mouse = False
        return "The mouse is the terminal's: select text as anywhere."
    driver._mouse = True
    driver._enable_mouse_support()
    if getattr(driver, "_mouse_pixels", False):
        # A terminal that was told to report pixels goes back to cells when the reports are switched on.
        driver._enable_mouse_pixels()
    return "The mouse is the program's again."
