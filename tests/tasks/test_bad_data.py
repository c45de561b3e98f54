"""Data files that cannot be used, each with the exact sentence that a person sees."""

import json
import sys
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icm_tui.errors import UserError
from icm_tui.tasks.registry import load_task
from icm_tui.tasks.section import TaskSection
from tests.tasks.given import Given, seeded


def _refusal(settings: TaskSection) -> str:
    with pytest.raises(UserError) as caught:
        load_task(seeded(settings, 1), labels=["A", "B"], rule=None)
    assert caught.value.exit_status == 2
    return str(caught.value)


def _lines(*rows: object) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


_TWO = _lines({"q": "one", "g": 1, "y": True}, {"q": "two", "g": 1, "y": False})

BAD: list[tuple[str, str, bytes, Given, str]] = [
    (
        "missing text column, near name",
        "data.jsonl",
        _lines({"question": "one"}),
        Given(text="qestion"),
        'data.jsonl has no column "qestion", which task.text names; did you mean "question"?',
    ),
    (
        "missing text column, other case",
        "data.csv",
        b"Question,Answer\na,b\n",
        Given(text="{question} {Answer}"),
        'data.csv has no column "question", which task.text names; did you mean "Question"?',
    ),
    (
        "missing text column, nothing near",
        "data.csv",
        b",Question,Answer\n1,a,b\n",
        Given(text="zzz"),
        'data.csv has no column "zzz", which task.text names; known are "Question", "Answer".',
    ),
    (
        "row without the text column",
        "data.jsonl",
        _lines({"q": "one"}, {"Q": "two"}),
        Given(text="q"),
        'data.jsonl, line 2 has no column "q", which task.text names; did you mean "Q"?',
    ),
    (
        "missing uid column",
        "data.jsonl",
        _TWO,
        Given(text="q", uid="id"),
        'data.jsonl has no column "id", which task.uid names; known are "q", "g", "y".',
    ),
    (
        "missing group column",
        "data.json",
        b'[{"q": "one", "pair": 1}]',
        Given(text="q", group="pairs"),
        'data.json has no column "pairs", which task.group names; did you mean "pair"?',
    ),
    (
        "missing key column",
        "data.jsonl",
        _TWO,
        Given(text="q", group="g", key="final"),
        'data.jsonl has no column "final", which task.key names; known are "q", "g", "y".',
    ),
    (
        "missing gold column",
        "data.jsonl",
        _TWO,
        Given(text="q", gold=["label"]),
        'data.jsonl has no column "label", which task.gold names; known are "q", "g", "y".',
    ),
    (
        "null text",
        "data.jsonl",
        b'{"q": "one"}\n\n{"q": null}\n',
        Given(text="q"),
        'data.jsonl, line 3, column "q" is null; task.text needs a value in every row, '
        "so fill it in or remove the row.",
    ),
    (
        "blank text",
        "data.jsonl",
        _lines({"q": " \n"}),
        Given(text="q"),
        'data.jsonl, line 1, column "q" is empty; task.text needs a value in every row, '
        "so fill it in or remove the row.",
    ),
    (
        "empty column of a template",
        "data.csv",
        b'q,a\n"two\nlines",yes\nwhy,\n',
        Given(text="{q} {a}"),
        'data.csv, line 4, column "a" is empty; task.text needs a value in every row, so fill it in or remove the row.',
    ),
    (
        "list as text",
        "data.json",
        b'[{"q": "one"}, {"q": ["two"]}]',
        Given(text="q"),
        'data.json, row 2, column "q" holds a list; task.text needs a string or a number.',
    ),
    (
        "object as uid",
        "data.jsonl",
        _lines({"q": "one", "id": {}}),
        Given(text="q", uid="id"),
        'data.jsonl, line 1, column "id" holds an object; task.uid needs a string or a number.',
    ),
    (
        "list as key",
        "data.jsonl",
        _lines({"q": "one", "g": 1, "k": []}),
        Given(text="q", group="g", key="k"),
        'data.jsonl, line 1, column "k" holds a list; task.key needs a string or a number.',
    ),
    (
        "half a character",
        "data.jsonl",
        rb'{"q": "one \ud83d"}',
        Given(text="q"),
        'data.jsonl, line 1, column "q" holds half a surrogate pair, which is no character; '
        "task.text needs a string or a number.",
    ),
    (
        "duplicate uid",
        "data.jsonl",
        _lines({"q": "one", "id": 7}, {"q": "two", "id": 8}, {"q": "three", "id": "7"}),
        Given(text="q", uid="id"),
        'data.jsonl, line 3, column "id" repeats the uid "7" of line 1; make it unique or leave task.uid out.',
    ),
    (
        "empty uid",
        "data.csv",
        b"q,id\none,\n",
        Given(text="q", uid="id"),
        'data.csv, line 2, column "id" is empty; task.uid needs a value in every row, so fill it in or remove the row.',
    ),
    (
        "null group",
        "data.jsonl",
        _lines({"q": "one", "g": 1}, {"q": "two", "g": None}),
        Given(text="q", group="g"),
        'data.jsonl, line 2, column "g" is null; task.group needs a value in every row, '
        "so fill it in or remove the row.",
    ),
    (
        "key without group",
        "data.jsonl",
        _TWO,
        Given(text="q", key="g"),
        'task.key = "g" tells answers apart inside a group, but task.group is not given; '
        "name the group's column or remove task.key.",
    ),
    (
        "group that is gold",
        "data.jsonl",
        _TWO,
        Given(text="q", group="y", gold=["y"]),
        'task.group and task.gold both name the column "y", which would show the gold; remove it from one of them.',
    ),
    (
        "key that is gold",
        "data.jsonl",
        _TWO,
        Given(text="q", group="g", key="y", gold=["y"]),
        'task.key and task.gold both name the column "y", which would show the gold; remove it from one of them.',
    ),
    (
        "text that shows gold",
        "data.jsonl",
        _TWO,
        Given(text="{q} {y}", gold=["y"]),
        'task.text and task.gold both name the column "y", which would show the gold; remove it from one of them.',
    ),
    (
        "gold number that is no class",
        "data.csv",
        b"q,score\none,1\ntwo,2.5\n",
        Given(text="q", gold=["score"]),
        'data.csv, line 3, column "score" holds "2.5", which cannot be read as gold; use true/false, 1/0, 1/-1, '
        "or at most 2 different words.",
    ),
    (
        "gold that is a list",
        "data.jsonl",
        _lines({"q": "one", "y": [1]}),
        Given(text="q", gold=["y"]),
        'data.jsonl, line 1, column "y" holds a list, which cannot be read as gold; use true/false, 1/0, 1/-1, '
        "or at most 2 different words.",
    ),
    (
        "gold that mixes 0 and -1",
        "data.jsonl",
        _lines({"q": "one", "y": -1}, {"q": "two", "y": 1}, {"q": "three", "y": 0}),
        Given(text="q", gold=["y"]),
        'data.jsonl, line 3, column "y" holds 0, but line 1 holds -1; '
        "use either 1/0 or 1/-1, and null for what is missing.",
    ),
    (
        "gold of words and numbers",
        "data.csv",
        b"q,y\none,yes\ntwo,1\n",
        Given(text="q", gold=["y"]),
        'data.csv, line 3, column "y" holds 1, but line 2 holds the word "yes"; write all of its values in one way.',
    ),
    (
        "gold of more words than labels",
        "data.json",
        b'[{"q": "one", "y": "red"}, {"q": "two", "y": "green"}, {"q": "three", "y": "blue"}]',
        Given(text="q", gold=["y"]),
        'data.json, row 3, column "y" holds "blue", one class more than the 2 labels of prompt.labels; '
        "add a label or leave the column out of task.gold.",
    ),
    (
        "gold column named twice",
        "data.jsonl",
        _TWO,
        Given(text="q", gold=["y", "y"]),
        'task.gold names "y" twice; remove one of them.',
    ),
    (
        "a line that is no object",
        "data.jsonl",
        b'{"q": "one"}\n["two"]\n',
        Given(text="q"),
        'data.jsonl, line 2 is a list, not an object; write each row as {"column": value, ...}.',
    ),
    (
        "an entry that is no object",
        "data.json",
        b'[{"q": "one"}, "two"]',
        Given(text="q"),
        'data.json, row 2 is a string, not an object; write each row as {"column": value, ...}.',
    ),
    (
        "JSON that is no array",
        "data.json",
        b'{"rows": []}',
        Given(text="q"),
        "data.json holds an object, not an array; write it as [{...}, {...}].",
    ),
    (
        "torn line",
        "data.jsonl",
        b'{"q": "one"}\n{"q": "tw',
        Given(text="q"),
        "data.jsonl, line 2, column 7 is not JSON (Unterminated string starting at); mend it.",
    ),
    (
        "bad JSON in the middle of an array",
        "data.json",
        b'[\n  {"q": "one"},\n  {"q" "two"}\n]',
        Given(text="q"),
        "data.json, line 3, column 8 is not JSON (Expecting ':' delimiter); mend it.",
    ),
    (
        "JSON lines called .json",
        "data.json",
        _TWO,
        Given(text="q"),
        "data.json, line 2, column 1 is not JSON (Extra data); if it has one object a line, name it .jsonl.",
    ),
    (
        "JSON that nests without end",
        "data.jsonl",
        b'{"q": "one"}\n' + b"[" * 200_000,
        Given(text="q"),
        "data.jsonl, line 2 nests too deeply or has a number too long to be read; simplify it.",
    ),
    (
        "a number of too many digits",
        "data.jsonl",
        b'{"q": ' + b"7" * 10_000 + b"}",
        Given(text="q"),
        "data.jsonl, line 1 nests too deeply or has a number too long to be read; simplify it.",
    ),
    (
        "broken UTF-8 in JSON lines",
        "data.jsonl",
        b'{"q": "one"}\n{"q": "caf\xe9"}\n',
        Given(text="q"),
        "data.jsonl, line 2, byte 11 is not UTF-8 text; save the file in the encoding UTF-8.",
    ),
    (
        "broken UTF-8 in CSV",
        "data.csv",
        b"q\none\ntwo \xff\n",
        Given(text="q"),
        "data.csv, line 3, byte 5 is not UTF-8 text; save the file in the encoding UTF-8.",
    ),
    (
        "UTF-16",
        "data.csv",
        "q\none\n".encode("utf-16"),
        Given(text="q"),
        "data.csv, line 1, byte 1 is not UTF-8 text; save the file in the encoding UTF-8.",
    ),
    (
        "empty file",
        "data.jsonl",
        b"",
        Given(text="q"),
        "data.jsonl holds no rows; put at least one in it or correct task.path.",
    ),
    (
        "empty JSON",
        "data.json",
        b" \n",
        Given(text="q"),
        "data.json holds no rows; put at least one in it or correct task.path.",
    ),
    (
        "empty array",
        "data.json",
        b"[]",
        Given(text="q"),
        "data.json holds no rows; put at least one in it or correct task.path.",
    ),
    (
        "header only",
        "data.csv",
        b"q,y\n",
        Given(text="q"),
        "data.csv holds no rows; put at least one in it or correct task.path.",
    ),
    (
        "CSV row of too many fields",
        "data.csv",
        b"q,y\none,1\ntwo, or three,0\n",
        Given(text="q"),
        "data.csv, line 3 has 3 fields where the header has 2; put fields that contain commas in double quotes.",
    ),
    (
        "CSV header that repeats a name",
        "data.csv",
        b"q,y,q\none,1,two\n",
        Given(text="q"),
        'data.csv, line 1 names the column "q" twice; rename one of them.',
    ),
    (
        "CSV quote that never closes",
        "data.csv",
        b'q,y\none,1\n"two,0\nthree,1\n',
        Given(text="q"),
        "data.csv, line 3 is not CSV (unexpected end of data); check its quotes.",
    ),
    (
        "unknown suffix",
        "data.txt",
        b"one\n",
        Given(text="q"),
        'data.txt ends in ".txt", which is no known format; convert it to .jsonl, .json, .csv or .parquet, or rename '
        "it.",
    ),
    (
        "no suffix",
        "data",
        b"one\n",
        Given(text="q"),
        "data has no suffix, which is no known format; convert it to .jsonl, .json, .csv or .parquet, or rename it.",
    ),
    (
        "limit below the first group",
        "data.jsonl",
        _TWO,
        Given(text="q", group="g", limit=1),
        "task.limit = 1 is smaller than the first group, which has 2 rows and is never split; give at least 2.",
    ),
    (
        "settings that a file has no use for",
        "data.jsonl",
        _TWO,
        Given(text="q", split="train"),
        'task.split has no meaning for dataset "file"; remove it.',
    ),
    (
        "no text named",
        "data.jsonl",
        _TWO,
        Given(),
        'task.text is missing; dataset "file" needs the column to show, as in text = "question", or a template, '
        'as in text = "{question} {answer}".',
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "settings", "sentence"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_file_that_is_bad_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, settings: TaskSection, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    assert _refusal(msgspec.structs.replace(settings, path=name)) == sentence


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (None, 'task.path is missing; dataset "file" needs the file to label, as in path = "data.jsonl".'),
        ("absent.csv", "absent.csv does not exist; correct task.path."),
        (
            "folder.csv",
            "folder.csv is a folder; name a file of type .jsonl, .json, .csv or .parquet in task.path.",
        ),
        (
            "~no-such-person-here/a.csv",
            "~no-such-person-here/a.csv begins with a home folder that does not exist; correct task.path.",
        ),
        ("a\0\x1b[2J.csv", '"a\\x00\\x1b[2J.csv" does not exist; correct task.path.'),
    ],
)
def test_read_table_refuses_path_that_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    assert _refusal(Given(path=path, text="q")) == sentence


def test_read_table_refuses_file_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "data.csv").write_bytes(b"q\none\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    refusal = _refusal(Given(path="data.csv", text="q"))
    assert refusal == "data.csv cannot be read (Permission denied); mend that or correct task.path."


def test_read_table_refuses_bad_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("torn.parquet").write_bytes(b"PAR1")
    refusal = _refusal(Given(path="torn.parquet", text="q"))
    assert refusal.startswith("torn.parquet is not readable as parquet (")
    assert refusal.endswith("); write it again.")
    pq.write_table(pa.table({"q": ["one", None], "b": [b"x", b"y"]}), "data.parquet")
    assert _refusal(Given(path="data.parquet", text="q")) == (
        'data.parquet, row 2, column "q" is null; task.text needs a value in every row, '
        "so fill it in or remove the row."
    )
    assert _refusal(Given(path="data.parquet", text="b")) == (
        'data.parquet, row 1, column "b" holds a value of type bytes; task.text needs a string or a number.'
    )
    assert _refusal(Given(path="data.parquet", text="w")) == (
        'data.parquet has no column "w", which task.text names; known are "q", "b".'
    )


def test_read_table_refuses_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert _refusal(Given(path="data.parquet", text="q")) == (
        "data.parquet needs the package pyarrow to be read; install it, or convert the file to .jsonl or .csv."
    )
