"""Exports: what is written is read back by each format's usual reader, and a file appears whole or not at all."""

import csv
import errno
import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import RunFailed, UserError
from icm_tui.evaluate.export import FORMATS, ExportRow, export

_texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.sampled_from("\r\n\t\",';=+-@ \x00\x1b\u2028\ufeffé\U0001f600"), max_size=8),
)
_whole = st.none() | st.integers(0, 2**53)
_logprobs = st.none() | st.lists(st.floats(-1e9, 0.0), max_size=3)


@st.composite
def _rows(draw: st.DrawFn) -> list[ExportRow]:
    filled = _texts.filter(bool)
    names = draw(st.none() | st.lists(filled, unique=True, max_size=3))
    gold = st.none() if names is None else st.fixed_dictionaries({name: st.none() | filled for name in names})
    row = st.builds(
        ExportRow, _texts, _texts, _whole, st.none() | filled, _logprobs, st.none() | st.floats(0, 1), _whole,
        st.booleans(), gold,
    )  # fmt: skip
    return draw(st.lists(row, max_size=5))


def _flat(rows: list[ExportRow]) -> list[dict[str, Any]]:
    flat = []
    for row in rows:
        cells = msgspec.structs.asdict(row)
        gold = cells.pop("gold") or {}
        flat.append(cells | {f"gold_{name}": value for name, value in gold.items()})
    return flat


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@given(_rows())
def test_export_jsonl_round_trip(folder: Path, rows: list[ExportRow]) -> None:
    export(rows, "jsonl", str(folder / "rows.jsonl"))
    lines = (folder / "rows.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [msgspec.json.decode(line, type=ExportRow) for line in lines] == rows
    for line, row in zip(lines, rows, strict=True):
        keys = ["uid", "text", "group", "label", "logprobs", "p", "decided_at", "pinned"]
        assert list(json.loads(line)) == keys + ["gold"] * (row.gold is not None)


@given(_rows())
def test_export_csv_round_trip(folder: Path, rows: list[ExportRow]) -> None:
    export(rows, "csv", str(folder / "rows.csv"))
    with (folder / "rows.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [{name: _cell(name, value) for name, value in cells.items()} for cells in read] == _flat(rows)


def _cell(name: str, value: str) -> Any:
    if name in ("uid", "text"):
        return value
    if value == "":
        return None
    return json.loads(value) if name in ("group", "logprobs", "p", "decided_at", "pinned") else value


@given(_rows())
def test_export_parquet_round_trip(folder: Path, rows: list[ExportRow]) -> None:
    export(rows, "parquet", str(folder / "rows.parquet"))
    table = pq.read_table(folder / "rows.parquet")
    assert table.to_pylist() == _flat(rows)
    types = [pa.string(), pa.string(), pa.int64(), pa.string(), pa.list_(pa.float64()), pa.float64(), pa.int64()]
    assert table.schema.types == [*types, pa.bool_(), *[pa.string()] * (table.num_columns - 8)]


_ROW = ExportRow("u", '=1+1,"x"\nnext', 3, "A", [-0.5, -1.25], 0.75, 7, True, {"truth": "true", "x": None})
_BARE = ExportRow("v", "text", None, None, None, None, None, False, {"truth": None, "x": "no"})


def test_export_bytes_of_jsonl_and_csv(tmp_path: Path) -> None:
    export([_ROW, _BARE], "jsonl", str(tmp_path / "a"))
    assert (tmp_path / "a").read_text(encoding="utf-8") == (
        '{"uid":"u","text":"=1+1,\\"x\\"\\nnext","group":3,"label":"A","logprobs":[-0.5,-1.25],"p":0.75,'
        '"decided_at":7,"pinned":true,"gold":{"truth":"true","x":null}}\n'
        '{"uid":"v","text":"text","group":null,"label":null,"logprobs":null,"p":null,'
        '"decided_at":null,"pinned":false,"gold":{"truth":null,"x":"no"}}\n'
    )
    export([_ROW, _BARE], "csv", str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes().decode() == (
        "uid,text,group,label,logprobs,p,decided_at,pinned,gold_truth,gold_x\r\n"
        'u,"=1+1,""x""\nnext",3,A,"[-0.5,-1.25]",0.75,7,true,true,\r\n'
        "v,text,,,,,,false,,no\r\n"
    )


def test_export_of_no_rows(tmp_path: Path) -> None:
    for file_format in FORMATS:
        export([], file_format, str(tmp_path / file_format))
    assert (tmp_path / "jsonl").read_bytes() == b""
    assert (tmp_path / "csv").read_bytes() == b"uid,text,group,label,logprobs,p,decided_at,pinned\r\n"
    assert pq.read_table(tmp_path / "parquet").num_rows == 0


def test_export_parquet_of_many_rows(tmp_path: Path) -> None:
    rows = [ExportRow(str(n), "t", n, "A", [-1.0], 0.5, n, False) for n in range(20_001)]
    export(rows, "parquet", str(tmp_path / "rows"))
    assert pq.read_table(tmp_path / "rows").column("decided_at").to_pylist() == list(range(20_001))


def test_export_refuses_gold_columns_that_differ(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gold_truth"):
        export([ExportRow("a", "t", None, None, None, None, None, False), _ROW], "csv", str(tmp_path / "rows"))
    assert os.listdir(tmp_path) == []


# Where it goes


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_export_to_standard_output(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], file_format: str
) -> None:
    export([_ROW], file_format, str(tmp_path / "file"))
    sys.stdout.write("first ")
    export([_ROW], file_format, "-")
    sys.stdout.write("last")
    sys.stdout.flush()
    assert capsysbinary.readouterr().out == b"first " + (tmp_path / "file").read_bytes() + b"last"


def test_export_leaves_failing_stdout_open(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.BytesIO):
        def write(self, _data: object) -> int:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    raw = Closed()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw))
    with pytest.raises(BrokenPipeError):
        export([_ROW], "csv", "-")
    assert not raw.closed


def test_export_replaces_file_and_keeps_mode(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    export([_ROW], "csv", str(link))
    assert link.is_symlink()
    assert path.read_bytes().startswith(b"uid,")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.csv", "rows.csv"]


def _refused(file_format: str, path: str) -> str:
    with pytest.raises(UserError) as caught:
        export([_ROW], file_format, path)
    return str(caught.value)


def test_export_names_what_cannot_be_written(tmp_path: Path) -> None:
    folder, fifo = tmp_path / "folder", tmp_path / "fifo"
    folder.mkdir()
    os.mkfifo(fifo)
    (tmp_path / "file").write_text("old")
    here = str(tmp_path)
    assert _refused("xlsx", "-") == "The format 'xlsx' is not known; choose one of jsonl, csv, parquet."
    assert _refused("parquet", "-") == "Parquet is not written to standard output; name a file with -o."
    assert _refused("csv", str(folder)) == f"{folder} is a folder; name a file with -o, or - for standard output."
    assert _refused("csv", str(fifo)).startswith(f"{fifo} is not a regular file; ")
    assert _refused("csv", f"{here}/none/rows.csv") == (
        f"{here}/none/rows.csv cannot be written: there is no folder {here}/none; create it, or name another file "
        "with -o."
    )
    assert f"there is no folder {here}/file; create it" in _refused("csv", f"{here}/file/rows.csv")
    assert sorted(os.listdir(tmp_path)) == ["fifo", "file", "folder"]


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_export_keeps_old_file_on_failing_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str, number: int
) -> None:
    path = tmp_path / "rows"
    path.write_text("old")

    def fail(*_args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync" if number == errno.ENOSPC else "replace", fail)
    with pytest.raises(RunFailed if number == errno.ENOSPC else UserError) as caught:
        export([_ROW], file_format, str(path))
    assert isinstance(caught.value, RunFailed) == (number == errno.ENOSPC)
    assert str(caught.value) == (
        f"{path} cannot be written: {os.strerror(number)}; check that its folder is yours to write to and has room, "
        "or name another file with -o."
    )
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["rows"]


def test_export_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert _refused("parquet", str(tmp_path / "rows")) == (
        "Parquet needs the package pyarrow, which is not installed here; install it, or export jsonl or csv."
    )
    assert os.listdir(tmp_path) == []
