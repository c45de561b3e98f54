"""Fields of foreign JSON: each reader takes anything and gives its type or a default."""

import json
import math
import re

Record = dict[str, object]

# Half a surrogate pair can be written as an escape in JSON, but in no UTF-8 file.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def decode(body: bytes | str) -> object:
    """The JSON value of `body`. Raises ValueError if it is none, or is nested too deeply to be a reply."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace") if isinstance(body, bytes) else body)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault


def record(value: object) -> Record:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def array(value: object) -> list[object]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """The string, or an empty one; what no UTF-8 file can hold becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """The finite number, or None; a boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """The whole number that is neither negative nor beyond what a float counts exactly, or None."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**53 and found == int(found) else None
