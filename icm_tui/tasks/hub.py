"""Tables from dataset repositories on the Hub: their files as they are, all of one commit, and no script ever run.

huggingface_hub resolves a branch or tag to a commit, lists the commit's files, and keeps its downloads in its own cache
(HF_HOME). They are read there by the reader of local files, so that a file gives the same rows from either place. Only
parquet files too large to keep are streamed, by `datasets`, and only their first rows. The libraries themselves obey
HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE. A server's own words are never shown.
"""

import functools
import hashlib
import re
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import islice
from logging import CRITICAL
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from icm_tui.errors import UserError
from icm_tui.tasks.card import HubFiles
from icm_tui.tasks.tables import Row, Table, read_table
from icm_tui.text import disk_size, quoted

# Files of at most this many bytes in all are downloaded and read whole; larger ones would fill a person's disk and
# memory with rows that no search can label.
LARGE = 128 * 10**6
# The number of rows that are streamed at most.
MOST_STREAMED = 100_000

_COMMIT = re.compile(r"[0-9a-f]{40}")
_EVERY_S = 0.1
_CLEAR = "\r\x1b[K"
_ELSEWHERE = "or download it elsewhere and name its folder in task.path."


class Commit(msgspec.Struct, frozen=True):
    """One commit of a repository. `unreachable` says why the Hub could not be asked, if the cache had to answer."""

    repository: str
    hash: str
    unreachable: str | None = None


class Listed(msgspec.Struct, frozen=True):
    """A file of a commit: its path, its size in bytes, and its digest as "sha256:…" or git's "blob:…"."""

    path: str
    size: int
    digest: str


class Progress:
    """How far a download is, as a line on stderr that is redrawn: `what`, then bytes of `total`, or rows if `total` is
    None. Leaving the context clears it. Off a terminal nothing is written."""

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
        """Count `amount` more bytes or rows; it is negative if a download starts again."""
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
        """A class with the interface of tqdm that huggingface_hub needs; its bars count here."""
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


def find_commit(repository: str, revision: str) -> Commit:
    """Resolve `revision` (a branch, tag or commit) of a repository to a commit, and put its list of files into the
    cache. If the Hub cannot be reached, this is the commit that the cache last saw under that name.

    Raises UserError if there is no such repository or revision, if it may not be read, and if neither the Hub nor the
    cache has it.
    """
    parts = revision.split("/")
    if not revision.isprintable() or any(part in ("", ".", "..") for part in parts) or "\\" in revision:
        raise UserError(f"task.revision = {quoted(revision)} is not the name of a commit, branch or tag; correct it.")
    with _quiet():
        if _COMMIT.fullmatch(revision) and _known_files(repository, revision) is not None:
            return Commit(repository, revision)
        return _asked(repository, revision)


def read_hub(
    commit: Commit, hub: HubFiles, columns: list[str] | None = None, *, large: int = LARGE, most: int = MOST_STREAMED
) -> tuple[Table, list[str]]:
    """The table that the files of `hub` make together at `commit`, in the order of their names, and notes on it.

    `columns` names the cells if the files do not. Of parquet files that take more than `large` bytes in all, the first
    `most` rows are streamed. Raises UserError for a file that is missing, incomplete or unreadable; an incomplete file
    does not stay in the cache.
    """
    with _quiet():
        known = _known_files(commit.repository, commit.hash) or []
    files = _matching(commit, hub, known)
    size = sum(file.size for file in files)
    if size > large:
        return _streamed(commit, files, size, most)
    progress = Progress(f"Reading {commit.repository} from the Hub", size)
    tables: list[Table] = []
    with progress:
        for file in files:
            path = _downloaded(commit, file, progress)
            tables.append(_read(commit, file, path, columns))
    notes = []
    if commit.unreachable is not None:
        notes.append(
            f"Read from the cache: commit {commit.hash[:12]} of {commit.repository}, since the Hub could not be "
            f"reached ({commit.unreachable})."
        )
    return _joined(commit, tables), notes


def _asked(repository: str, revision: str) -> Commit:
    import huggingface_hub

    api = huggingface_hub.HfApi()
    unreachable: str | None = None
    try:
        api.dataset_info(repository, revision=revision)
        # With no file allowed, this fetches none, but caches the commit's name and its list of files.
        huggingface_hub.snapshot_download(repository, repo_type="dataset", revision=revision, allow_patterns=[])
    except Exception as error:  # the library's transports raise errors of many kinds
        sentence = _refusal(repository, revision, error)
        if sentence is not None:
            raise UserError(sentence) from None
        unreachable = _reason(error)
    try:
        commit = api.resolve_revision(repository, repo_type="dataset", revision=revision, local_files_only=True)
        found: str | None = str(commit.resolved)
    except Exception:
        found = None
    if found is None or _known_files(repository, found) is None:
        raise UserError(
            f"The Hub could not be reached ({unreachable or 'no commit was named'}), and its cache has no "
            f"{repository} at {quoted(revision)}; check the network, {_ELSEWHERE}"
        )
    return Commit(repository, found, unreachable)


def _refusal(repository: str, revision: str, error: Exception) -> str | None:
    """The sentence for an error by which the Hub refuses a request; None if the Hub could not be asked."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError) or _status(error) == 403:
        return (
            f"{repository} is gated on the Hub: its terms must be accepted on its page and a token of that account set "
            f"as HF_TOKEN; do that, {_ELSEWHERE}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no commit, branch or tag {quoted(revision)} on the Hub; correct task.revision."
    if isinstance(error, errors.RepositoryNotFoundError) or _status(error) in (401, 404):
        return (
            f"There is no dataset {repository} on the Hub, or it is private and HF_TOKEN does not open it; "
            f"check the token, {_ELSEWHERE}"
        )
    status = _status(error)
    if status is not None and status < 500 and status not in (408, 429):
        return f"The Hub refused {repository} (status {status}); try again later, {_ELSEWHERE}"
    return None


def _status(error: Exception) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _reason(error: BaseException) -> str:
    """Why the Hub did not answer, in our own words, since a server's may hold anything."""
    from huggingface_hub import errors

    causes = [error]
    while causes[-1].__cause__ is not None and len(causes) < 8:
        causes.append(causes[-1].__cause__)
    for cause in causes:
        status = _status(cause) if isinstance(cause, Exception) else None
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE is set"
        if status is not None:
            return f"status {status}"
        if "Timeout" in type(cause).__name__:
            return f"no answer within {_patience():g} seconds"
        if "Proxy" in type(cause).__name__:
            return "the proxy does not work"
        if "Protocol" in type(cause).__name__ or "ReadError" in type(cause).__name__:
            return "the connection broke off"
        if "ConnectError" in type(cause).__name__:
            return "no connection"
    return "its answer makes no sense"


def _known_files(repository: str, commit: str) -> list[Listed] | None:
    """The files of a commit by the list in the cache; None if there is none."""
    import huggingface_hub

    try:
        listed = huggingface_hub.get_cached_repo_tree(repository, repo_type="dataset", revision=commit)
    except Exception:
        return None
    return [
        Listed(file.path, file.size, f"sha256:{file.lfs.sha256}" if file.lfs is not None else f"blob:{file.blob_id}")
        for file in listed
    ]


def _matching(commit: Commit, hub: HubFiles, known: list[Listed]) -> list[Listed]:
    found: dict[str, Listed] = {}
    for pattern in hub.files:
        matches = [file for file in known if _matches(file.path, pattern)]
        if not matches:
            raise UserError(
                f"{commit.repository} has no file {pattern} at commit {commit.hash[:12]}; name another task.revision, "
                f"{_ELSEWHERE}"
            )
        found |= {file.path: file for file in sorted(matches, key=lambda file: file.path)}
    return list(found.values())


def _matches(path: str, pattern: str) -> bool:
    parts, wanted = path.split("/"), pattern.split("/")
    # A repository may list any name; one that leads out of its folder is refused.
    safe = path.isprintable() and not any(p in ("", ".", "..") or "\\" in p or ":" in p for p in parts)
    return safe and len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _downloaded(commit: Commit, file: Listed, progress: Progress) -> Path:
    import huggingface_hub
    from huggingface_hub import errors

    try:
        with _quiet():
            got = huggingface_hub.hf_hub_download(
                commit.repository, file.path, repo_type="dataset", revision=commit.hash, tqdm_class=progress.bars()
            )
    except Exception as error:
        if isinstance(error, errors.EntryNotFoundError) and _status(error) is not None:
            raise UserError(
                f"The Hub lists {_uri(commit, file.path)} and has no such file; name another task.revision, "
                f"{_ELSEWHERE}"
            ) from None
        sentence = _refusal(commit.repository, commit.hash, error)
        if sentence is not None:
            raise UserError(sentence) from None
        if isinstance(error, OSError) and error.errno is not None and _status(error) is None:
            reason = error.strerror or "it could not be written"
            raise UserError(
                f"{_uri(commit, file.path)} could not be kept in the Hub's cache ({reason}); mend that or set HF_HOME."
            ) from None
        reason = "it broke off before its end" if "Consistency check" in str(error) else _reason(error)
        raise UserError(
            f"{_uri(commit, file.path)} could not be downloaded ({reason}); nothing of it was kept. Check the network "
            f"and try again, {_ELSEWHERE}"
        ) from None
    path = Path(got)
    if path.stat().st_size != file.size or not _has_digest(path, file.digest):
        # Whatever put it there, the next try must not read it.
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise UserError(
            f"{_uri(commit, file.path)} is not the file that the Hub lists under that name; it was removed from the "
            f"cache. Try again, {_ELSEWHERE}"
        )
    return path


def _has_digest(path: Path, digest: str) -> bool:
    kind, _, wanted = digest.partition(":")
    taken = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if kind == "blob":
        taken.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as source:
        while context := source.read(1 << 20):
            taken.update(context)
    return taken.hexdigest() == wanted


def _read(commit: Commit, file: Listed, path: Path, columns: list[str] | None) -> Table:
    uri = _uri(commit, file.path)
    try:
        table = read_table(str(path), columns)
    except UserError as error:
        said = str(error).replace(str(path), uri)
        raise UserError(
            f"{said} The Hub has it like that at commit {commit.hash[:12]}; name another task.revision, or a mended "
            "copy in task.path."
        ) from None
    return msgspec.structs.replace(table, name=uri)


def _uri(commit: Commit, path: str) -> str:
    return f"hf://datasets/{commit.repository}/{path}"


def _joined(commit: Commit, tables: list[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    rows: list[Row] = []
    for table in tables:
        if table.header != first.header:
            raise UserError(f"{table.name} has other columns than {first.name}; name another task.revision.")
        rows += [Row(len(rows) + n, len(rows) + n, row.values) for n, row in enumerate(table.rows, start=1)]
    return Table(f"hf://datasets/{commit.repository}", "row", first.header, rows)


def _streamed(commit: Commit, files: list[Listed], size: int, most: int) -> tuple[Table, list[str]]:
    name = f"hf://datasets/{commit.repository}"
    if not all(file.path.lower().endswith(".parquet") for file in files):
        raise UserError(
            f"{', '.join(file.path for file in files)} of {commit.repository} takes {disk_size(size)}, too much to "
            "read whole; download it, keep the rows you want, and name that file in task.path."
        )
    progress = Progress(f"Reading rows of {commit.repository} from the Hub", None)
    try:
        with _quiet(), progress:
            rows, more = _stream(commit, files, most, progress)
    except Exception as error:
        raise UserError(
            f"{commit.repository} takes {disk_size(size)} and is read from the Hub row by row, which failed "
            f"({_reason(error)}); check the network, {_ELSEWHERE}"
        ) from None
    if not rows:
        raise UserError(f"{name} holds no rows; name another task.revision.")
    notes = [f"The first {most:,} rows of {commit.repository}, whose files take {disk_size(size)}."] if more else []
    return Table(name, "row", list(rows[0].values), rows), notes


def _stream(commit: Commit, files: list[Listed], most: int, progress: Progress) -> tuple[list[Row], bool]:
    # This takes seconds to import, so it is done only to stream.
    import datasets

    datasets.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    addresses = [f"hf://datasets/{commit.repository}@{commit.hash}/{file.path}" for file in files]
    found: Any = datasets.load_dataset("parquet", data_files=addresses, split="train", streaming=True)
    rows: list[Row] = []
    for n, values in enumerate(islice(found, most + 1), start=1):
        if n > most:
            return rows, True
        rows.append(Row(n, n, dict(values)))
        progress.add(1)
    return rows, False


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from drawing bars, warning, logging, and waiting without a limit."""
    _prepare_library()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _patience() -> float:
    from huggingface_hub import constants

    return float(constants.HF_HUB_DOWNLOAD_TIMEOUT)


@functools.cache
def _prepare_library() -> None:
    import huggingface_hub
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import disable_progress_bars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disable_progress_bars()
    logging.set_verbosity(CRITICAL)
    session = huggingface_hub.get_session()
    kind, hooks = type(session), list(session.event_hooks["request"])

    def bounded(request: Any) -> None:
        """Limit every wait: the library sends many requests without a timeout, and some with one of a minute."""
        asked = request.extensions.get("timeout") or {}
        limit = _patience()
        request.extensions["timeout"] = {
            part: min(asked.get(part) or limit, limit) for part in ("connect", "read", "write", "pool")
        }

    huggingface_hub.close_session()
    huggingface_hub.set_client_factory(
        lambda: kind(event_hooks={"request": [*hooks, bounded]}, follow_redirects=True, timeout=None)
    )
