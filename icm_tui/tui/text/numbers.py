"""Numbers in few cells: no leading zero, and a minus sign as wide as the plus sign."""

_MINUS = "\u2212"
_UNKNOWN = "\u2013"


def fraction(value: float | None, places: int = 2) -> str:
    """A number between 0 and 1 as .93, 1 as 1.0, negative ones with the sign in front, nothing known as a dash."""
    if value is None:
        return _UNKNOWN
    text = f"{abs(value):.{places}f}"
    if text.startswith("0"):
        text = text[1:]
    elif text.startswith("1.") and not text.strip("1.0"):
        text = "1." + "0" * (places - 1)
    return _MINUS + text if value < 0 and text.strip(".0") else text


def signed(value: float | None, places: int = 1) -> str:
    """A number with its sign, such as +2.6; nothing known as a dash."""
    if value is None:
        return _UNKNOWN
    return f"{value:+.{places}f}".replace("-", _MINUS)


def duration(seconds: float) -> str:
    """Seconds as 9s, 3m10s, 2h05m or 4d03h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def dollars(amount: float) -> str:
    """An amount of US dollars; small ones with four places."""
    return f"${amount:.4f}" if 0 < amount < 0.01 else f"${amount:.2f}"
