"""The frozen settings of a run, as its pane shows them."""

import msgspec

from icm_tui.profile.schema import Profile
from icm_tui.tui.text.cells import Line, line, span

_SECTIONS = ("task", "model", "search", "consistency", "prompt", "run", "reasoning")


def profile_lines(profile: Profile) -> list[Line]:
    """A line a setting, section by section; what is not set is left out."""
    lines: list[Line] = []
    for section in _SECTIONS:
        settings = msgspec.structs.asdict(getattr(profile, section))
        shown = {name: value for name, value in settings.items() if value not in (None, "", [], {})}
        if not shown:
            continue
        lines.append(line(span(f" {section}", "accent")))
        lines.extend(line(span(f"   {name:<13} ", "dim"), _value(value)) for name, value in shown.items())
    return lines


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
