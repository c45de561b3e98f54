import errno
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icm_tui.errors import RunFailed
from icm_tui.run_dir import inbox, layout
from icm_tui.run_dir.inbox import Command
from icm_tui.run_dir.journal import Journal
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import CommandRecord


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return layout.create(tmp_path / "run")


def visible(run: RunDir) -> list[str]:
    return sorted(name for name in os.listdir(run.inbox) if not name.startswith("."))


def test_inbox_keeps_commands_in_order_until_done(run: RunDir) -> None:
    ids = [
        inbox.send(run, "pause", {}),
        inbox.send(run, "to", {"n": 12}, seen_seq=7),
        inbox.send(run, "resume", {"set": ["run.max_calls=5"]}),
    ]
    expected = [
        Command(ids[0], "pause"),
        Command(ids[1], "to", {"n": 12}, 7),
        Command(ids[2], "resume", {"set": ["run.max_calls=5"]}),
    ]
    assert len(set(ids)) == 3
    assert inbox.take(run) == expected
    assert inbox.take(run) == expected
    inbox.done(run, expected[1])
    inbox.done(run, expected[1])
    assert inbox.take(run) == [expected[0], expected[2]]


def test_inbox_command_is_a_private_file_of_plain_json(run: RunDir) -> None:
    before = os.umask(0)
    try:
        name = inbox.send(run, "to", {"n": 12}, seen_seq=7)
    finally:
        os.umask(before)
    file = run.inbox / f"{name}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_bytes()) == {"id": name, "what": "to", "args": {"n": 12}, "seen_seq": 7}
    assert os.listdir(run.inbox) == [file.name]


def test_inbox_is_made_again_if_a_copy_lost_it(run: RunDir) -> None:
    run.inbox.rmdir()
    assert inbox.take(run) == []
    name = inbox.send(run, "pause", {})
    assert [command.id for command in inbox.take(run)] == [name]
    assert stat.S_IMODE(run.inbox.stat().st_mode) == 0o700


def test_inbox_hides_a_command_that_is_being_written(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[Command]] = []
    replace = os.replace

    def look_first(old: Path, new: Path) -> None:
        seen.append(inbox.take(run))
        replace(old, new)

    monkeypatch.setattr(os, "replace", look_first)
    inbox.send(run, "pause", {})
    assert seen == [[]]
    assert len(inbox.take(run)) == 1


def test_inbox_reports_a_full_disk_to_the_sender(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(RunFailed, match="cannot be written: no space left on device"):
        inbox.send(run, "pause", {})
    monkeypatch.undo()
    assert os.listdir(run.inbox) == []


def test_inbox_that_cannot_be_made_is_reported_to_the_sender(run: RunDir) -> None:
    run.inbox.rmdir()
    run.inbox.write_bytes(b"")
    with pytest.raises(RunFailed, match=r"inbox .*cannot be written"):
        inbox.send(run, "pause", {})
    assert inbox.take(run) == []


def test_inbox_refuses_junk_once_and_moves_it_aside(run: RunDir) -> None:
    good = inbox.send(run, "pause", {})
    (run.inbox / "note.txt").write_bytes(b"hello")
    (run.inbox / "half.json").write_bytes(b'{"id":"half","wh')
    (run.inbox / "other.json").write_bytes(b'{"id":"../../elsewhere","what":"pause"}')
    (run.inbox / "sly.json").write_bytes(b'{"id":"sly","what":"pause","refused":"yes"}')
    (run.inbox / "big.json").write_bytes(b'{"id":"big","what":"' + b"x" * 70_000 + b'"}')
    (run.inbox / "deep.json").write_bytes(b'{"id":"deep","what":"x","args":{"a":' + b"[" * 20_000)
    (run.inbox / "folder.json").mkdir()
    (run.inbox / "folder.json" / "inside").write_bytes(b"")
    (run.inbox / "link.json").symlink_to(run.inbox / f"{good}.json")
    os.mkfifo(run.inbox / "pipe.json")
    taken = inbox.take(run)
    assert [command.id for command in taken if not command.refused] == [good]
    reasons = {command.id: command.refused for command in taken if command.refused}
    assert list(reasons) == sorted(reasons)
    assert reasons.keys() == {
        "note.txt",
        "half.json",
        "other.json",
        "sly.json",
        "big.json",
        "deep.json",
        "folder.json",
        "link.json",
        "pipe.json",
    }
    assert reasons["note.txt"] == "it is not a .json file"
    assert reasons["half.json"].startswith("it is not a command: ")
    assert reasons["deep.json"].startswith("it is not a command: ")
    assert "its id is not the file's name" in reasons["other.json"]
    assert reasons["big.json"] == "it is longer than 65536 bytes"
    assert reasons["folder.json"] == reasons["pipe.json"] == "it is not a plain file"
    assert reasons["link.json"].startswith("it cannot be read")
    for command in taken:
        inbox.done(run, command)
    assert visible(run) == []
    assert inbox.take(run) == []
    assert (run.path / "elsewhere").exists() is False


def test_inbox_shows_an_undecodable_name_as_text(run: RunDir) -> None:
    with open(os.fsencode(run.inbox) + b"/\xff.json", "wb") as file:
        file.write(b"junk")
    (refused,) = inbox.take(run)
    assert refused.id == "\ufffd.json"


def test_inbox_skips_junk_that_cannot_be_moved(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.inbox / "note.txt").write_bytes(b"hello")
    good = inbox.send(run, "pause", {})

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "rename", refuse)
    assert [command.id for command in inbox.take(run)] == [good]


def test_inbox_skips_a_command_that_vanishes(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda path: ["gone.json"])
    assert inbox.take(run) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
contents = st.one_of(
    st.binary(max_size=60),
    json_values.map(lambda value: json.dumps(value).encode()),
    json_values.map(lambda value: json.dumps({"id": "x", "what": "pause", "args": {"a": value}}).encode()),
    st.fixed_dictionaries(
        {"id": st.sampled_from(["x", "y"]), "what": json_values, "args": json_values, "seen_seq": json_values}
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=contents)
def test_inbox_reads_or_refuses_any_file_for_the_journal(run: RunDir, content: bytes) -> None:
    (run.inbox / "x.json").write_bytes(content)
    (command,) = inbox.take(run)
    journal = Journal.open(run.journal, durability="free")
    journal.append(
        CommandRecord(id=command.id, what=command.what, args=command.args, n=0, outcome="", why=command.refused)
    )
    journal.close()
    inbox.done(run, command)
    assert visible(run) == []
