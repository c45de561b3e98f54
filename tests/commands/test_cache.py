import io
import json
import sys
from pathlib import Path

import pytest

from icm_tui.cli import main
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.models.server.cache import AnswerCache, answers_path, survey


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def filled(home: Path) -> Path:
    """The cache of this home, with two answers of one model and one of another whose name would steer a terminal."""
    cache = AnswerCache.open(answers_path())
    for n, model in enumerate(["small", "small", "large\x1b[2J"]):
        endpoint = Endpoint(base_url="http://127.0.0.1:8000/v1", model=model, kind="chat")
        cache.put(bytes([n]) * 32, Reply([-0.1, -2.0], endpoint=model), endpoint)
    cache.close()
    return answers_path()


def test_cache_that_is_not_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{home / 'cache' / 'answers.sqlite'}  0 B\nIt has no answers.\n"
    assert main(["cache", "clear", "--yes"]) == 0
    assert capsys.readouterr().err == "There is no answer cache to clear.\n"
    assert not (home / "cache").exists()


def test_cache_shows_contents(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0
    place, held, _, heading, *rows = capsys.readouterr().out.splitlines()
    assert place.startswith(f"{filled}  ")
    assert held.startswith("3 answers, from ")
    assert heading.split() == ["ANSWERS", "MODEL", "PROVIDER", "SERVER"]
    assert [row.split() for row in rows] == [
        ["2", "small", "-", "http://127.0.0.1:8000/v1"],
        ["1", "large", "-", "http://127.0.0.1:8000/v1"],
    ]


def test_cache_json_shows_contents(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["path"], found["answers"], found["trouble"]) == (str(filled), 3, None)
    assert found["bytes"] == filled.stat().st_size
    assert [source["answers"] for source in found["sources"]] == [2, 1]


def test_cache_clear_off_terminal_needs_yes(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear"]) == 2
    assert capsys.readouterr().err == (
        "There is no terminal to ask on; to clear the answer cache all the same, give --yes.\n"
    )
    assert survey(filled).answers == 3
    assert main(["cache", "clear", "--yes"]) == 0
    assert capsys.readouterr().err.startswith("3 answers removed, ")
    assert survey(filled).answers == 0


@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, 0), ("yes\n", 0, 0), ("\n", 2, 3), ("", 2, 3)])
def test_cache_clear_on_terminal_asks(
    answer: str, status: int, left: int, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = _Terminal()
    monkeypatch.setattr(sys, "stdin", _Terminal(answer))
    monkeypatch.setattr(sys, "stderr", told)
    assert main(["cache", "clear"]) == status
    assert told.getvalue().startswith("Clear the answer cache: 3 answers, ")
    assert survey(filled).answers == left


def test_cache_clear_renames_damaged_file(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled.write_bytes(b"no database" * 900)
    assert main(["cache"]) == 0
    assert "the file is damaged" in capsys.readouterr().err
    assert main(["cache", "clear", "--yes"]) == 0
    aside = filled.with_name("answers.sqlite.aside-1")
    assert capsys.readouterr().err == (
        f"The answer cache could not be read. It was renamed to {aside}; delete it if you like.\n"
    )
    assert aside.exists()
    assert not filled.exists()


def test_cache_clear_refuses_cache_in_use(
    filled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3

    monkeypatch.setattr("icm_tui.models.server.cache._BUSY_MS", 20)
    holder = sqlite3.connect(filled, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert main(["cache", "clear", "--yes"]) == 2
    assert "was not cleared: another process holds it" in capsys.readouterr().err
    holder.close()
    assert survey(filled).answers == 3
