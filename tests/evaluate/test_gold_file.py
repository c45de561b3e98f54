"""gold.jsonl: what is written is read back, and the broken line of a file is named."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.items import Gold
from icm_tui.errors import RunFailed, UserError
from icm_tui.evaluate.gold_file import read_gold, write_gold

_HEADER = b'{"classes":{"truth":["true","false"]}}\n'
_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def _golds(draw: st.DrawFn) -> tuple[Gold, list[str]]:
    uids = draw(st.lists(_names, unique=True, max_size=6))
    classes = draw(st.dictionaries(_names, st.lists(_names, unique=True, min_size=1, max_size=4), max_size=3))
    columns = {}
    for name, members in classes.items():
        values = draw(st.lists(st.none() | st.integers(0, len(members) - 1), min_size=len(uids), max_size=len(uids)))
        columns[name] = {uid: value for uid, value in zip(uids, values, strict=True) if value is not None}
    return Gold(columns, classes), uids


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gold")


@given(_golds())
def test_read_gold_returns_what_was_written(folder: Path, golds: tuple[Gold, list[str]]) -> None:
    gold, uids = golds
    write_gold(folder / "gold.jsonl", gold, uids)
    assert read_gold(folder / "gold.jsonl") == gold
    assert [path.name for path in folder.iterdir()] == ["gold.jsonl"]


def test_write_gold_layout_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    write_gold(path, Gold({"truth": {"b": 1, "stranger": 0}}, {"truth": ["true", "false"]}), ["a", "b"])
    assert path.read_bytes() == _HEADER + b'{"uid":"a","gold":{"truth":null}}\n{"uid":"b","gold":{"truth":1}}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"", 1, "classes"),
        (b"not json\n", 1, "classes"),
        (b'{"uid":"a","gold":{}}\n', 1, "classes"),
        (_HEADER + b'{"uid":"a","gold":{"truth":0}}\n{"uid":"b","go', 3, "truncated"),
        (_HEADER + b"\n", 2, "uid"),
        (_HEADER + b'{"uid":"a","gold":{"truth":2}}\n', 2, "class 2 of column 'truth' is not one of its 2 classes"),
        (_HEADER + b'{"uid":"a","gold":{"truth":-1}}\n', 2, "class -1 of column 'truth'"),
        (_HEADER + b'{"uid":"a","gold":{"truth":true}}\n', 2, "Expected `int | null`"),
        (_HEADER + b'{"uid":"a","gold":{"other":0}}\n', 2, "column 'other' is not among the classes"),
        (_HEADER + b'{"uid":"a","gold":{}}\n{"uid":"a","gold":{}}\n', 3, "uid 'a' occurs for the second time"),
        (_HEADER + b'{"uid":"\xff","gold":{}}\n', 2, "utf-8"),
        (_HEADER + b'{"uid":"a","gold":{},"label":1}\n', 2, "label"),
    ],
)
def test_read_gold_names_broken_line(tmp_path: Path, content: bytes, line: int, what: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_gold(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert what in message
    assert message.endswith("make the run again to have it written.")


def test_read_gold_names_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read from .*gold\.jsonl: No such file"):
        read_gold(tmp_path / "gold.jsonl")


def test_write_gold_names_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"none/gold\.jsonl cannot be written: no such file"):
        write_gold(tmp_path / "none" / "gold.jsonl", Gold(), [])


def test_write_gold_keeps_old_file_on_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gold.jsonl"
    write_gold(path, Gold(), ["a"])

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match="no space left on device"):
        write_gold(path, Gold(), ["a", "b"])
    assert path.read_bytes() == b'{"classes":{}}\n{"uid":"a","gold":{}}\n'
    assert os.listdir(tmp_path) == ["gold.jsonl"]
