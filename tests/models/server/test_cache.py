import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.errors import UserError
from icm_tui.models.server.cache import AnswerCache, answers_path, clear, open_cache, request_key, survey
from icm_tui.models.server.requests import Request

ENDPOINT = Endpoint(base_url="http://127.0.0.1:8000/v1", model="small", kind="chat")
REPLY = Reply([-0.25, -1.5], [False, True], 0.9, [("A", -0.25)], "small", 120, 1, 64, 0.002, 0.7)
UNPAID = msgspec.structs.replace(REPLY, tokens_in=0, tokens_out=0, tokens_cached=0, cost=0.0, seconds=0.0, cached=True)


def _key(n: int) -> bytes:
    return hashlib.sha256(str(n).encode()).digest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers.sqlite"


@pytest.fixture
def cache(path: Path) -> Iterator[AnswerCache]:
    cache = AnswerCache.open(path)
    yield cache
    cache.close()


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def _turned(value: Any) -> Any:
    """The same value with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(inner) for inner in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(max_size=4), _json, max_size=4))
def test_cache_key_ignores_order_of_fields(body: dict[str, Any]) -> None:
    key = request_key(ENDPOINT, Request("/completions", body), ["A", "B"])
    assert len(key) == 32
    assert request_key(ENDPOINT, Request("/completions", _turned(body)), ["A", "B"]) == key


def test_cache_key_depends_on_everything_relevant() -> None:
    def key(path: str = "/completions", body: Any = None, labels: Any = ("A", "B"), **changed: Any) -> bytes:
        endpoint = msgspec.structs.replace(ENDPOINT, **changed)
        return request_key(endpoint, Request(path, {"prompt": "x"} if body is None else body), labels)

    keys = [
        key(),
        key(path="/chat/completions"),
        key(body={"prompt": "y"}),
        key(body={"prompt": "x", "seed": 1}),
        key(labels=("B", "A")),
        key(base_url="http://127.0.0.1:8001/v1"),
        key(model="large"),
        key(provider="one"),
        key(model="smallone"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(top_logprobs=5, warms=True) == key()


def test_cache_returns_replies_as_unpaid(cache: AnswerCache, path: Path) -> None:
    assert cache.get(_key(1)) is None
    cache.put(_key(1), REPLY, ENDPOINT)
    assert cache.get(_key(1)) == UNPAID
    cache.close()
    again = AnswerCache.open(path)
    assert again.get(_key(1)) == UNPAID
    assert again.get(_key(2)) is None
    again.close()
    assert cache.trouble is None


def test_cache_keeps_no_failures_or_cached_replies(cache: AnswerCache, path: Path) -> None:
    cache.put(_key(1), Reply(None, failed="refused"), ENDPOINT)
    cache.put(_key(2), UNPAID, ENDPOINT)
    assert cache.get(_key(1)) is None
    cache.close()
    assert survey(path).answers == 0


def test_cache_is_private(cache: AnswerCache, path: Path) -> None:
    cache.put(_key(1), REPLY, ENDPOINT)
    cache._write()
    kept = sorted(path.parent.iterdir())
    assert path in kept
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_cache_writes_batch_by_number_or_time(path: Path) -> None:
    now = [0.0]
    cache = AnswerCache.open(path, lambda: now[0])
    for n in range(63):
        cache.put(_key(n), REPLY, ENDPOINT)
    assert survey(path).answers == 0
    cache.put(_key(63), REPLY, ENDPOINT)
    assert survey(path).answers == 64
    cache.put(_key(64), REPLY, ENDPOINT)
    assert survey(path).answers == 64
    now[0] = 1.5
    cache.put(_key(65), REPLY, ENDPOINT)
    assert survey(path).answers == 66
    cache.close()


def test_cache_keeps_nothing_after_close(cache: AnswerCache) -> None:
    cache.close()
    cache.put(_key(1), REPLY, ENDPOINT)
    assert cache.get(_key(1)) is None
    cache.close()
    assert cache.trouble is None


def _spoil(path: Path, how: str) -> None:
    path.parent.mkdir(parents=True)
    if how == "no database":
        path.write_bytes(b"plain text " * 900)
        return
    with closing(sqlite3.connect(path)) as file:
        if how == "newer":
            file.execute("PRAGMA user_version = 2")
        elif how == "another program's":
            file.execute("CREATE TABLE albums (name TEXT)")
        else:
            file.execute("PRAGMA user_version = 1")
            file.execute("CREATE TABLE answers (something TEXT)")
        file.commit()


SPOILT = {
    "no database": "the file is damaged; `icm-tui cache clear` moves it aside",
    "newer": "a newer icm-tui wrote it; use that one, or `icm-tui cache clear` moves it aside",
    "another program's": "it is another program's database; `icm-tui cache clear` moves it aside",
    "other columns": "the file is damaged; `icm-tui cache clear` moves it aside",
}


@pytest.mark.parametrize("how", SPOILT)
def test_cache_leaves_unusable_file_and_is_off(how: str, path: Path) -> None:
    _spoil(path, how)
    before = path.read_bytes()
    cache = AnswerCache.open(path)
    cache.put(_key(1), REPLY, ENDPOINT)
    assert cache.get(_key(2)) is None
    cache.close()
    assert cache.trouble == f"The answer cache {path} is off for this process: {SPOILT[how]}."
    assert path.read_bytes() == before
    assert survey(path).trouble == f"The answer cache {path} cannot be used: {SPOILT[how]}."


@pytest.mark.parametrize("how", SPOILT)
def test_cache_clear_moves_unusable_file_aside(how: str, path: Path) -> None:
    _spoil(path, how)
    before = path.read_bytes()
    for n in (1, 2):
        path.write_bytes(before)
        cleared = clear(path)
        assert cleared.aside == f"{path}.aside-{n}"
        assert Path(cleared.aside).read_bytes() == before
        assert not path.exists()


def test_cache_is_off_after_damaged_page(cache: AnswerCache, path: Path) -> None:
    for n in range(500):
        cache.put(_key(n), REPLY, ENDPOINT)
    cache.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    again = AnswerCache.open(path)
    assert [again.get(_key(n)) for n in range(500)][-1] is None
    assert again.trouble == (
        f"The answer cache {path} is off for this process: the file is damaged; `icm-tui cache clear` moves it aside."
    )
    again.close()


def test_cache_is_off_after_unreadable_answer(cache: AnswerCache, path: Path) -> None:
    cache.put(_key(1), REPLY, ENDPOINT)
    cache._write()
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE answers SET reply = x'7b'")
        file.commit()
    cache._waiting.clear()
    assert cache.get(_key(1)) is None
    assert cache.trouble is not None
    assert "the file is damaged" in cache.trouble


def test_cache_is_off_with_locked_file(cache: AnswerCache, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icm_tui.models.server.cache._BUSY_MS", 20)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        late = AnswerCache.open(path)
        late.put(_key(1), REPLY, ENDPOINT)
        assert late.trouble is None
        late.close()
        assert late.trouble == (
            f"The answer cache {path} is off for this process: another process holds it; try again when that has ended."
        )
        with pytest.raises(UserError, match="was not cleared: another process holds it"):
            clear(path)


def test_cache_is_off_with_full_disk(cache: AnswerCache) -> None:
    assert cache._file is not None
    cache._file.execute("PRAGMA max_page_count = 4")
    for n in range(500):
        cache.put(_key(n), REPLY, ENDPOINT)
    assert cache.trouble is not None
    assert cache.trouble.endswith("is off for this process: the disk is full.")
    assert cache.get(_key(499)) is None


def test_cache_is_off_when_disk_refuses(path: Path) -> None:
    # Unlike file modes, the limit on file sizes also holds for the superuser.
    done = subprocess.run([sys.executable, "-c", REFUSED, path], capture_output=True, text=True, check=True, timeout=60)
    assert "is off for this process" in done.stdout
    assert done.stderr == ""


REFUSED = """
import resource, sys
from pathlib import Path
from icm_tui.models.server.cache import AnswerCache
from icm_tui.domain.reply import Endpoint
from icm_tui.domain.reply import Reply
cache = AnswerCache.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for n in range(1000):
    cache.put(n.to_bytes(32, "big"), Reply([-1.0, -2.0]), Endpoint(base_url="http://x/v1", model="m", kind="chat"))
cache.close()
print(cache.trouble)
"""


def test_cache_is_off_without_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "answers.sqlite"
    cache = AnswerCache.open(path)
    assert cache.trouble is not None
    assert cache.trouble.startswith(f"The answer cache {path} is off for this process: ")
    path = tmp_path / "folder" / "answers.sqlite"
    path.mkdir(parents=True)
    assert AnswerCache.open(path).trouble == f"The answer cache {path} is off for this process: Is a directory."


WRITER = """
import sys
from pathlib import Path
from icm_tui.models.server.cache import AnswerCache
from icm_tui.domain.reply import Endpoint
from icm_tui.domain.reply import Reply
first = int(sys.argv[2])
sys.stdin.readline()
for begun in range(4):
    cache = AnswerCache.open(Path(sys.argv[1]))
    for n in range(first + 250 * begun, first + 250 * (begun + 1)):
        cache.put(n.to_bytes(32, "big"), Reply([-1.0, -2.0]), Endpoint(base_url="http://x/v1", model="m", kind="chat"))
        assert cache.get(n.to_bytes(32, "big")) is not None
        cache.get((n + 500).to_bytes(32, "big"))
    cache.close()
    assert cache.trouble is None, cache.trouble
"""


def test_cache_is_shared_by_processes(path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(first)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for first in (0, 500, 1000)
    ]
    told = []
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        told.append((child.communicate(timeout=60)[1], child.returncode))
    assert told == [("", 0)] * 3
    assert survey(path).answers == 2000


def test_cache_survey(cache: AnswerCache, path: Path) -> None:
    assert survey(path.with_name("other.sqlite")).answers == 0
    assert not path.with_name("other.sqlite").exists()
    for n in range(5):
        cache.put(_key(n), REPLY, ENDPOINT if n else msgspec.structs.replace(ENDPOINT, model="large", provider="one"))
    cache.close()
    found = survey(path)
    assert [(source.model, source.provider, source.answers) for source in found.sources] == [
        ("small", "", 4),
        ("large", "one", 1),
    ]
    assert found.answers == 5
    assert found.bytes == path.stat().st_size
    assert found.oldest is not None
    assert found.newest is not None
    assert found.oldest <= found.newest


def test_cache_clear_frees_disk_beside_run(cache: AnswerCache, path: Path) -> None:
    for n in range(2000):
        cache.put(_key(n), REPLY, ENDPOINT)
    cache._write()
    cleared = clear(path)
    assert (cleared.answers, cleared.aside) == (2000, None)
    assert cleared.bytes > 200_000
    assert cache.get(_key(1)) is None
    cache.put(_key(1), REPLY, ENDPOINT)
    cache.close()
    assert cache.trouble is None
    assert survey(path).answers == 1
    assert clear(path.with_name("none.sqlite")).answers == 0


@pytest.mark.parametrize("off", ["off", "0", "false", "no", " OFF "])
def test_cache_is_off_by_environment(off: str) -> None:
    assert open_cache(True, {"ICM_TUI_CACHE": off}) is None
    assert open_cache(False, {}) is None
    assert not answers_path().exists()


@pytest.mark.parametrize("environ", [{}, {"ICM_TUI_CACHE": ""}, {"ICM_TUI_CACHE": "on"}])
def test_cache_lies_in_cache_folder(environ: dict[str, str], home: Path) -> None:
    cache = open_cache(True, environ)
    assert cache is not None
    cache.close()
    assert (home / "cache" / "answers.sqlite").is_file()
