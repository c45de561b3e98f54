"""Text for a person: foreign text made safe for a terminal, and amounts in words.

What a dataset, a model or a server wrote is cleaned here before it is shown, so that it can neither move the cursor nor
change the terminal's title.
"""

import re
from collections.abc import Iterable

# Whole sequences go first, so that no parameter or payload is left standing as text. The one-character (C1) form of
# CSI counts only with parameters, and the C1 forms of the string openers lose only their own character: in text that
# was decoded with the wrong code page these characters stand between ordinary letters, and an unterminated "string"
# would take the rest of the text with it.
_CSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]+[ -/]*[@-~]")
# An operating system command may also end with BEL; a string without its end reaches to the end of the text.
_STRING = re.compile(r"\x1b\].*?(?:\x07|\x1b\\|\x9c|\Z)|\x1b[PX^_].*?(?:\x1b\\|\x9c|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\x1b[ -/]*[0-~]")
_C0 = re.compile(r"[\x00-\x08\x0b-\x1f]")
_DEL_C1 = re.compile(r"[\x7f-\x9f]")
_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What stands for a byte that was no UTF-8, as in the name of a file, would be printed as that byte again.
_NO_UTF8 = re.compile(r"[\ud800-\udfff]")
_IN_ORDER = (_CSI, _STRING, _ESCAPE, _C0, _DEL_C1, _BIDI)

_BREAK = re.compile(r"[\n\t\u2028\u2029]")


_UNITS = ("B", "kB", "MB", "GB", "TB")
_SPANS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


def multi_line(text: str) -> str:
    """`text` without terminal sequences, control characters (but newline and tab) and bidirectional
    controls; halves of surrogate pairs become U+FFFD."""
    for pattern in _IN_ORDER:
        text = pattern.sub("", text)
    return _NO_UTF8.sub("\ufffd", text)


def one_line(text: str) -> str:
    """As multi_line, and every newline, tab and Unicode line or paragraph separator becomes a space."""
    return _BREAK.sub(" ", multi_line(text))


def disk_size(size: float) -> str:
    """Bytes on disk with three digits and the unit that suits them."""
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.0f} {_UNITS[-1]}"


def ago(seconds: float) -> str:
    """How long ago something was, in its largest unit: "2 days ago", "just now" below a minute."""
    for span, word in _SPANS:
        number = int(seconds // span)
        if number > 0:
            return f"{number} {word}{'s' if number > 1 else ''} ago"
    return "just now"


_MOST_SHOWN = 40
_MOST_LISTED = 12


def quoted(value: object) -> str:
    """A value for a message: strings in double quotes, control characters escaped, at most 40 characters of it."""
    text = f'"{repr(value)[1:-1]}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 4] + "..." + text[-1]


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say about an unknown `name`: the nearest known name, or else the list of them (at most 12)."""
    names = {other.casefold(): other for other in known}
    import difflib  # only a mistake pays for it

    close = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {quoted(names[close[0]])}?"
    listed = [quoted(other) for other in names.values()]
    more = ", ..." if len(listed) > _MOST_LISTED else ""
    return f"known are {', '.join(listed[:_MOST_LISTED])}{more}." if listed else "none is known."
