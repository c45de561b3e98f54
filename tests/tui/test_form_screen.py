"""The form as a person uses it: typing, faults, the editor, saving, starting, leaving."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from textual.app import App
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from icm_tui import paths
from icm_tui.tui import children
from icm_tui.tui.app import Opening
from icm_tui.tui.form.draft import Draft
from icm_tui.tui.form.fields import Field
from icm_tui.tui.form.rows import FROZEN, ROWS
from icm_tui.tui.keymap import bindings
from icm_tui.tui.screens import form
from icm_tui.tui.screens.form import FormScreen
from icm_tui.tui.screens.question import Prompt, Question
from icm_tui.tui.widgets.field import FieldList

DATASET = '[task]\ndataset = "leanings"\n'
PAID = DATASET + '[model]\nbackend = "openai"\nbase_url = "http://localhost:1/v1"\nmodel = "m"\n'
FREE = children.Expected(340, 10880, 32.0, 0, 0.0, None, False)
COSTLY = children.Expected(340, 10880, 32.0, 1000, 0.5, 3.0, True)


class Host(App[None]):
    """As much of the program as the form asks for."""

    BINDINGS = bindings("everywhere")

    def __init__(self, read_only: bool = False) -> None:
        super().__init__()
        self.opening = Opening(read_only=read_only)
        self.opened: list[Path] = []
        self.told: list[str] = []

    def open_run(self, path: Path) -> None:
        self.opened.append(path)

    def tell(self, text: str, look: str = "plain") -> None:
        self.told.append(text)


class Children:
    """Stands in for the processes that count and start."""

    def __init__(self) -> None:
        self.expected: children.Expected | children.Failed = FREE
        self.started: children.Started | children.Failed = children.Started(Path("new-run"))
        self.counted: list[str] = []
        self.starts: list[tuple[str, str, bool]] = []
        self.folders: list[Path] = []
        self.may_start = asyncio.Event()
        self.may_start.set()

    async def forecast(self, profile: Path) -> children.Expected | children.Failed:
        self.folders.append(profile.parent)
        self.counted.append(profile.read_text())
        return self.expected

    async def start(self, profile: Path, *, agreed: bool = False) -> children.Started | children.Failed:
        self.folders.append(profile.parent)
        self.starts.append((profile.name, profile.read_text(), agreed))
        await self.may_start.wait()
        return self.started


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Children:
    made = Children()
    monkeypatch.setattr(children, "forecast", made.forecast)
    monkeypatch.setattr(children, "start", made.start)
    monkeypatch.setattr(form, "_REST_SECONDS", 0.001)
    return made


class Tried:
    """A form on a terminal that is not there."""

    def __init__(self, pilot: Pilot[None], screen: FormScreen) -> None:
        self.pilot = pilot
        self.screen = screen

    @property
    def app(self) -> Host:
        assert isinstance(self.pilot.app, Host)
        return self.pilot.app

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def paste(self, text: str) -> None:
        """Puts a text into the line that has the focus; a key a letter takes Pilot long."""
        assert self.app.focused is not None
        self.app.focused.post_message(Paste(text))
        await self.pilot.pause()

    async def go_to(self, name: str) -> None:
        self.screen.query_one(FieldList).move_to(_row_of(name))
        await self.pilot.pause()

    async def set(self, name: str, text: str) -> None:
        await self.go_to(name)
        await self.press("enter", "ctrl+u")
        if text:
            await self.paste(text)
        await self.press("enter")

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(500):
            if holds():
                return
            await self.pilot.pause()
        raise AssertionError(self.seen())

    def seen(self, *names: str) -> str:
        """The lines of parts of the screen, of all of them without names."""
        lines = []
        for name in names or ("head", "fields", "detail", "foot"):
            part = self.screen.query_one(f"#{name}", Widget)
            lines += [_text(part.render_line(y)) for y in range(part.size.height)]
        return "\n".join(lines)

    def said(self) -> str:
        """What stands at the bottom, in one line."""
        return " ".join(self.seen("foot").split())

    def beside(self, name: str) -> str:
        """The line of a field."""
        return next(line for line in self.seen("fields").split("\n") if line[2:].startswith(f"{name} "))

    def text(self, section: str, name: str) -> str | None:
        return self.screen.draft.texts.get((section, name))


def _row_of(name: str) -> int:
    return next(index for index, row in enumerate(ROWS) if isinstance(row, Field) and row.name == name)


def _text(strip: Strip) -> str:
    return strip.text.rstrip()


def use(
    what: Callable[[Tried], Awaitable[None]],
    toml: str = DATASET,
    *,
    frozen: bool = False,
    size: tuple[int, int] = (80, 24),
    name: str = "mine",
    read_only: bool = False,
) -> None:
    async def run() -> None:
        host = Host(read_only)
        async with host.run_test(size=size, notifications=True) as pilot:
            screen = FormScreen(Draft.from_toml(toml, name), frozen=frozen, title=name)
            await host.push_screen(screen)
            await pilot.pause()
            await what(Tried(pilot, screen))

    asyncio.run(run())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_the_form_fills_the_screen_and_the_cursor_is_on_a_field(child: Children, size: tuple[int, int]) -> None:
    async def look(tried: Tried) -> None:
        await tried.until(lambda: "10,880 calls" in tried.said())
        assert tried.seen("head").startswith("─ mine ─")
        assert tried.seen("detail").startswith("─ run.name ─")
        assert tried.beside("dataset").split()[:3] == ["•", "dataset", "leanings"]
        heights = [tried.screen.query_one(f"#{part}").size.height for part in ("head", "fields", "detail", "foot")]
        assert sum(heights) == size[1] - 1
        assert heights[1] >= size[1] - 9
        await tried.press("G")
        assert tried.seen("detail").startswith("─ reasoning.prefill ─")
        await tried.press("k", "k", "k")
        assert tried.seen("detail").startswith("─ consistency.fix_iters ─")
        await tried.press("j")
        assert tried.seen("detail").startswith("─ reasoning.every ─")
        await tried.press("g")
        assert tried.seen("fields").startswith("─ run ─")
        assert tried.seen("detail").startswith("─ run.name ─")

    use(look, size=size)


def test_a_field_is_edited_in_its_place(child: Children) -> None:
    async def edit(tried: Tried) -> None:
        await tried.go_to("chains")
        await tried.press("enter")
        await tried.press(*"12jq")
        assert tried.beside("chains") == "• chains         12jq"
        assert "expected a whole number" in tried.seen("detail")
        assert tried.text("search", "chains") is None
        await tried.press("backspace", "backspace", "enter")
        assert tried.text("search", "chains") == "12"
        assert tried.beside("chains").split()[:3] == ["•", "chains", "12"]
        assert "not saved" in tried.seen("head")
        await tried.press("enter", "9", "escape")
        assert tried.text("search", "chains") == "12"
        assert tried.beside("chains").split()[:3] == ["•", "chains", "12"]
        await tried.press("enter", "ctrl+u", "enter")
        assert tried.text("search", "chains") is None
        assert tried.beside("chains").split()[:2] == ["chains", "8"]

    use(edit)


def test_going_elsewhere_takes_what_was_typed(child: Children) -> None:
    async def edit(tried: Tried) -> None:
        await tried.go_to("chains")
        await tried.press("enter", "7", "down")
        assert tried.text("search", "chains") == "7"
        assert tried.seen("detail").startswith("─ search.initial_t ─")
        await tried.press("k", "enter", "5")
        await tried.pilot.click(FieldList, offset=(3, 3))
        await tried.pilot.pause()
        assert tried.text("search", "chains") == "75"

    use(edit)


def test_choices_are_gone_through(child: Children) -> None:
    async def turn(tried: Tried) -> None:
        await tried.go_to("method")
        await tried.press("l")
        assert tried.text("search", "method") == "fork"
        assert (
            tried.beside("sweeps").split()[:4] == ["sweeps", "not", "used", "by"] if "sweeps" in tried.seen() else True
        )
        await tried.press("right", "enter")
        assert tried.text("search", "method") is None
        await tried.press("h")
        assert tried.text("search", "method") == "paper"
        await tried.go_to("blind")
        await tried.press("enter")
        assert tried.text("run", "blind") == "true"
        await tried.press("left")
        assert tried.text("run", "blind") is None
        await tried.go_to("seed")
        await tried.press("l")
        assert tried.text("run", "seed") is None

    use(turn)


def test_all_faults_stand_beside_their_fields_at_once(child: Children) -> None:
    async def wrong(tried: Tried) -> None:
        await tried.set("seed", "many")
        await tried.set("dataset", "")
        await tried.set("max_calls", "0")
        await tried.press("g")
        assert "seed           many  ✗ expected a whole number from 0 to" in tried.beside("seed")
        assert "✗ needed; name the dataset" in tried.beside("dataset")
        assert "✗ expected a whole number of at least 1, not 0" in tried.beside("max_calls")
        assert "3 to mend" in tried.seen("head")
        assert "3 things are to be mended before it can start" in tried.said()
        await tried.press("ctrl+s")
        assert "3 things are to be mended before you can start" in tried.said()
        assert tried.seen("detail").startswith("─ run.seed ─")
        assert child.starts == []
        await tried.press("w")
        assert not isinstance(tried.app.screen, Prompt)
        await tried.set("seed", "1")
        assert "2 to mend" in tried.seen("head")

    use(wrong)


def test_what_is_typed_and_pasted_is_clean(child: Children) -> None:
    async def paste(tried: Tried) -> None:
        await tried.go_to("persona")
        await tried.press("enter")
        await tried.paste("red\x1b[31m [/foo] [@click=app.quit]x[/] \u202eturned\x9b2J\x07")
        assert tried.beside("persona") == "• persona        red [/foo] [@click=app.quit]x[/] turned"
        await tried.press("enter")
        assert tried.text("prompt", "persona") == "red [/foo] [@click=app.quit]x[/] turned"
        assert "red [/foo] [@click=app." in tried.beside("persona")
        assert tried.seen().replace("\n", "").isprintable()

    use(paste, DATASET + '[run]\nname = "a\\u001b]0;x\\u0007[/foo]"\n', name="[/foo]\x1b]0;x\x07")


def test_a_long_text_is_edited_whole(child: Children) -> None:
    async def edit(tried: Tried) -> None:
        await tried.go_to("persona")
        await tried.press("enter", "!", "enter")
        assert tried.text("prompt", "persona") == "word " * 2000 + "end!"

    use(edit, DATASET + f'[prompt]\npersona = "{"word " * 2000}end"\n')


def test_a_field_is_found_by_its_name(child: Children) -> None:
    async def find(tried: Tried) -> None:
        await tried.press("slash", *"zz", "enter")
        assert tried.seen("detail").startswith("─ run.name ─")
        await tried.press("slash", *"pat")
        assert tried.seen("detail").startswith("─ task.path ─")
        assert tried.seen("foot") == "find: pat"
        await tried.press("escape")
        assert tried.seen("detail").startswith("─ run.name ─")
        await tried.press("slash", *"sh", "enter", "slash", *"sh", "enter")
        assert tried.seen("detail").startswith("─ search.shots ─")

    use(find)


def test_keys_that_come_at_once_do_what_they_would_one_by_one(child: Children) -> None:
    async def burst(tried: Tried) -> None:
        find, edit = [*"sweeps", "enter"], ["enter", *"12", "enter", "j", "enter", *"qw5", "escape", "enter", "7"]
        keys = ["slash", *find, *edit, "enter", "slash", *"method", "enter", "l", "j", "l", "slash", *"limit", "enter"]
        for key in [*keys, "enter", *"60", "enter"]:
            tried.app.post_message(Key(key, key if len(key) == 1 else None))
        await tried.until(lambda: tried.text("task", "limit") == "60")
        assert tried.screen.draft.texts == {
            ("task", "dataset"): "leanings",
            ("task", "limit"): "60",
            ("search", "method"): "fork",
            ("search", "effort"): "lean",
            ("search", "sweeps"): "12",
            ("search", "seeds"): "7",
        }
        assert tried.app.screen is tried.screen

    use(burst)


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


def test_a_start_is_made_once_and_not_given_up_when_the_form_is_left(child: Children) -> None:
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


def test_a_profile_is_saved_under_a_name_and_replaced_only_when_asked(child: Children) -> None:
    async def save(tried: Tried) -> None:
        async def save_as(name: str) -> None:
            await tried.press("w")
            await tried.until(lambda: isinstance(tried.app.screen, Prompt))
            await tried.press("ctrl+u")
            await tried.paste(name)
            await tried.press("enter")

        await tried.set("chains", "3")
        await save_as("other")
        path = paths.profiles_dir() / "other.toml"
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
        await tried.until(lambda: '"a [b]" is no name for a profile' in tried.said())
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


def test_a_text_that_is_no_toml_can_be_edited_again_and_is_not_lost(
    child: Children, edited: Callable[[str], None], tmp_path: Path
) -> None:
    async def edit(tried: Tried) -> None:
        edited('echo "chains = many" >> "$1"')
        await tried.press("E")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        question = tried.app.screen.query_one("#question", Widget)
        asked = " ".join(_text(question.render_line(y)) for y in range(question.size.height))
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


FROZEN_RUN = DATASET + '[run]\nname = "old"\nout = "there"\n'


def test_frozen_settings_become_a_new_runs_at_the_first_change(child: Children) -> None:
    async def change(tried: Tried) -> None:
        assert FROZEN in tried.seen("head")
        assert tried.text("run", "name") == "old"
        await tried.go_to("chains")
        await tried.press("enter", "escape")
        assert FROZEN in tried.seen("head")
        await tried.set("chains", "3")
        assert FROZEN not in tried.seen("head")
        assert tried.screen.draft.texts == {("task", "dataset"): "leanings", ("search", "chains"): "3"}
        assert tried.screen.draft.run_name == "mine"

    use(change, FROZEN_RUN, frozen=True, name="mine-20261123-182122")


def test_the_name_that_is_given_to_a_frozen_run_is_kept(child: Children) -> None:
    async def change(tried: Tried) -> None:
        await tried.set("name", "new")
        assert tried.text("run", "name") == "new"
        assert tried.text("run", "out") is None

    use(change, FROZEN_RUN, frozen=True)


def test_frozen_settings_start_another_run_of_their_own(child: Children) -> None:
    async def start(tried: Tried) -> None:
        await tried.press("S")
        await tried.until(lambda: bool(tried.app.opened))
        assert child.starts == [("mine.toml", DATASET, False)]

    use(start, FROZEN_RUN, frozen=True, name="mine-20261123-182122")


def test_leaving_asks_once_where_changes_would_be_lost(child: Children) -> None:
    async def leave(tried: Tried) -> None:
        await tried.set("chains", "3")
        await tried.press("q")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        await tried.press("n")
        await tried.until(lambda: tried.app.screen is tried.screen)
        await tried.press("escape")
        await tried.until(lambda: isinstance(tried.app.screen, Question))
        await tried.press("y")
        await tried.until(lambda: tried.screen not in tried.app.screen_stack)

    async def leave_at_once(tried: Tried) -> None:
        await tried.press("q")
        await tried.until(lambda: tried.screen not in tried.app.screen_stack)

    use(leave)
    use(leave_at_once)


def test_a_small_terminal_says_what_it_needs_and_nothing_is_lost(child: Children) -> None:
    async def shrink(tried: Tried) -> None:
        await tried.set("chains", "3")
        await tried.pilot.resize_terminal(50, 10)
        await tried.pilot.pause()
        assert tried.seen("head") == "the form needs 60x16"
        assert not tried.screen.query_one(FieldList).display
        await tried.pilot.resize_terminal(80, 24)
        await tried.pilot.pause()
        assert tried.beside("chains").split()[:3] == ["•", "chains", "3"]

    use(shrink)


def test_what_is_typed_stays_on_its_field_when_the_terminal_changes(child: Children) -> None:
    async def resize(tried: Tried) -> None:
        await tried.go_to("prefill")
        await tried.press("enter", "a")
        for size in ((80, 18), (120, 40)):
            await tried.pilot.resize_terminal(*size)
            await tried.pilot.pause()
            assert tried.beside("prefill") == "• prefill        a"
        await tried.press("enter")
        assert tried.text("reasoning", "prefill") == "a"

    use(resize)
