"""How far a download is, in one line that is redrawn on a terminal; off a terminal nothing is said."""

import sys
import time
from types import TracebackType
from typing import Any

from icm_tui.text import disk_size

_EVERY_S = 0.1
_CLEAR = "\r\x1b[K"


class Progress:
    """The line on stderr: `what`, then bytes of `total`, or rows if `total` is None. A context ends it."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0.0
        self._drawn = 0.0
        self._shows = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shows and self._drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def add(self, amount: float) -> None:
        """Count `amount` more bytes or rows; less if a download begins anew."""
        self._done += amount
        if not self._shows or time.monotonic() - self._drawn < _EVERY_S:
            return
        self._drawn = time.monotonic()
        done = f"{self._done:,.0f} rows"
        if self._total is not None:
            done = f"{disk_size(self._done)} of {disk_size(self._total)}"
        sys.stderr.write(f"{_CLEAR}{self._what}: {done}")
        sys.stderr.flush()

    def bars(self) -> type[Any]:
        """A class of bars, as huggingface_hub wants one of tqdm's, that count here."""
        add = self.add

        class Bar:
            def __init__(self, *_: Any, initial: float = 0, **__: Any) -> None:
                add(initial)

            def __enter__(self) -> "Bar":
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def update(self, amount: float | None = 1) -> None:
                add(amount or 0)

            def update_transfer(self, amount: float | None = 1) -> None:
                """Bytes on the wire; those on disk are what is shown."""

            def set_postfix_str(self, *_: Any, **__: Any) -> None:
                pass

            def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None:
                pass

            def close(self) -> None:
                pass

        return Bar
