"""Processes that the screens start: what they say is told, and none is left over."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from icm_tui.commands.json import Catalogue, Diagnosis, Expected
from icm_tui.profile.store import SHIPPED
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import process_exists
from icm_tui.run_dir.status import read_status
from icm_tui.tui import children
from icm_tui.tui.children import Failed, Started

SMALL = '[task]\ndataset = "leanings"\nlimit = 8\n[search]\nshots = 2\n'


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "-small one.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """The processes that were started, whose program is `python -c` and the code that a test put into CODE."""
    made: list[subprocess.Popen[bytes]] = []
    popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen

    def start(words: list[str], **given: Any) -> "subprocess.Popen[bytes]":
        child = popen([sys.executable, "-c", os.environ["CODE"], *words[3:]], **given)
        made.append(child)
        return child

    monkeypatch.setattr(subprocess, "Popen", start)
    return made


def test_a_profile_is_started_and_resumed(profile: Path) -> None:
    started = asyncio.run(children.start(profile))
    assert isinstance(started, Started)
    run = RunDir(started.path)
    assert run.is_run()
    status = read_status(run)
    assert status is not None
    assert status.pid != os.getpid()
    assert asyncio.run(children.resume(run.path)) == started


def test_a_forecast(profile: Path) -> None:
    expected = asyncio.run(children.forecast(profile))
    assert isinstance(expected, Expected)
    assert (expected.items, expected.cost_usd, expected.paid) == (8, 0.0, False)
    assert expected.calls > 8


def test_what_is_wrong_is_told_in_the_childs_words(tmp_path: Path) -> None:
    profile = tmp_path / "bad.toml"
    profile.write_text('[task]\ndataset = "leanings"\nlimti = 8\n')
    for failed in (asyncio.run(children.start(profile)), asyncio.run(children.forecast(profile))):
        assert isinstance(failed, Failed)
        assert "did you mean limit" in failed.why
        assert "Traceback" not in failed.why


def test_what_costs_money_is_not_started_unasked(tmp_path: Path, home: Path) -> None:
    profile = tmp_path / "paid.toml"
    profile.write_text(SMALL + '[model]\nbackend = "openai"\nbase_url = "https://host.invalid/v1"\nmodel = "m"\n')
    assert isinstance(asyncio.run(children.start(profile)), Failed)
    assert not (home / "runs").exists()


def test_the_words_of_each_child(
    spawned: list["subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODE", "import sys; sys.exit(' '.join(sys.argv[1:]))")
    demo, mine, run = SHIPPED / "demo.toml", tmp_path / "mine.toml", tmp_path / "run"
    copy = tmp_path / "copy.toml"
    copy.write_text(demo.read_text().replace("watch_seconds = 20", "watch_seconds = 2.5"))
    for call, words in (
        (children.start(demo), f"run {demo} --detach --throttle 20"),
        (children.start(copy), f"run {copy} --detach --throttle 2.5"),
        (children.start(mine), f"run {mine} --detach"),
        (children.start(mine, agreed=True), f"run {mine} --detach --yes"),
        (children.resume(run), f"resume {run} --detach"),
        (children.forecast(mine), f"run {mine} --dry-run --json"),
        (children.doctor(mine), f"doctor {mine} --json"),
        (children.models("openrouter", fresh=False), "models --server openrouter --json"),
        (children.models(str(mine), fresh=True), f"models --server {mine} --json --refresh"),
    ):
        assert asyncio.run(call) == Failed(words)
    assert [child.returncode for child in spawned] == [1] * 9


def test_a_diagnosis_is_one_also_where_no_run_can_be_made(
    spawned: list["subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = '{"fit":false,"endpoint":null,"findings":[],"known_limits":[],"calls":2,"cost_usd":null,"label_bias":null}'
    monkeypatch.setenv("CODE", f"import sys; print({told!r}); sys.exit(1)")
    assert asyncio.run(children.doctor(tmp_path)) == Diagnosis(False, None, [], [], 2, None)
    assert asyncio.run(children.forecast(tmp_path)) == Failed("`icm-tui run` ended with status 1.")
    monkeypatch.setenv("CODE", "import sys; sys.exit('the disk is full')")
    assert asyncio.run(children.doctor(tmp_path)) == Failed("the disk is full")


def test_what_another_version_prints_is_no_answer(
    spawned: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODE", "print('[1, 2]')")
    failed = asyncio.run(children.models("openrouter", fresh=False))
    assert isinstance(failed, Failed)
    assert failed.why.startswith("The list of models cannot be read")


def test_a_long_catalogue_is_read_whole(
    spawned: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import json; print(json.dumps({'server': 's', 'age_s': 0, 'models': [{'id': 'm' * 2000}] * 2000}))"
    monkeypatch.setenv("CODE", code)
    told = asyncio.run(children.models("openrouter", fresh=False))
    assert isinstance(told, Catalogue)
    assert len(told.models) == 2000


def test_a_child_has_no_terminal_and_what_it_says_steers_none(
    spawned: list["subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, sys; assert sys.stdin.read() == ''; assert os.getsid(0) == os.getpid();"
        "sys.stderr.write('\\x1b]0;title\\x07first\\x1b[2J\\n\\nlast\\u202e'); sys.exit(1)"
    )
    monkeypatch.setenv("CODE", code)
    assert asyncio.run(children.start(tmp_path)) == Failed("first\nlast")


def test_a_child_that_says_nothing(
    spawned: list["subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODE", "raise SystemExit(3)")
    assert asyncio.run(children.start(tmp_path)) == Failed("`icm-tui run` ended with status 3.")
    monkeypatch.setenv("CODE", "")
    failed = asyncio.run(children.start(tmp_path))
    assert isinstance(failed, Failed)
    assert "did not say where it is" in failed.why
    assert isinstance(asyncio.run(children.forecast(tmp_path)), Failed)


def test_a_runs_name_that_is_no_text_is_found(
    spawned: list["subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODE", "print('/a/\\udcff')")
    assert asyncio.run(children.start(tmp_path)) == Started(Path(os.fsdecode(b"/a/\xff")))


@pytest.mark.parametrize("outlives", [True, False])
def test_leaving_while_a_child_works(
    outlives: bool, spawned: list["subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who starts a run goes on; who only counts is ended. Neither is left as a zombie."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    monkeypatch.setenv("CODE", f"open({str(gate)!r}).read(); open({str(tmp_path / 'made')!r}, 'w').close()")

    async def leave() -> None:
        call = children.start(tmp_path) if outlives else children.forecast(tmp_path)
        task = asyncio.ensure_future(call)
        while not spawned:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    if outlives:
        gate.open("w").close()  # waits for the child to read
    for waiting in [thread for thread in threading.enumerate() if thread.name == "icm-tui child"]:
        waiting.join(timeout=60)
    assert (tmp_path / "made").exists() == outlives
    assert not process_exists(spawned[0].pid)
    assert spawned[0].returncode == (0 if outlives else -9)


def test_a_machine_that_starts_no_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    expected = Failed("Python cannot be started: resource temporarily unavailable.")
    assert asyncio.run(children.start(tmp_path)) == expected
