"""The screen of what a model can do: asked once, again on demand, given up when it is left."""

import os
from pathlib import Path

import pytest
from textual.pilot import Pilot

from icm_tui.commands.json import Diagnosis
from icm_tui.tui import children
from icm_tui.tui.app import IcmApp
from icm_tui.tui.base_app import Opening
from icm_tui.tui.children import Failed
from icm_tui.tui.doctor.screen import DoctorScreen
from icm_tui.tui.widgets.line_list import LineList
from tests.servers.model import Behaviour, ModelServer
from tests.tui.drawn import text, until
from tests.tui.form.screen_driver import DATASET, Children, Tried, use
from tests.tui.home.screen_driver import watched
from tests.tui.served import FIT, UNFIT, Telling, opened


def test_the_findings_are_shown_and_asked_for_again() -> None:
    telling = Telling(FIT)

    async def see(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "reachable" in text(pilot))
        assert "doctor · mine" in text(pilot)
        assert "a run can be made · 2 notes" in text(pilot)
        telling.told = UNFIT
        telling.may_tell.clear()
        await pilot.press("r")
        await until(pilot, lambda: "asking …" in text(pilot))
        assert "reachable" not in text(pilot)
        await pilot.press("r")  # not twice at once
        telling.may_tell.set()
        await until(pilot, lambda: "MINE holds no key." in text(pilot))
        assert "no run can be made · 1 bad" in text(pilot)
        assert len(telling.asked) == 2

    opened(lambda: DoctorScreen("mine", telling.tell), see)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["escape", "u", "q"])
def test_leaving_gives_up_asking(key: str) -> None:
    telling = Telling(FIT)
    telling.may_tell.clear()

    async def leave(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        await until(pilot, lambda: telling.asked)
        assert "asking …" in text(pilot)
        await pilot.press(key)
        await until(pilot, lambda: telling.given_up == 1)
        assert screen not in pilot.app.screen_stack

    opened(lambda: DoctorScreen("mine", telling.tell), leave)  # type: ignore[arg-type]


def test_why_nothing_was_asked_is_told_in_full() -> None:
    telling = Telling(Failed("mine:3: the port is no number.\n" + "Look at model.base_url. " * 20 + "The end."))

    async def see(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "not asked" in text(pilot))
        assert "the port is no number." in text(pilot)
        assert "The end." in text(pilot)

    opened(lambda: DoctorScreen("mine", telling.tell), see, size=(60, 16))  # type: ignore[arg-type]


def test_a_long_diagnosis_is_moved_about_in_and_laid_out_anew() -> None:
    telling = Telling(FIT)

    async def move(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "reachable" in text(pilot))
        await pilot.press("G")
        await until(pilot, lambda: "asked 14 times" in text(pilot))
        assert pilot.app.screen.query_one(LineList).cursor > 10
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: "acme/tiny-1 at http://127.0.0.1:8000/v1 · chutes/bf16" in text(pilot))
        assert "under $0.0001" in text(pilot)

    opened(lambda: DoctorScreen("mine", telling.tell), move, size=(40, 10))  # type: ignore[arg-type]


# From the form and from the list


def test_the_form_asks_for_the_profile_as_it_stands(child: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[tuple[Path, str]] = []

    async def doctor(profile: Path) -> Diagnosis:
        files.append((profile, profile.read_text()))
        return FIT

    monkeypatch.setattr(children, "doctor", doctor)

    async def ask(tried: Tried) -> None:
        await tried.until(lambda: "10,880 calls" in tried.said())
        await tried.set("chains", "3")
        await tried.until(lambda: len(child.counted) == 2)
        await tried.press("D")
        await tried.until(lambda: "reachable" in text(tried.pilot))
        assert "doctor · mine" in text(tried.pilot)
        assert [toml for _, toml in files] == [DATASET + "\n[search]\nchains = 3\n"]
        assert not files[0][0].parent.exists()
        await tried.press("escape")
        # What was found may change what a run costs.
        await tried.until(lambda: len(child.counted) == 3)
        assert tried.app.screen is tried.screen

    use(ask)


def test_doctor_asks_nobody_for_faulty_or_read_only_forms(child: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    telling = Telling(FIT)
    monkeypatch.setattr(children, "doctor", telling.tell)

    async def mend(tried: Tried) -> None:
        await tried.set("chains", "none")
        await tried.press("D")
        assert "before you can ask the model" in tried.said()

    async def refuse(tried: Tried) -> None:
        await tried.press("D")
        assert "read only" in tried.said()

    use(mend)
    use(refuse, read_only=True)
    assert telling.asked == []


def test_the_list_asks_for_the_profile_under_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    telling = Telling(UNFIT)
    monkeypatch.setattr(children, "doctor", telling.tell)

    async def ask(pilot: Pilot[None]) -> None:
        await pilot.press("G", "D")
        await until(pilot, lambda: "MINE holds no key." in text(pilot))

    async def refuse(pilot: Pilot[None]) -> None:
        await pilot.press("G", "D")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, DoctorScreen)
        assert "asks" in text(pilot)

    watched(ask)
    watched(refuse, Opening(read_only=True))
    ((path,),) = telling.asked  # type: ignore[misc]
    assert path.suffix == ".toml"


# With real processes


def test_a_real_server_is_asked(home: Path) -> None:
    with ModelServer(Behaviour(top=5)) as server:
        paid = f'[model]\nbackend = "openai"\nbase_url = "{server.base_url}"\nmodel = "tiny"\n'

        async def ask(tried: Tried) -> None:
            await tried.until(lambda: "not probed yet: D asks it" in tried.said())
            await tried.press("D")
            await tried.until(lambda: "a run can be made" in text(tried.pilot))
            assert "5 alternatives a token" in text(tried.pilot)
            await tried.press("escape")
            await tried.until(lambda: "probed just now: completions" in tried.said())

        use(ask, DATASET + "limit = 40\n" + paid)
        asked = len(server.requests)
    assert asked > 3


def test_the_embedded_model_needs_no_asking(tmp_path: Path) -> None:
    async def see(pilot: Pilot[None]) -> None:
        await pilot.press("G", "D")
        await until(pilot, lambda: "needs no server, no key and no download" in text(pilot))
        assert isinstance(pilot.app, IcmApp)

    watched(see)


def test_a_child_that_asks_is_ended_with_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from icm_tui.run_dir.lock import process_exists

    made: list[int] = []
    popen = children.subprocess.Popen

    def start(*words: object, **given: object) -> object:
        process = popen(*words, **given)  # type: ignore[call-overload]
        made.append(process.pid)
        return process

    monkeypatch.setattr(children.subprocess, "Popen", start)
    gate = tmp_path / "profile.toml"
    os.mkfifo(gate)  # a child that reads it waits for ever

    async def leave(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: made)
        await pilot.press("escape")
        await until(pilot, lambda: not process_exists(made[0]))

    opened(lambda: DoctorScreen("mine", lambda: children.doctor(gate)), leave)
