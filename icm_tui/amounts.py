"""Amounts in words for a person."""

_UNITS = ("B", "kB", "MB", "GB", "TB")
_SPANS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


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
