"""Amounts in words for a person."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def disk_size(size: float) -> str:
    """Bytes on disk with three digits and the unit that suits them."""
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.0f} {_UNITS[-1]}"
