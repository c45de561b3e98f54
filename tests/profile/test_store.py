"""Profiles by name and by path; writing one is all or nothing."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from icm_tui import files
from icm_tui.errors import RunFailed, UserError
from icm_tui.profile import store
from icm_tui.profile.defaults import resolve
from icm_tui.profile.schema import Profile, Search, TaskSection
from icm_tui.profile.toml import loads
from icm_tui.tasks.registry import DATASETS, ships

_PROFILE = Profile(task=TaskSection(dataset="topics"), search=Search(shots=8))
_OTHER = Profile(task=TaskSection(dataset="beliefs"))
_SHIPPED = sorted(path.stem for path in store.SHIPPED.glob("*.toml"))
_FORK = "daily-dilemmas-fork"


@pytest.mark.parametrize("name", _SHIPPED)
def test_shipped_profiles_load_and_resolve(name: str) -> None:
    profile, path = store.find(name)
    assert path == store.SHIPPED / f"{name}.toml"
    assert path.read_text().startswith("# ")
    assert profile.task.dataset in DATASETS
    assert profile.model.backend == ("openai" if name == _FORK else "embedded")
    rule = "none" if len(profile.prompt.labels) > 2 else "opposite"
    for backend in ("embedded", "openai"):
        changed, _ = store.find(name, [f"model.backend={backend}"] if profile.model.model else [])
        resolved = resolve(changed, rule=rule, items=300, grouped=True)
        assert (resolved.search.chains is None) == (resolved.search.method != "icm")


def test_shipped_profiles_cover_every_experiment() -> None:
    datasets = {entry.profile.task.dataset for entry in store.list_profiles() if entry.profile}
    assert datasets == set(DATASETS) - {"file"}


def test_shipped_fork_profile_has_the_forks_settings() -> None:
    profile, _ = store.find(_FORK)
    search = profile.search
    assert (search.method, search.alpha, search.initial_t, search.final_t) == ("fork", 30.0, 10.0, 0.01)
    assert (search.beta, search.seeds, search.max_iters, search.shots) == (2.0, 42, 2500, 6)
    assert (search.batch_size, profile.prompt.anchor, profile.task.dataset) == (5, "virtue", "daily_dilemmas")
    assert profile.model.model == "qwen/qwen3-235b-a22b-2507"
    assert profile.model.providers == ["Chutes", "Nebius"]


def test_list_profiles_has_the_shipped_ones() -> None:
    entries = store.list_profiles()
    at_once = [name for name in _SHIPPED if ships(store.find(name)[0].task.dataset)]
    assert {"demo", "arithmetic", "topics"} <= set(at_once) < set(_SHIPPED)
    assert [entry.name for entry in entries] == at_once + [name for name in _SHIPPED if name not in at_once]
    assert not any(entry.own or entry.error for entry in entries)


def test_save_writes_profile_that_is_found_and_private(home: Path) -> None:
    path = store.save("mine.v2", _PROFILE)
    assert path == home / "profiles" / "mine.v2.toml"
    assert store.find("mine.v2") == (_PROFILE, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in store.list_profiles() if entry.own] == ["mine.v2"]


def test_find_prefers_own_profile_to_a_shipped_one() -> None:
    path = store.save("demo", _PROFILE)
    assert store.find("demo") == (_PROFILE, path)
    assert [entry.own for entry in store.list_profiles() if entry.name == "demo"] == [True]


def test_save_keeps_taken_name_unless_asked() -> None:
    path = store.save("mine", _PROFILE)
    with pytest.raises(UserError) as caught:
        store.save("mine", _OTHER)
    assert str(caught.value) == (
        f"a profile mine exists already ({path}); take another name, or --force to replace it."
    )
    assert store.find("mine")[0] == _PROFILE
    store.save("mine", _OTHER, overwrite=True)
    assert store.find("mine")[0] == _OTHER


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../a", "a b", "é", "a\n", "a" * 3 + "/"])
def test_save_refuses_bad_name(name: str, home: Path) -> None:
    with pytest.raises(UserError, match="cannot name a profile; take letters, digits, dot, dash and underscore"):
        store.save(name, _PROFILE)
    assert not (home / "profiles").exists()


def test_save_refuses_name_with_its_ending() -> None:
    with pytest.raises(UserError) as caught:
        store.save("mine.toml", _PROFILE)
    assert str(caught.value) == "mine.toml: a profile's name is given without .toml."


@pytest.mark.parametrize("name", ["write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_save_that_fails_leaves_the_old_file(name: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.save("mine", _PROFILE)
    before = path.read_bytes()

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(RunFailed) as caught:
        store.save("mine", _OTHER, overwrite=True)
    assert str(caught.value) == f"{path}: cannot be written: {os.strerror(code)}; nothing was changed."
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["mine.toml"]


def test_save_names_folder_that_cannot_be_made(home: Path) -> None:
    (home / "profiles").write_text("in the way")
    with pytest.raises(RunFailed, match="cannot be written"):
        store.save("mine", _PROFILE)
    with pytest.raises(UserError, match="cannot be read: Not a directory"):
        store.list_profiles()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("demmo", "there is no profile demmo; did you mean demo?"),
        ("zebra", f"there is no profile zebra; the known ones are {', '.join(_SHIPPED[:-1])} and {_SHIPPED[-1]}."),
        ("./zebra", "zebra cannot be read: no such file or directory."),
        ("zebra.toml", "zebra.toml cannot be read: no such file or directory."),
    ],
)
def test_find_refuses_what_is_not_there(name: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        store.find(name)
    assert str(caught.value) == sentence


def test_find_reads_path_with_its_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.toml").write_text('[task]\ndataset = "topics"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("here.toml", "./here.toml", str(tmp_path / "here.toml"), "~/here.toml"):
        profile, path = store.find(name, ["search.shots=8"])
        assert profile == _PROFILE
        assert path.samefile(tmp_path / "here.toml")


def test_list_profiles_shows_errors(home: Path) -> None:
    (home / "profiles").mkdir()
    path = home / "profiles" / "broken.toml"
    path.write_text("[task]\n")
    (home / "profiles" / "notes.txt").write_text("")
    (home / "profiles" / ".mine.toml.abc").write_text("")
    (entry,) = [entry for entry in store.list_profiles() if entry.own]
    assert (entry.name, entry.profile) == ("broken", None)
    assert entry.error.startswith(f"{path}:1: task.dataset: needed")


def test_save_writes_only_what_was_set() -> None:
    text = store.save("mine", _PROFILE).read_text()
    assert text == '[task]\ndataset = "topics"\n\n[search]\nshots = 8\n'
    assert loads(text) == _PROFILE


_FOLDERS = [files.profiles_dir, files.runs_dir, files.cache_dir]


@pytest.mark.parametrize("folder", _FOLDERS)
def test_files_one_variable_moves_all_folders(folder: Callable[[], Path], home: Path) -> None:
    assert folder().parent == home
    assert not folder().exists()


@pytest.mark.parametrize("folder", _FOLDERS)
@pytest.mark.parametrize("value", [None, ""])
def test_files_use_the_systems_folders_by_default(
    folder: Callable[[], Path], value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    if value is None:
        monkeypatch.delenv("ICM_TUI_HOME")
    else:
        monkeypatch.setenv("ICM_TUI_HOME", value)
    assert folder().is_relative_to(tmp_path)
    assert "icm-tui" in folder().parts


def test_files_make_relative_home_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICM_TUI_HOME", "here")
    assert files.runs_dir() == tmp_path / "here" / "runs"


def test_files_make_only_missing_folders_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert files.make_private(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert files.make_private(tmp_path / "a" / "b") == tmp_path / "a" / "b"
