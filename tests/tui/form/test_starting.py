"""What the form does with a profile: counts it, starts it, saves it, gives it to an editor."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from textual.app import App
from textual.widget import Widget

from icm_tui import files
from icm_tui.commands.json import Expected, LastProbe
from icm_tui.tui import children
from icm_tui.tui.form import screen as form
from icm_tui.tui.form.draft import Draft
from icm_tui.tui.widgets.question_screen import Prompt, Question
from tests.tui.drawn import lines
from tests.tui.form.screen_driver import DATASET, FREE, FROZEN_RUN, Children, Tried, use

PAID = DATASET + '[model]\nbackend = "openai"\nbase_url = "http://localhost:1/v1"\nmodel = "m"\n'
COSTLY = Expected(340, 10880, 32.0, 1000, 0.5, 3.0, True)


def test_the_forecast_is_made_anew_after_changes_have_rested(child: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "_REST_SECONDS", 3600.0)

    async def count(tried: Tried) -> None:
        assert "counting…" in tried.said()
        assert child.counted == []
        monkeypatch.setattr(form, "_REST_SECONDS", 0.001)
        await tried.set("limit", "40")
        await tried.until(lambda: "10,880 calls" in tried.said())
        assert child.counted == [DATASET + "limit = 40\n"]
        child.expected = children.Failed("there is no such file\nas [/foo]")
        await tried.set("limit", "50")
        await tried.until(lambda: "as [/foo]" in tried.said())
        await tried.until(lambda: not any(folder.exists() for folder in child.folders))

    use(count)


def test_what_the_last_probe_said_stands_below_the_forecast(child: Children) -> None:
    async def see(tried: Tried) -> None:
        await tried.until(lambda: "not probed yet: D asks it" in tried.said())
        probe_result = LastProbe(2 * 86400.0 + 5, "completions", 20, "nebius", "A", 0.71)
        child.expected = msgspec.structs.replace(COSTLY, probe_result=probe_result)
        await tried.set("limit", "40")
        told = "probed 2 days ago: nebius, completions, 20 alternatives asked for, A favoured by 0.7 nats"
        await tried.until(lambda: told in tried.said())
        child.expected = children.Failed("no such file")
        await tried.set("limit", "50")
        await tried.until(lambda: "no such file" in tried.said())
        assert "probed" not in tried.said()

    async def see_none(tried: Tried) -> None:
        await tried.until(lambda: "10,880 calls" in tried.said())
        assert "probed" not in tried.said()

    child.expected = COSTLY
    use(see, PAID)
    child.expected = FREE
    use(see_none)


def test_a_run_is_started_from_a_private_file_and_opened(child: Children) -> None:
    async def start(tried: Tried) -> None:
        await tried.set("chains", "3")
        await tried.press("S")
        await tried.until(lambda: tried.app.opened == [Path("new-run")])
        assert child.starts == [("mine.toml", DATASET + "\n[search]\nchains = 3\n", False)]
        assert tried.app.screen is not tried.screen
        assert not any(folder.exists() for folder in child.folders)

    use(start)


def test_what_is_being_typed_is_taken_by_a_start(child: Children) -> None:
    async def start(tried: Tried) -> None:
        await tried.go_to("chains")
        await tried.press("enter", "3", "ctrl+s")
        await tried.until(lambda: bool(tried.app.opened))
        assert child.starts[0][1].endswith("chains = 3\n")

    use(start)


def test_a_failed_start_is_told_and_nothing_lost(child: Children) -> None:
    child.started = children.Failed("first\nthe disk is full [/foo]")

    async def start(tried: Tried) -> None:
        await tried.set("chains", "3")
        await tried.press("S")
        await tried.until(lambda: "the disk is full [/foo]" in tried.said())
        assert tried.app.screen is tried.screen
        assert tried.app.opened == []
        assert tried.text("search", "chains") == "3"

    use(start)


def test_form_starts_once_even_if_it_is_left(child: Children) -> None:
    child.may_start.clear()

    async def start(tried: Tried) -> None:
        await tried.press("S")
        await tried.until(lambda: "starting mine …" in tried.said())
        await tried.press("S", "q")
        await tried.until(lambda: tried.screen not in tried.app.screen_stack)
        assert tried.app.opened == []
        child.may_start.set()
        await tried.until(lambda: tried.app.opened == [Path("new-run")])
        assert len(child.starts) == 1

    use(start)


def test_a_start_that_fails_after_the_form_was_left_is_told(child: Children) -> None:
    child.may_start.clear()
    child.started = children.Failed("no room")

    async def fail(tried: Tried) -> None:
        await tried.press("S")
        await tried.until(lambda: "starting mine …" in tried.said())
        await tried.press("q")
        await tried.until(lambda: tried.screen not in tried.app.screen_stack)
        child.may_start.set()
        await tried.until(lambda: tried.app.told == ["no room"])

    use(fail)


def test_a_run_that_costs_money_asks_once(child: Children) -> None:
    child.expected = COSTLY

    async def start(tried: Tried) -> None:
        await tried.press("S")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        await tried.press("n")
        await tried.until(lambda: "nothing was spent" in tried.said())
        assert child.starts == []
        await tried.press("S")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        await tried.press("y")
        await tried.until(lambda: bool(tried.app.opened))
        assert [agreed for _, _, agreed in child.starts] == [True]

    use(start, PAID)


def test_a_run_of_unknown_cost_is_not_started(child: Children) -> None:
    child.expected = children.Failed("items.jsonl: no such file")

    async def start(tried: Tried) -> None:
        await tried.press("S")
        await tried.until(lambda: "what it would cost is not known" in tried.said())
        assert "items.jsonl: no such file" in tried.said()
        assert child.starts == []

    use(start, PAID)


def test_a_read_only_viewer_starts_nothing(child: Children) -> None:
    async def start(tried: Tried) -> None:
        await tried.press("S")
        assert "read only" in tried.said()
        assert child.starts == []

    use(start, read_only=True)


def test_form_saves_under_a_name_and_asks_to_replace(child: Children) -> None:
    async def save(tried: Tried) -> None:
        async def save_as(name: str) -> None:
            await tried.press("w")
            await tried.until(lambda: isinstance(tried.app.screen, Prompt))
            await tried.press("ctrl+u")
            await tried.paste(name)
            await tried.press("enter")

        await tried.set("chains", "3")
        await save_as("other")
        path = files.profiles_dir() / "other.toml"
        await tried.until(lambda: "saved as" in tried.said())
        assert Draft.from_toml(path.read_text()).texts == tried.screen.draft.texts
        assert not tried.screen.draft.dirty
        assert "not saved" not in tried.seen("head")
        await tried.set("chains", "4")
        await save_as("other")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        await tried.press("n")
        await tried.until(lambda: tried.app.screen is tried.screen)
        assert "chains = 3" in path.read_text()
        await save_as("other")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        await tried.press("y")
        await tried.until(lambda: not tried.screen.draft.dirty)
        assert "chains = 4" in path.read_text()
        await save_as("a [b]")
        await tried.until(lambda: '"a [b]" cannot name a profile' in tried.said())
        await tried.press("w")
        await tried.until(lambda: isinstance(tried.app.screen, Prompt))
        await tried.press("escape")
        assert sorted(each.name for each in path.parent.iterdir()) == ["other.toml"]

    use(save)


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Makes a small script the editor: what it does to the file $1."""

    @contextlib.contextmanager
    def suspend(self: App[None]) -> Iterator[None]:
        yield

    monkeypatch.setattr(App, "suspend", suspend)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    heeded = signal.getsignal(signal.SIGINT)

    def does(what: str) -> None:
        script = tmp_path / "editor"
        script.write_text(f"#!/bin/sh\n{what}\n")
        script.chmod(0o700)
        monkeypatch.setenv("EDITOR", os.fspath(script))

    yield does
    assert signal.getsignal(signal.SIGINT) is heeded


def test_the_text_is_edited_in_an_editor(child: Children, edited: Callable[[str], None], tmp_path: Path) -> None:
    edited(
        'grep -q "Comments are not kept" "$1" && printf "\\n[search]\\nchains = 5\\nsweeps = 0\\n" >> "$1"; touch "$1~"'
    )

    async def edit(tried: Tried) -> None:
        await tried.press("E")
        await tried.until(lambda: tried.text("search", "chains") == "5")
        assert tried.text("task", "dataset") == "leanings"
        assert tried.screen.draft.dirty
        assert "1 to mend" in tried.seen("head")
        assert [each.name for each in tmp_path.iterdir()] == ["editor"]
        edited("true")
        before = tried.screen.draft
        await tried.press("E")
        await tried.until(lambda: [each.name for each in tmp_path.iterdir()] == ["editor"])
        assert tried.screen.draft == before

    use(edit)


def test_form_lets_text_that_is_no_toml_be_edited_again(
    child: Children, edited: Callable[[str], None], tmp_path: Path
) -> None:
    async def edit(tried: Tried) -> None:
        edited('echo "chains = many" >> "$1"')
        await tried.press("E")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        question = tried.app.screen.query_one("#question", Widget)
        asked = " ".join(lines(question))
        assert "not valid TOML" in asked
        assert "mine:5:" in asked
        edited('sed -i "s/many/6/" "$1"')
        await tried.press("y")
        await tried.until(lambda: tried.screen.draft.others == {"task": {"chains": 6}})
        assert "task.chains: unknown key" in tried.seen("head")
        edited('echo "chains = many" >> "$1"')
        await tried.press("E")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        await tried.press("n")
        await tried.until(lambda: "what you typed is in" in tried.said())
        (kept,) = (folder / "mine.toml" for folder in tmp_path.iterdir() if folder.is_dir())
        assert "chains = many" in kept.read_text()

    use(edit)


def test_an_editor_that_fails_changes_nothing(
    child: Children, edited: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def edit(tried: Tried) -> None:
        edited("exit 3")
        await tried.press("E")
        await tried.until(lambda: "ended with status 3" in tried.said())
        monkeypatch.setenv("EDITOR", str(tmp_path / "nowhere"))
        await tried.press("E")
        await tried.until(lambda: "cannot be started" in tried.said())
        edited('rm "$1"')
        await tried.press("E")
        await tried.until(lambda: "cannot be read" in tried.said())
        assert not tried.screen.draft.dirty

    use(edit)


def test_a_terminal_that_cannot_be_given_away_is_told(child: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "true")

    async def edit(tried: Tried) -> None:
        await tried.press("E")
        await tried.until(lambda: "cannot be given to an editor" in tried.said())

    use(edit)


def test_frozen_settings_start_another_run_of_their_own(child: Children) -> None:
    async def start(tried: Tried) -> None:
        await tried.press("S")
        await tried.until(lambda: bool(tried.app.opened))
        assert child.starts == [("mine.toml", DATASET, False)]

    use(start, FROZEN_RUN, frozen=True, name="mine-20261123-182122")
