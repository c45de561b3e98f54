import errno
import hashlib
import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.items import Item
from icm_tui.errors import RunFailed, UserError
from icm_tui.run_dir import layout
from icm_tui.run_dir.layout import RunDir

NOW = 1_795_450_746.0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def make_run(runs_dir: Path, name: str) -> RunDir:
    run = layout.create(runs_dir / name)
    layout.write_atomically(run.profile, b"[run]\n")
    layout.write_items(run, [Item(uid="1", text="a claim")])
    return run


def test_create_makes_private_directories_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        run = make_run(tmp_path / "runs", "demo")
    finally:
        os.umask(before)
    assert mode(run.path) == mode(run.inbox) == 0o700
    assert mode(run.profile) == mode(run.items) == 0o600
    assert run.is_run()
    assert sorted(os.listdir(run.path)) == ["inbox", "items.jsonl", "profile.toml"]


def test_create_tightens_an_empty_directory(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.mkdir(mode=0o755)
    assert mode(layout.create(path).path) == 0o700


def test_create_refuses_what_is_taken(tmp_path: Path) -> None:
    layout.create(tmp_path / "run")
    with pytest.raises(UserError, match="is not empty"):
        layout.create(tmp_path / "run")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="is a file, not a directory"):
        layout.create(tmp_path / "file")
    with pytest.raises(UserError, match="cannot be written"):
        layout.create(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("number", "kind", "mending"),
    [
        (errno.ENOSPC, RunFailed, "free some space"),
        (errno.EROFS, UserError, "make that disk writable"),
        (errno.EACCES, UserError, "get the permission"),
    ],
)
def test_create_leaves_nothing_behind_when_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[UserError], mending: str
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(UserError, match=mending) as caught:
        layout.create(tmp_path / "run")
    assert type(caught.value) is kind
    assert str(tmp_path / "run") in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_create_lets_one_of_two_take_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    path.mkdir()
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(()))
    layout.create(path)
    with pytest.raises(UserError, match="is not empty"):
        layout.create(path)


def test_write_atomically_keeps_the_old_bytes_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "profile.toml"
    layout.write_atomically(path, b"old")
    write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:-3])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(RunFailed, match=r"profile\.toml cannot be written: no space left on device.*free some space"):
        layout.write_atomically(path, b"new bytes")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["profile.toml"]
    layout.write_atomically(path, b"new bytes")
    assert path.read_bytes() == b"new bytes"


def test_write_atomically_syncs_the_bytes_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def seen_fsync(descriptor: int) -> None:
        calls.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def seen_replace(old: Path, new: Path) -> None:
        calls.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)
    layout.write_atomically(tmp_path / "file", b"bytes")
    assert calls == ["file", "replace", "directory"]


items_strategy = st.lists(
    st.builds(
        Item,
        uid=st.text(max_size=5),
        text=st.text(max_size=20),
        group=st.none() | st.integers(0, 9),
        key=st.none() | st.integers(0, 9),
    ),
    max_size=6,
)


@given(items=items_strategy)
def test_read_items_gives_what_write_items_wrote(tmp_path_factory: pytest.TempPathFactory, items: list[Item]) -> None:
    run = layout.create(tmp_path_factory.mktemp("runs") / "run")
    written = layout.write_items(run, items)
    assert layout.read_items(run) == (items, written)
    assert written == hashlib.sha256(run.items.read_bytes()).hexdigest()


def test_read_items_names_the_line_of_a_damaged_item(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run")
    good = run.items.read_bytes()
    run.items.write_bytes(good + b'{"uid": "2"}\n')
    with pytest.raises(UserError, match=r"items\.jsonl, line 2 is not an item"):
        layout.read_items(run)
    run.items.write_bytes(b"\xff\n")
    with pytest.raises(UserError, match="line 1 is not an item"):
        layout.read_items(run)
    run.items.unlink()
    with pytest.raises(UserError, match=r"items\.jsonl cannot be read: no such file"):
        layout.read_items(run)


def test_new_run_path_has_name_and_time_and_is_not_taken(tmp_path: Path) -> None:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(NOW))
    first = layout.new_run_path(tmp_path, "demo", NOW)
    assert first == tmp_path / f"demo-{stamp}"
    first.mkdir()
    second = layout.new_run_path(tmp_path, "demo", NOW)
    assert second == tmp_path / f"demo-{stamp}-2"
    second.symlink_to(tmp_path / "nowhere")
    assert layout.new_run_path(tmp_path, "demo", NOW) == tmp_path / f"demo-{stamp}-3"


@given(name=st.text(max_size=100))
def test_new_run_path_is_a_visible_name_inside_the_directory(name: str) -> None:
    path = layout.new_run_path(Path("/nowhere/runs"), name, NOW)
    assert path.parent == Path("/nowhere/runs")
    assert path.name.isascii()
    assert path.name.isprintable()
    assert " " not in path.name
    assert not path.name.startswith((".", "-"))
    assert len(path.name) <= 80


def test_find_run_by_directory_name_and_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    for name in ("demo-1", "demo-1-2", "topics-1"):
        make_run(runs, name)
    elsewhere = make_run(tmp_path / "other", "mine")
    assert layout.find_run("t", runs).name == "topics-1"
    assert layout.find_run("demo-1", runs).path == runs / "demo-1"
    assert layout.find_run(str(elsewhere.path), runs).path == elsewhere.path.resolve()
    monkeypatch.chdir(elsewhere.path)
    assert layout.find_run(".", runs).path == elsewhere.path.resolve()
    monkeypatch.chdir(elsewhere.path.parent)
    assert layout.find_run("mine", runs).path == elsewhere.path.resolve()
    (elsewhere.path.parent / "topics").mkdir()
    assert layout.find_run("topics", runs).name == "topics-1"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("demo", r"'demo' is the start of 2 runs: demo-1, demo-2\. Type more of the name\."),
        ("x", r"No run's name starts with 'x'\. The runs are demo-1, demo-2, topics-1\."),
        ("", "The name of a run is empty"),
        ("some/where", "some/where is not a run"),
    ],
)
def test_find_run_names_the_candidates(tmp_path: Path, text: str, sentence: str) -> None:
    for name in ("demo-1", "demo-2", "topics-1"):
        make_run(tmp_path, name)
    (tmp_path / "notes").mkdir()
    with pytest.raises(UserError, match=sentence):
        layout.find_run(text, tmp_path)


def test_find_run_before_there_is_any_and_among_many(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no runs in"):
        layout.find_run("demo", tmp_path / "runs")
    for number in range(10):
        make_run(tmp_path / "runs", f"demo-{number}")
    with pytest.raises(UserError, match="demo-7 and 2 more"):
        layout.find_run("demo", tmp_path / "runs")


def test_find_run_names_an_unreadable_directory_of_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(b"")
    with pytest.raises(UserError, match="runs cannot be read: not a directory"):
        layout.find_run("demo", tmp_path / "runs")
