"""The form as a person uses it: moving, typing, faults, frozen settings, leaving, sizes."""

import pytest
from textual.events import Key

from icm_tui.tui.form.field_widget import FieldList
from icm_tui.tui.form.rows import FROZEN
from icm_tui.tui.widgets.question_screen import Prompt, Question
from tests.tui.form.screen_driver import DATASET, FROZEN_RUN, Children, Tried, use


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
        await tried.press("right", "enter", "l", "l")
        assert tried.text("search", "method") is None
        await tried.press("h", "h")
        assert tried.text("search", "method") == "random_labels"
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


def test_form_keeps_what_is_typed_when_the_terminal_changes(child: Children) -> None:
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
