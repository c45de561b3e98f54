"""Tables from the Hub: a server on loopback in its shape, read by processes of their own, since the Hub's library
reads its variables once, when it is imported."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from icm_tui.tasks.hub import Progress
from icm_tui.tasks.tables import read_table
from tests.servers.hub import Fault, Hub, hub_server

ROWS = [
    {"question": "first", "answer": "yes", "label": 1},
    {"question": "second", "answer": "nö,\nor \x1b[2J no", "label": 0},
    {"question": "third", "answer": None, "label": None},
]
CSV = b'question,answer,label\nfirst,"a, ""b""",1\nsecond,NaN,007\nthird,,1e3\n'
JSON_LINES = b'{"question": "first", "label": true}\n\n{"question": "second", "more": [1, {"a": null}]}\n'
TOKEN = "hf_aVerySecretTokenOfSomebody"  # a made-up one

_READ = """
import json, sys
from icm_tui.errors import UserError
from icm_tui.tasks.card import Card, HubFiles, Place, Split
from icm_tui.tasks.dataset import read_source
from tests.tasks.given import Given, seeded

repository, files, revision, columns, large = json.loads(sys.argv[1])
if large is not None:
    import icm_tui.tasks.hub as hub
    hub.read_hub.__kwdefaults__["large"], hub.read_hub.__kwdefaults__["most"] = large
words = dict.fromkeys(["about", "item", "groups", "gold", "paper", "licence"], "")
place = Place([], HubFiles(repository, files), columns)
card = Card(**words, rule="none", terms="free", splits={"all": Split({"rows": place})}, split="all")
try:
    source = read_source(Given(dataset="made_up", revision=revision), card)
except UserError as error:
    print(json.dumps({"error": str(error)}))
else:
    table = source.tables["rows"]
    told = {"rows": [row.values for row in table.rows], "header": table.header, "name": table.name}
    told |= {"lines": [row.line for row in table.rows], "revision": source.revision, "notes": source.notes}
    print(json.dumps(told | {"loaded": [name for name in ("datasets", "pandas", "pyarrow") if name in sys.modules]}))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server() as server:
        yield server


class Reader:
    """Reads from `hub` with a cache below `folder`, each time in a new process."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder

    def environment(self, **more: str) -> dict[str, str]:
        """What makes a process ask the hub, and give up after a second of silence."""
        mine = {"HF_ENDPOINT": self.hub.address, "HF_HOME": str(self.folder), "HF_HUB_OFFLINE": "0"}
        mine |= {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_ETAG_TIMEOUT": "1", "HF_TOKEN": TOKEN}
        return os.environ | mine | {"HF_DATASETS_OFFLINE": "0", "NO_PROXY": "127.0.0.1"} | more

    def read(
        self,
        *files: str,
        repository: str = "some/set",
        revision: str | None = None,
        columns: list[str] | None = None,
        large: tuple[int, int] | None = None,
        **environment: str,
    ) -> dict[str, object]:
        """What a process makes of these files: rows and more, or "error". Nothing else may it say."""
        asked = json.dumps([repository, files, revision, columns, large])
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", _READ, asked],
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert done.stderr == ""
        assert TOKEN not in done.stdout
        told: dict[str, object] = json.loads(done.stdout)
        return told

    def error(self, *files: str, **more: str) -> str:
        """The sentence that reading these files ends in."""
        told = self.read(*files, **more)  # type: ignore[arg-type]
        assert list(told) == ["error"], told
        return str(told["error"])

    def kept(self) -> list[str]:
        """The names of all data in the cache, whole or not."""
        blobs = self.folder.rglob("blobs/*")
        return sorted(path.name for path in blobs)


@pytest.fixture
def reader(hub: Hub, tmp_path: Path) -> Reader:
    return Reader(hub, tmp_path / "hf")


def _parquet(rows: list[dict[str, object]]) -> bytes:
    content = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [("rows.parquet", _parquet(ROWS)), ("rows.csv", CSV), ("rows.jsonl", JSON_LINES), ("rows.json", b'[{"a": 1}]')],
)
def test_hub_file_gives_the_same_rows_as_from_a_folder(
    reader: Reader, hub: Hub, tmp_path: Path, name: str, content: bytes
) -> None:
    commit = hub.repository("some/set").commit({f"data/{name}": content, "set.py": b"raise SystemExit('a script')"})
    (tmp_path / name).write_bytes(content)
    local = read_table(str(tmp_path / name))
    told = reader.read(f"data/{name}")
    assert told["rows"] == [row.values for row in local.rows]
    assert told["lines"] == [row.line for row in local.rows]
    assert told["header"] == local.header
    assert told["name"] == f"hf://datasets/some/set/data/{name}"
    assert told["revision"] == commit
    assert told["notes"] == []
    assert "datasets" not in told["loaded"]  # type: ignore[operator]
    assert not any(path.endswith("set.py") for path in hub.seen)


def test_hub_csv_without_header_has_columns_of_the_card(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": b"a,b\nc,d\n"})
    told = reader.read("rows.csv", columns=["one", "two"])
    assert told["rows"] == [{"one": "a", "two": "b"}, {"one": "c", "two": "d"}]


def test_hub_joins_files_in_the_order_of_their_names(reader: Reader, hub: Hub) -> None:
    files = {f"data/train-{n}.parquet": _parquet([{"n": n}]) for n in (1, 0)}
    other = {"data/train-x/2.parquet": _parquet([{"n": 7}]), "data/../train-3.parquet": b"PAR1"}
    hub.repository("some/set").commit(files | other | {"data/test-0.parquet": _parquet([{"n": 9}])})
    told = reader.read("data/train-*.parquet")
    assert told["rows"] == [{"n": 0}, {"n": 1}]
    assert told["lines"] == [1, 2]


def test_hub_refuses_files_with_unlike_columns(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"a-0.csv": b"a\n1\n", "a-1.csv": b"b\n1\n"})
    assert reader.error("a-*.csv") == (
        "hf://datasets/some/set/a-1.csv has other columns than hf://datasets/some/set/a-0.csv; name another "
        "task.revision."
    )


def test_hub_revision_reads_old_commit_after_main_moved(reader: Reader, hub: Hub) -> None:
    repository = hub.repository("some/set")
    old = repository.commit({"rows.csv": b"a\nold\n"})
    repository.branches["refs/convert/parquet"] = old
    new = repository.commit({"rows.csv": b"a\nnew\n"})
    for revision, commit, cell in [(None, new, "new"), (old, old, "old"), ("refs/convert/parquet", old, "old")]:
        told = reader.read("rows.csv", revision=revision)
        assert (told["revision"], told["rows"]) == (commit, [{"a": cell}])
    repository.commit({"rows.csv": b"a\nnewest\n"})
    assert reader.read("rows.csv")["rows"] == [{"a": "newest"}]


def test_hub_cache_serves_without_the_hub(reader: Reader, hub: Hub) -> None:
    repository = hub.repository("some/set")
    commit = repository.commit({"rows.csv": CSV, "other.csv": CSV})
    first = reader.read("rows.csv")
    hub.seen.clear()
    again = reader.read("rows.csv", HF_HUB_OFFLINE="1")
    assert hub.seen == []
    assert again["rows"] == first["rows"]
    assert again["revision"] == commit
    note = f"Read from the cache: commit {commit[:12]} of some/set, since the Hub could not be reached"
    assert again["notes"] == [f"{note} (HF_HUB_OFFLINE is set)."]
    assert reader.read("rows.csv", HF_ENDPOINT="http://127.0.0.1:9")["notes"] == [f"{note} (no connection)."]
    hub.status = 503
    assert reader.read("rows.csv")["notes"] == [f"{note} (status 503)."]
    # A commit by its name is the same wherever it is read.
    assert reader.read("rows.csv", revision=commit)["notes"] == []


@pytest.mark.slow
def test_hub_is_needed_for_file_outside_the_cache(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": CSV, "other.csv": CSV + b"x,y,z\n"})
    reader.read("rows.csv")
    hub.status = 503
    assert reader.error("other.csv") == (
        "hf://datasets/some/set/other.csv could not be downloaded (status 503); nothing of it was kept. Check the "
        "network and try again, or download it elsewhere and name its folder in task.path."
    )


def test_hub_is_needed_for_what_was_never_read(reader: Reader, hub: Hub) -> None:
    elsewhere = 'its cache has no some/set at "main"; check the network, or download it elsewhere and name its folder'
    for address, reason in [("http://127.0.0.1:9", "no connection"), (hub.address, "status 500")]:
        hub.status = 500
        assert reader.error("rows.csv", HF_ENDPOINT=address) == (
            f"The Hub could not be reached ({reason}), and {elsewhere} in task.path."
        )
    assert reader.error("rows.csv", HF_HUB_OFFLINE="1") == (
        f"The Hub could not be reached (HF_HUB_OFFLINE is set), and {elsewhere} in task.path."
    )


def test_hub_that_never_answers_is_given_up(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": CSV})
    hub.deaf = True
    assert reader.error("rows.csv").startswith("The Hub could not be reached (no answer within 1 seconds)")


def test_hub_refusals_are_explained(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": CSV})
    hub.repository("some/gated").closed = "gated"
    hub.repository("some/private").closed = "private"
    elsewhere = "or download it elsewhere and name its folder in task.path."
    missing = "is private and HF_TOKEN does not open it; check the token"
    assert reader.error("rows.csv", repository="some/private") == (
        f"There is no dataset some/private on the Hub, or it {missing}, {elsewhere}"
    )
    assert reader.error("rows.csv", repository="some/gated") == (
        "some/gated is gated on the Hub: its terms must be accepted on its page and a token of that account set as "
        f"HF_TOKEN; do that, {elsewhere}"
    )
    assert reader.error("rows.csv", revision="v9") == (
        'some/set has no commit, branch or tag "v9" on the Hub; correct task.revision.'
    )
    assert reader.error("rows.csv", revision="0" * 40) == (
        f'some/set has no commit, branch or tag "{"0" * 35}..." on the Hub; correct task.revision.'
    )
    assert reader.error("rows.csv", revision="../main") == (
        'task.revision = "../main" is not the name of a commit, branch or tag; correct it.'
    )
    commit = hub.repositories["some/set"].branches["main"][:12]
    assert reader.error("row.csv") == (
        f"some/set has no file row.csv at commit {commit}; name another task.revision, {elsewhere}"
    )
    assert hub.tokens <= {"", f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("cut", "could not be downloaded (the connection broke off); nothing of it was kept"),
        ("reset", "could not be downloaded (the connection broke off); nothing of it was kept"),
        ("short", "is not the file that the Hub lists under that name; it was removed from the cache"),
        ("wrong", "is not the file that the Hub lists under that name; it was removed from the cache"),
    ],
)
def test_hub_partial_file_leaves_nothing_and_a_retry_works(reader: Reader, hub: Hub, fault: Fault, reason: str) -> None:
    content = _parquet(ROWS)
    hub.repository("some/set").commit({"rows.parquet": content})
    hub.faults["rows.parquet"] = fault
    assert reason in reader.error("rows.parquet")
    assert reader.kept() == []
    hub.faults.clear()
    assert reader.read("rows.parquet")["rows"] == ROWS


@pytest.mark.slow
def test_hub_download_that_stops_is_given_up(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": CSV})
    hub.faults["rows.csv"] = "hang"
    assert "could not be downloaded (no answer within 1 seconds)" in reader.error("rows.csv")
    assert reader.kept() == []


def test_hub_refuses_file_that_is_only_listed(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": CSV})
    hub.faults["rows.csv"] = "missing"
    assert reader.error("rows.csv").startswith("The Hub lists hf://datasets/some/set/rows.csv and has no such file;")


def test_hub_refuses_changed_file_in_the_cache(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": CSV})
    reader.read("rows.csv")
    (blob,) = reader.folder.rglob("blobs/*")
    blob.write_bytes(CSV.replace(b"007", b"008"))
    assert "is not the file that the Hub lists" in reader.error("rows.csv")
    rows = reader.read("rows.csv")["rows"]
    assert isinstance(rows, list)
    assert rows[1]["label"] == "007"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("rows.csv", b"a,b\n1\n", "hf://datasets/some/set/rows.csv, line 2 has 1 fields where the header has 2;"),
        ("rows.parquet", b"PAR1nonsense", "hf://datasets/some/set/rows.parquet is not readable as parquet ("),
        ("rows.jsonl", b"{]\n", "hf://datasets/some/set/rows.jsonl, line 1, column 2 is not JSON ("),
        ("rows.json", b"[]", "hf://datasets/some/set/rows.json holds no rows;"),
    ],
)
def test_hub_names_broken_file_by_its_address(
    reader: Reader, hub: Hub, name: str, content: bytes, sentence: str
) -> None:
    commit = hub.repository("some/set").commit({name: content})
    said = reader.error(name)
    assert said.startswith(sentence)
    assert said.endswith(
        f"The Hub has it like that at commit {commit[:12]}; name another task.revision, or a mended copy in task.path."
    )


@pytest.mark.slow
def test_hub_streams_large_parquet_up_to_the_limit(reader: Reader, hub: Hub) -> None:
    files = {f"data/train-{n}.parquet": _parquet([{"n": n, "text": "x\x1b"}, {"n": -n, "text": None}]) for n in (1, 2)}
    commit = hub.repository("some/set").commit(files)
    told = reader.read("data/train-*.parquet", large=(10, 3))
    assert told["rows"] == [{"n": 1, "text": "x\x1b"}, {"n": -1, "text": None}, {"n": 2, "text": "x\x1b"}]
    assert told["revision"] == commit
    size = sum(map(len, files.values()))
    assert told["notes"] == [f"The first 3 rows of some/set, whose files take {size / 1000:.3g} kB."]
    assert "datasets" in told["loaded"]  # type: ignore[operator]
    whole = reader.read("data/train-*.parquet", large=(10, 4))
    assert len(whole["rows"]) == 4  # type: ignore[arg-type]
    assert whole["notes"] == []
    assert reader.kept() == []
    assert reader.error("data/train-*.parquet", large=(10, 4), HF_HUB_OFFLINE="1").startswith(  # type: ignore[arg-type]
        f"some/set takes {size / 1000:.3g} kB and is read from the Hub row by row, which failed ("
    )


def test_hub_refuses_large_file_that_is_no_parquet(reader: Reader, hub: Hub) -> None:
    hub.repository("some/set").commit({"rows.csv": CSV})
    assert reader.error("rows.csv", large=(10, 3)) == (  # type: ignore[arg-type]
        f"rows.csv of some/set takes {len(CSV)} B, too much to read whole; download it, keep the rows you want, and "
        "name that file in task.path."
    )
    assert reader.kept() == []


_RUN = """
import sys
from types import SimpleNamespace
from icm_tui.cli import main
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, Place, Split
from icm_tui.tasks.dataset import Dataset, Rows

assert not {"datasets", "huggingface_hub", "pandas", "pyarrow", "httpx2"} & set(sys.modules)
words = dict.fromkeys(["about", "item", "groups", "gold", "paper", "licence"], "")
place = Place([], HubFiles("some/set", ["rows.csv"]))
card = Card(**words, rule="none", terms="free", splits={"all": Split({"rows": place})}, split="all")

def rows(source):
    return Rows(source.table, Columns("text", gold={"label": "label"}))

sys.modules["icm_tui.tasks.datasets.topics"] = SimpleNamespace(DATASET=Dataset(card, rows))
sys.exit(main(["run", "topics", "--headless", "--out", sys.argv[1], *sys.argv[2:]]))
"""


def test_hub_commit_is_named_in_the_run(reader: Reader, hub: Hub, tmp_path: Path) -> None:
    repository = hub.repository("some/set")
    old = repository.commit({"rows.csv": _claims("old")})

    def run(name: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(tmp_path / name), *words],
            env=reader.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert not any(TOKEN.encode() in path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file())
        return (tmp_path / name / "profile.toml").read_text()

    assert f'revision = "{old}"' in run("first")
    repository.commit({"rows.csv": _claims("new")})
    assert f'revision = "{old}"' in run("again", "--set", f"task.revision={old}")
    first, again = ((tmp_path / name / "items.jsonl").read_bytes() for name in ("first", "again"))
    assert first == again
    assert f'revision = "{repository.branches["main"]}"' in run("moved")
    assert b"new" in (tmp_path / "moved" / "items.jsonl").read_bytes()


def _claims(word: str) -> bytes:
    lines = [f"the {word} claim number {n},{n % 2}\n" for n in range(40)]
    return "".join(["text,label\n", *lines]).encode()


def test_hub_libraries_are_not_loaded_for_a_local_csv(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(_claims("local"))
    code = """
import sys
from icm_tui.tasks.registry import load_task
from tests.tasks.given import Given, seeded
load_task(seeded(Given(dataset="file", path=sys.argv[1], text="text"), 1), labels=["A", "B"], rule=None)
print(*sorted({"datasets", "huggingface_hub", "pandas", "pyarrow", "httpx", "httpx2", "fsspec"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "rows.csv")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_draws_one_line_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    with Progress("Reading a/b from the Hub", 2_000_000) as progress, progress.bars()(total=5, initial=500) as bar:
        bar.update(1_000_000)
        bar.update_transfer(7)
    assert shown.getvalue().startswith("\r\x1b[KReading a/b from the Hub: 500 B of 2 MB")
    assert shown.getvalue().endswith("\r\x1b[K")
    assert "\n" not in shown.getvalue()


def test_progress_counts_rows_if_no_size_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    with Progress("Reading rows", None) as progress:
        progress.add(1200)
    assert "Reading rows: 1,200 rows" in shown.getvalue()


def test_progress_writes_nothing_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Reading rows", 10) as progress:
        progress.bars()().update(10)
    assert capsys.readouterr() == ("", "")
