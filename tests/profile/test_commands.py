"""`icm-tui profiles …`: results on stdout, all else on stderr."""

import io
import json
from argparse import Namespace
from pathlib import Path

import pytest

from icm_tui.commands import profiles as commands
from icm_tui.errors import UserError
from icm_tui.profile import store
from icm_tui.profile.problems import ProfileError
from icm_tui.profile.toml import loads
from tests.profile.test_importing import FORK_EXAMPLE

Captured = pytest.CaptureFixture[str]


def _show(profile: str, *sets: str, as_json: bool = False) -> Namespace:
    return Namespace(profile=profile, set=list(sets), json=as_json)


def test_profiles_list(capsys: Captured, home: Path) -> None:
    store.save("mine", store.find("topics", ["search.method=fork"])[0])
    (home / "profiles" / "broken.toml").write_text("")
    assert commands.list_(Namespace(json=False)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "DATASET", "METHOD", "MODEL"]
    assert "broken own has errors: icm-tui profiles check broken" in [" ".join(line.split()) for line in lines]
    assert ["mine", "own", "topics", "fork", "embedded"] in [line.split() for line in lines]
    assert ["demo", "shipped", "leanings", "icm", "embedded"] in [line.split() for line in lines]


def test_profiles_list_as_json(capsys: Captured, home: Path) -> None:
    store.save("mine", store.find("topics")[0])
    (home / "profiles" / "broken.toml").write_text("")
    assert commands.list_(Namespace(json=True)) == 0
    told = {each["name"]: each for each in json.loads(capsys.readouterr().out)["profiles"]}
    assert told["mine"] == {
        "name": "mine",
        "kind": "own",
        "path": str(home / "profiles" / "mine.toml"),
        "error": None,
        "dataset": "topics",
        "method": "icm",
        "model": "embedded",
    }
    assert told["broken"]["error"].endswith('such as dataset = "truthfulqa", or "file"')
    assert told["demo"]["kind"] == "shipped"


def test_profiles_show_fills_in_the_defaults(capsys: Captured) -> None:
    assert commands.show(_show("topics", "search.shots=8")) == 0
    told = capsys.readouterr()
    profile = loads(told.out)
    assert (profile.search.shots, profile.search.sweeps, profile.search.schedule) == (8, 2, "geometric")
    assert told.err.splitlines() == [
        f"from {store.SHIPPED / 'topics.toml'}",
        "set once the data is read: consistency.rule, search.subset, search.chains",
    ]


def test_profiles_show_omits_settings_that_do_not_wait(capsys: Captured) -> None:
    commands.show(_show("topics", "search.method=paper", "consistency.rule=none"))
    assert "once the data" not in capsys.readouterr().err


def test_profiles_show_as_json(capsys: Captured) -> None:
    assert commands.show(_show("topics", as_json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["search"]["shots"] == "all"
    assert told["settings"]["search"]["subset"] is None
    assert told["from_data"] == ["consistency.rule", "search.subset"]


def test_profiles_check_of_a_good_profile(capsys: Captured) -> None:
    assert commands.check(_show("topics", "search.alpha=3")) == 0
    told = capsys.readouterr()
    assert told.out == "topics has no errors\n"
    assert told.err == "search.alpha has no effect here: method icm does not use it with these settings\n"
    assert commands.check(_show("topics", "search.alpha=3", as_json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "profile": "topics",
        "ok": True,
        "path": str(store.SHIPPED / "topics.toml"),
        "faults": [],
        "unused": ["search.alpha"],
    }


def test_profiles_check_of_a_bad_profile(capsys: Captured, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[task]\ndataset = "topics"\n[search]\nshot = 1\n')
    sentence = "unknown key; did you mean shots?"
    with pytest.raises(ProfileError) as caught:
        commands.check(_show(str(path)))
    assert str(caught.value) == f"{path}:4: search.shot: {sentence}"
    assert commands.check(_show(str(path), as_json=True)) == 2
    assert json.loads(capsys.readouterr().out) == {
        "profile": str(path),
        "ok": False,
        "faults": [{"where": f"{path}:4", "line": 4, "key": "search.shot", "text": sentence}],
        "unused": [],
    }


def test_profiles_new(capsys: Captured, home: Path) -> None:
    args = Namespace(name="mine", from_profile="topics", set=["search.shots=8"], force=False)
    assert commands.new(args) == 0
    path = home / "profiles" / "mine.toml"
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text() == '[task]\ndataset = "topics"\n\n[search]\nshots = 8\n'
    with pytest.raises(UserError, match="a profile mine exists already"):
        commands.new(args)
    args.force, args.set = True, []
    assert commands.new(args) == 0
    assert path.read_text() == '[task]\ndataset = "topics"\n'


def _import(source: str | None, *flags: str, name: str | None = "mine") -> Namespace:
    return Namespace(source=source, flags=list(flags), name=name, force=False)


def test_profiles_import_of_a_file(capsys: Captured, tmp_path: Path, home: Path) -> None:
    path = tmp_path / "icm_config.json"
    path.write_text(json.dumps(FORK_EXAMPLE))
    assert commands.import_(_import(str(path))) == 0
    told = capsys.readouterr()
    assert told.out == f"{home / 'profiles' / 'mine.toml'}\n"
    assert told.err.splitlines()[0] == "alpha = 30.0 → search.alpha"
    assert store.find("mine")[0].search.method == "fork"


def test_profiles_import_from_a_pipe_without_a_name(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(FORK_EXAMPLE).encode())))
    assert commands.import_(_import("-", name=None)) == 0
    assert loads(capsys.readouterr().out).model.model == FORK_EXAMPLE["model_id"]
    assert not any(entry.own for entry in store.list_profiles())


def test_profiles_import_of_flags(capsys: Captured) -> None:
    assert commands.import_(_import(None, "--testbed", "truthfulQA")) == 0
    assert capsys.readouterr().err.startswith("--testbed truthfulQA → task.dataset = truthfulqa\n")
    assert store.find("mine")[0].search.method == "paper"


_EITHER = "give either the path of an icm_config.json, or the flags of the paper's code after --."


@pytest.mark.parametrize(
    ("source", "flags", "sentence"),
    [
        (None, [], _EITHER),
        ("a.json", ["--K", "3"], _EITHER),
        ("absent.json", [], "absent.json cannot be read: no such file or directory."),
    ],
)
def test_profiles_import_of_nothing(source: str | None, flags: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        commands.import_(_import(source, *flags))
    assert str(caught.value) == sentence


def test_profiles_import_of_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"a\.json: byte 0 is not UTF-8; save the file as UTF-8 text\."):
        commands.import_(_import(str(tmp_path / "a.json")))
