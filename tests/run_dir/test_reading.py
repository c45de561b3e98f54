"""Reading a journal: damage said by its line, formats, and single records."""

import json
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.run_dir.journal import Journal
from icm_tui.run_dir.reading import read_record, read_records
from icm_tui.run_dir.records import FORMAT, AnyRecord, ErrorRecord, add_line
from tests.runner.journals import fresh_path, note, sealed, start, texts, whole_journal
from tests.runner.strategies import any_record


def replace_line(data: bytes, number: int, line: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    lines[number - 1] = line
    return b"".join(lines)


@given(records=st.lists(any_record, min_size=1, max_size=3))
def test_crc_is_the_checksum_of_the_bytes_before(records: list[AnyRecord]) -> None:
    with fresh_path() as path:
        for line in whole_journal(path, records).splitlines():
            before = line[: line.rindex(b',"crc":')]
            assert crc32(before) == json.loads(line)["crc"]
            assert "crc" not in json.loads(before + b"}")


@given(records=st.lists(any_record, min_size=1, max_size=3), data=st.data())
def test_reading_names_the_line_of_any_flipped_byte(records: list[AnyRecord], data: st.DataObject) -> None:
    whole = bytearray()
    ends = []
    # Another line must follow the damaged one even if its newline is what was flipped.
    for seq, record in enumerate([*records, note("after it"), note("the end")]):
        record.seq = seq
        add_line(record, whole)
        ends.append(len(whole))
    place = data.draw(st.integers(0, ends[-3] - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with fresh_path() as path:
        path.write_bytes(whole)
        number = 1 + sum(end <= place for end in ends)
        with pytest.raises(UserError, match=rf"is damaged at line {number}: .*checksum"):
            list(read_records(path))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"not json\n", "line 2: its checksum is missing or does not"),
        (sealed(b"{not json}"), "line 2: JSON is malformed"),
        (b"\n", "line 2"),
        (b'{"seq":1,"t":0.0,"kind":"error","what":"b"}\n', "line 2: its checksum is missing or does not"),
        (b'{"seq":1,"t":0.0,"kind":"error","what":"b","crc":7}\n', "line 2: its checksum is missing or does not"),
        (sealed(b'{"seq":1,"t":0.0,"kind":"error"}'), "line 2: Object missing required field `what`"),
        (sealed(b'{"seq":1,"t":0.0,"kind":"riddle"}'), "line 2: Invalid value 'riddle'"),
        (sealed(b'{"seq":1,"t":0.0,"kind":"error","what":"\xff"}'), "line 2"),
        (sealed(b'{"seq":7,"t":0.0,"kind":"error","what":""}'), "line 2: its seq is 7 instead of 1"),
        (b"", "line 2: its seq is 2 instead of 1"),
    ],
)
def test_reading_names_the_line_of_damage(tmp_path: Path, line: bytes, why: str) -> None:
    path = tmp_path / "journal.jsonl"
    data = whole_journal(path, [note("a"), note("b"), note("c")])
    path.write_bytes(replace_line(data, 2, line))
    records = read_records(path)
    next(records)
    with pytest.raises(UserError) as caught:
        list(records)
    assert f"The journal {path} is damaged at {why}" in str(caught.value)
    if line:
        second = data.index(b"\n") + 1
        with pytest.raises(UserError, match=r"damaged at line [23]"):
            list(read_records(path, start_offset=second))


def test_reading_refuses_a_newer_format_of_any_shape(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole_journal(path, [start(FORMAT + 1)])
    for line in (path.read_bytes(), b'{"kind":"start","seq":0,"format":2,"shape":"unheard of"}\n'):
        path.write_bytes(line)
        with pytest.raises(UserError, match=r"written by a newer version.*format is 2.*reads up to 1\. Update icm-tui"):
            list(read_records(path))
        with pytest.raises(UserError, match="newer version"):
            Journal.open(path, durability="paid")


def test_reading_passes_over_unknown_fields(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(sealed(b'{"kind":"error","seq":0,"t":1.5,"what":"a","severity":[1,{"deep":null}]}'))
    assert [record for _, record in read_records(path)] == [ErrorRecord(seq=0, t=1.5, what="a")]


def test_reading_a_missing_journal_fails_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"journal\.jsonl cannot be read: no such file"):
        list(read_records(tmp_path / "journal.jsonl"))
    with pytest.raises(UserError, match="cannot be read: is a directory"):
        list(read_records(tmp_path))


def test_reading_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    data = whole_journal(path, [note("a"), note("b"), note("c")])
    path.write_bytes(replace_line(data, 2, b"damage\n"))
    _, record = next(read_records(path))
    assert isinstance(record, ErrorRecord)
    assert record.what == "a"


def test_read_record_reads_one_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole_journal(path, [note("a"), note("b"), note("c")])
    assert all(read_record(path, offset) == record for offset, record in read_records(path))
    with pytest.raises(UserError, match="damaged at line 1"):
        read_record(path, 3)
    assert texts(path) == ["a", "b", "c"]
