"""Answers kept across runs, so that a repeated or forked run pays nothing for what was answered before.

All of it can be had again, so the cache never stops a run: if its file cannot be used, it is off for this process
and `trouble` says why. Prompts are not kept, only digests of them.
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
# Answers are written in one short transaction a batch, so that two runs at once seldom meet in the file.
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
    """Who gave how many of the answers."""

    server: str
    model: str
    provider: str
    answers: int


class Survey(msgspec.Struct, frozen=True):
    """What the cache holds. `bytes` is its size on disk; `oldest` and `newest` are unix seconds, None of an empty one.
    `trouble` says in a sentence why the file cannot be used, and then nothing is known of its answers."""

    path: str
    answers: int
    bytes: int
    oldest: float | None
    newest: float | None
    sources: list[Source]
    trouble: str | None


class Cleared(msgspec.Struct, frozen=True):
    """What was freed: the answers, the bytes on disk, and where a file went that could not be read (else None)."""

    answers: int
    bytes: int
    aside: str | None


class _Unusable(Exception):
    """Why the file cannot be used: the rest of a sentence. `spoilt` if it would not help to try again."""

    def __init__(self, why: str, spoilt: bool) -> None:
        super().__init__(why)
        self.spoilt = spoilt


def request_key(endpoint: Endpoint, request: Request, labels: Sequence[str]) -> bytes:
    """The SHA-256 (32 bytes) by which an answer is found again: of base URL, model, provider, path, body and labels.

    The order of the keys in the body does not matter. The labels in their order belong to it, since a reply holds a
    log-probability for each of them: the same request read for other labels is another answer.
    """
    parts = [endpoint.base_url, endpoint.model, endpoint.provider, request.path, request.body, list(labels)]
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()


def answers_path() -> Path:
    """The file of the cache; it need not exist."""
    return cache_dir() / "answers.sqlite"


def open_cache(enabled: bool, environ: Mapping[str, str]) -> "AnswerCache | None":
    """The cache of this person, None if it is not wanted: by `enabled`, or by ICM_TUI_CACHE=off (0, false, no)."""
    if not enabled or environ.get(VARIABLE, "").strip().lower() in _OFF:
        return None
    return AnswerCache.open(answers_path())


class AnswerCache:
    """Replies by the digest of their requests, in one SQLite file that several processes may use at once.

    No method raises for what the file or the disk does: the cache is off from then on, and `trouble` says why.
    Used from one thread.
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
        """Opens the file or makes it, readable by its owner alone. `clock` gives seconds, of which only differences
        count."""
        cache = cls(path, clock)
        with cache._guarded():
            cache._file = _connect(path)
        return cache

    def get(self, key: bytes) -> Reply | None:
        """The reply kept under `key`, if any, as one that this run did not pay for.

        It is marked `cached`; its cost, seconds and tokens are 0, so that sums over a run's replies are what the run
        itself consumed.
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
        """Keeps a reply; not one that failed or came from the cache.

        It may be found by this process at once, and by others with the next batch: after 64 answers, with the first
        that comes a second after the batch began, or at `close`.
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
        """Writes what still waits and lets go of the file."""
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
    """What the cache at `path` holds; a file that is missing is an empty cache and is not made."""
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
    """Removes all answers and gives their place on the disk back.

    A file that is damaged, of a newer version or no answer cache is put aside under another name beside it, so that
    the next run begins a new one. Raises UserError if another process holds the file or the disk refuses.
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
    """An open file that holds the table of this format. Raises sqlite3.Error, OSError, _Unusable."""
    make_private(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would make it readable for others
    file = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None)
    try:
        if file.execute("PRAGMA user_version").fetchone()[0] == 0:
            _prepare(file)
        found = file.execute("PRAGMA user_version").fetchone()[0]
        if found > _FORMAT:
            raise _Unusable("a newer icm-tui wrote it; use that one, or `icm-tui cache clear` puts it aside", True)
        if found != _FORMAT:
            raise _Unusable("it is another program's database; `icm-tui cache clear` puts it aside", True)
        file.execute(f"SELECT {_COLUMNS} FROM answers LIMIT 0")  # else it is found out with the first answer
        file.execute("PRAGMA synchronous = NORMAL")
        return file
    except BaseException:
        file.close()
        raise


def _prepare(file: sqlite3.Connection) -> None:
    # Two processes may begin the same file, so who holds the lock looks again.
    with _transaction(file):
        if file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return
        file.execute(_TABLE)
        file.execute(f"PRAGMA user_version = {_FORMAT}")
    # With a write-ahead log nobody who reads waits for one who writes. The switch wants the file for itself and is
    # refused at once if another process has opened it; the cache works without, only a little slower.
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
    """The rest of a sentence."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, _Unusable):
        return str(error)
    if isinstance(error, sqlite3.Error):
        code = _primary(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return "another process holds it; try again when that is done"
        if code == sqlite3.SQLITE_FULL:
            return "the disk is full"
        if not _spoilt(error):
            return str(error)
    return "the file is damaged; `icm-tui cache clear` puts it aside"


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
