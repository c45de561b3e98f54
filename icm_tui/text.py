"""Text for a person: foreign text made safe for a terminal, amounts in words, lists and near names for messages.

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
# The characters that represent a byte that was no UTF-8, as in the name of a file, would be printed as that byte again.
_NO_UTF8 = re.compile(r"[\ud800-\udfff]")
_IN_ORDER = (_CSI, _STRING, _ESCAPE, _C0, _DEL_C1, _BIDI)

_BREAK = re.compile(r"[\n\t\u2028\u2029]")

_UNITS = ("B", "kB", "MB", "GB", "TB")
_SPANS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"))

_LONGEST_QUOTED = 40
_MOST_KNOWN = 12


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


def quoted(value: object) -> str:
    """A value for a message: a string in double quotes, control characters escaped, at most 40 characters of it."""
    text = f'"{repr(value)[1:-1]}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_QUOTED else text[: _LONGEST_QUOTED - 4] + "..." + text[-1]


def listed(words: Iterable[str], last: str = "or") -> str:
    """`words` as a sentence has them: "a", "a or b", "a, b or c"."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like `word`, whatever the case of either; None if none is like it."""
    import difflib  # only a mistake pays for it

    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), names, n=1)
    return names[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to say about an unknown `name`: the nearest known name, or else the list of them (at most 12)."""
    names = list(dict.fromkeys(known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {quoted(near)}?"
    more = ", ..." if len(names) > _MOST_KNOWN else ""
    return f"known are {', '.join(map(quoted, names[:_MOST_KNOWN]))}{more}." if names else "none is known."
