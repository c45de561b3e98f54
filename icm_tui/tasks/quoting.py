"""How names and values of a person's data are shown in messages."""

import difflib
from collections.abc import Iterable

_MOST_SHOWN = 40
_MOST_LISTED = 12


def quoted(value: object) -> str:
    """A value for a message: strings in double quotes, control characters escaped, at most 40 characters of it."""
    text = f'"{repr(value)[1:-1]}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 4] + "..." + text[-1]


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say about an unknown `name`: the nearest known name, or else the list of them (at most 12)."""
    names = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {quoted(names[close[0]])}?"
    listed = [quoted(other) for other in names.values()]
    more = ", ..." if len(listed) > _MOST_LISTED else ""
    return f"known are {', '.join(listed[:_MOST_LISTED])}{more}." if listed else "none is known."
