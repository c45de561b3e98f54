"""Giving the mouse back to the terminal while the program runs, and taking it again."""

from typing import Any

from textual.app import App


def toggle_mouse(app: App[Any]) -> str:
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
