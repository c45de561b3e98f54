"""Answers kept across runs, so that a repeated or forked run pays for each answer once.

The cache never stops a run: if its file cannot be used, it is off for this process, and `trouble` says why. It contains
digests of prompts, not the prompts.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.errors import UserError
from icm_tui.files import cache_dir, make_private
from icm_tui.models.server.requests import Request

VARIABLE = "ICM_TUI_CACHE"
_OFF = ("off", "0", "false", "no")
_FORMAT = 1
# Each batch of answers is one short transaction, so that two runs at once seldom wait for each other.
_BATCH = 64
_BATCH_SECONDS = 1.0
_BUSY_MS = 1000
_COLUMNS = "key, server, model, provider, at, reply"
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, server TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL, at REAL NOT NULL,
    reply BLOB NOT NULL
) WITHOUT ROWID"""


class Source(msgspec.Struct, frozen=True):
    """How many of the answers came from one model of one provider."""

    server: str
    model: str
    provider: str
    answers: int


class Survey(msgspec.Struct, frozen=True):
    """What the cache contains. `bytes` is its size on disk; `oldest` and `newest` are unix seconds, None without
    answers. `trouble` is a sentence that says why the file cannot be read, else None."""

    path: str
    answers: int
    bytes: int
    oldest: float | None
    newest: float | None
    sources: list[Source]
    trouble: str | None


class Cleared(msgspec.Struct, frozen=True):
    """How many answers and bytes on disk were removed; `aside` is where an unreadable file was moved to, else None."""

    answers: int
    bytes: int
    aside: str | None


class _Unusable(Exception):
    """Why the file cannot be used, as the end of a sentence. `spoilt` means that trying again would not help."""

    def __init__(self, why: str, spoilt: bool) -> None:
        super().__init__(why)
        self.spoilt = spoilt


def request_key(endpoint: Endpoint, request: Request, labels: Sequence[str]) -> bytes:
    """The SHA-256 (32 bytes) that identifies an answer: of base URL, model, provider, path, body and labels.

    The order of the body's keys does not matter. The order of the labels does: a reply holds a log-probability for
    each, so the same request read for other labels is another answer.
    """
    parts = [endpoint.base_url, endpoint.model, endpoint.provider, request.path, request.body, list(labels)]
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()


def answers_path() -> Path:
    """The path of the cache, which need not exist."""
    return cache_dir() / "answers.sqlite"


def open_cache(enabled: bool, environ: Mapping[str, str]) -> "AnswerCache | None":
    """The cache, or None if `enabled` is false or ICM_TUI_CACHE is off (or 0, false, no)."""
    if not enabled or environ.get(VARIABLE, "").strip().lower() in _OFF:
        return None
    return AnswerCache.open(answers_path())


class AnswerCache:
    """Replies by the digest of their requests, in one SQLite file that several processes may use at once.

    No method raises if the file or the disk fails: the cache is then off, and `trouble` says why. For one thread.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._file: sqlite3.Connection | None = None
        self._waiting: dict[bytes, tuple[bytes, str, str, str, float, bytes]] = {}
        self._waiting_since = 0.0
        self._decoder = msgspec.json.Decoder(Reply)
        self._encoder = msgspec.json.Encoder()
        self.trouble: str | None = None

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.monotonic) -> "AnswerCache":
        """Open the file, or create it, readable by its owner alone. `clock` returns seconds; only differences count."""
        cache = cls(path, clock)
        with cache._guarded():
            cache._file = _connect(path)
        return cache

    def get(self, key: bytes) -> Reply | None:
        """The reply stored under `key`, if any, marked `cached`.

        Its cost, seconds and tokens are 0, so that sums over a run's replies are what the run itself consumed.
        """
        waiting = self._waiting.get(key)
        if waiting is not None:
            return self._unpaid(waiting[-1])
        with self._guarded():
            if self._file is None:
                return None
            row = self._file.execute("SELECT reply FROM answers WHERE key = ?", (key,)).fetchone()
            return None if row is None else self._unpaid(row[0])
        return None

    def put(self, key: bytes, reply: Reply, endpoint: Endpoint) -> None:
        """Store a reply, unless it failed or came from the cache.

        This process finds it at once. Others do once the batch is written: after 64 answers, with the first that comes
        a second after the batch began, or at `close`.
        """
        if self._file is None or reply.failed is not None or reply.logprobs is None or reply.cached:
            return
        now = self._clock()
        if not self._waiting:
            self._waiting_since = now
        self._waiting[key] = (
            key,
            endpoint.base_url,
            endpoint.model,
            endpoint.provider,
            time.time(),
            self._encoder.encode(reply),
        )
        if len(self._waiting) >= _BATCH or now - self._waiting_since >= _BATCH_SECONDS:
            self._write()

    def close(self) -> None:
        """Write what still waits, and close the file."""
        self._write()
        self._let_go()

    def _unpaid(self, stored: bytes) -> Reply:
        reply = self._decoder.decode(stored)
        return msgspec.structs.replace(
            reply, cached=True, cost=0.0, seconds=0.0, tokens_in=0, tokens_out=0, tokens_cached=0
        )

    def _write(self) -> None:
        with self._guarded():
            if self._file is not None and self._waiting:
                with _transaction(self._file):
                    self._file.executemany(
                        f"INSERT OR REPLACE INTO answers ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                        self._waiting.values(),
                    )
                self._waiting.clear()

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(sqlite3.Error):
                file.close()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.MsgspecError, _Unusable) as error:
            self.trouble = f"The answer cache {self._path} is off for this process: {_why(error)}."
            self._waiting.clear()
            self._let_go()


def survey(path: Path) -> Survey:
    """What the cache at `path` contains. A missing file counts as empty, and is not created."""
    size = _size(path)
    if not path.exists():
        return Survey(str(path), 0, size, None, None, [], None)
    try:
        with contextlib.closing(_connect(path)) as file:
            answers, oldest, newest = file.execute("SELECT count(*), min(at), max(at) FROM answers").fetchone()
            rows = file.execute(
                "SELECT server, model, provider, count(*) FROM answers GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
            ).fetchall()
            return Survey(str(path), answers, size, oldest, newest, [Source(*row) for row in rows], None)
    except (sqlite3.Error, OSError, _Unusable) as error:
        return Survey(str(path), 0, size, None, None, [], f"The answer cache {path} cannot be used: {_why(error)}.")


def clear(path: Path) -> Cleared:
    """Delete all answers and free their disk space.

    A file that is damaged, of a newer version or not an answer cache is renamed, so that the next run begins a new one.
    Raises UserError if another process holds the file or the disk refuses.
    """
    if not path.exists():
        return Cleared(0, 0, None)
    before = _size(path)
    try:
        try:
            with contextlib.closing(_connect(path)) as file:
                with _transaction(file):
                    answers = file.execute("SELECT count(*) FROM answers").fetchone()[0]
                    file.execute("DELETE FROM answers")
                file.execute("VACUUM")
                file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return Cleared(answers, max(before - _size(path), 0), None)
        except (sqlite3.Error, _Unusable) as error:
            if not _spoilt(error):
                raise
            return Cleared(0, 0, str(_put_aside(path)))
    except (sqlite3.Error, OSError, _Unusable) as error:
        raise UserError(f"The answer cache {path} was not cleared: {_why(error)}.") from error


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file that has the table of this format. Raises sqlite3.Error, OSError or _Unusable."""
    make_private(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would make it readable to others
    file = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None)
    try:
        if file.execute("PRAGMA user_version").fetchone()[0] == 0:
            _prepare(file)
        found = file.execute("PRAGMA user_version").fetchone()[0]
        if found > _FORMAT:
            raise _Unusable("a newer icm-tui wrote it; use that one, or `icm-tui cache clear` moves it aside", True)
        if found != _FORMAT:
            raise _Unusable("it is another program's database; `icm-tui cache clear` moves it aside", True)
        file.execute(f"SELECT {_COLUMNS} FROM answers LIMIT 0")  # else the first answer would fail
        file.execute("PRAGMA synchronous = NORMAL")
        return file
    except BaseException:
        file.close()
        raise


def _prepare(file: sqlite3.Connection) -> None:
    # Two processes may begin the same file, so look again while holding the lock.
    with _transaction(file):
        if file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return
        file.execute(_TABLE)
        file.execute(f"PRAGMA user_version = {_FORMAT}")
    # With a write-ahead log, readers never wait for a writer. Turning it on fails at once if another process has opened
    # the file; without it the cache is only a little slower.
    with contextlib.suppress(sqlite3.OperationalError):
        file.execute("PRAGMA journal_mode = WAL")


@contextlib.contextmanager
def _transaction(file: sqlite3.Connection) -> Iterator[None]:
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:  # a full disk has rolled it back already
            file.execute("ROLLBACK")
        raise


def _primary(error: sqlite3.Error) -> int:
    """SQLite's result code without its details; 0 if the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _spoilt(error: Exception) -> bool:
    if isinstance(error, _Unusable):
        return error.spoilt
    return isinstance(error, sqlite3.Error) and _primary(error) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,  # a table or column that should be there is not
    )


def _why(error: Exception) -> str:
    """The end of a sentence."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, _Unusable):
        return str(error)
    if isinstance(error, sqlite3.Error):
        code = _primary(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return "another process holds it; try again when that has ended"
        if code == sqlite3.SQLITE_FULL:
            return "the disk is full"
        if not _spoilt(error):
            return str(error)
    return "the file is damaged; `icm-tui cache clear` moves it aside"


def _parts(path: Path) -> list[Path]:
    return [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")]


def _size(path: Path) -> int:
    size = 0
    for part in _parts(path):
        with contextlib.suppress(OSError):
            size += part.stat().st_size
    return size


def _put_aside(path: Path) -> Path:
    n = 1
    while (aside := path.with_name(f"{path.name}.aside-{n}")).exists():
        n += 1
    for part, new in zip(_parts(path), _parts(aside), strict=True):
        if part.exists():
            part.rename(new)
    return aside
