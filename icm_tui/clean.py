"""Foreign text made safe for a terminal: what a dataset or a model wrote can move no cursor and change no title."""

import re

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


def multi_line(text: str) -> str:
    """`text` without terminal sequences, control characters (but newline and tab) and bidirectional
    controls; halves of surrogate pairs become U+FFFD."""
    for pattern in _IN_ORDER:
        text = pattern.sub("", text)
    return _NO_UTF8.sub("\ufffd", text)


def one_line(text: str) -> str:
    """As multi_line, and every newline, tab and Unicode line or paragraph separator becomes a space."""
    return _BREAK.sub(" ", multi_line(text))
