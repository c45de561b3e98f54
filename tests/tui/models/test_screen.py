"""The screen of a server's models: filtered by words, chosen for the form."""

from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from icm_tui.commands.json import Catalogue
from icm_tui.tui import children
from icm_tui.tui.children import Failed
from icm_tui.tui.models.screen import ModelsScreen
from icm_tui.tui.widgets.line_list import LineList
from tests.servers.openrouter import OpenRouterServer
from tests.tui.drawn import lines, text, until
from tests.tui.form.screen_driver import DATASET, Children, Tried, use
from tests.tui.served import CATALOGUE, OFFERS, Telling, opened

ASKING = DATASET + '[model]\nbackend = "openai"\nbase_url = "http://localhost:1/v1"\nkey_env = "MINE"\n'


def screen(telling: Telling) -> ModelsScreen:
    return ModelsScreen("openrouter", telling.tell)  # type: ignore[arg-type]


def shown(pilot: Pilot[None]) -> list[str]:
    """The ids of the models on the screen."""
    rows = [row for widget in pilot.app.screen.query(LineList) for row in lines(widget)]
    return [row.split()[0] for row in rows if row.strip()]


def test_a_model_is_found_by_words_and_chosen() -> None:
    async def choose(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shown(pilot) == [offer.id for offer in OFFERS])
        assert "4 models · read 2 hours ago" in text(pilot)
        # In one burst, as a stalled line delivers them.
        await pilot.press("slash", *"TINY", "space", *"acme")
        await until(pilot, lambda: shown(pilot) == ["acme/tiny-1"])
        assert "1 of 4" in text(pilot)
        assert "Acme: Tiny 1 · USD a million tokens: 0.1 read, 0.6 written" in text(pilot)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ModelsScreen))

    assert opened(lambda: screen(Telling(CATALOGUE)), choose) == ["acme/tiny-1"]


def test_models_screen_clears_its_words_before_it_leaves() -> None:
    async def leave(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(shown(pilot)) == 4)
        await pilot.press("slash", *"zeta", "enter")
        await until(pilot, lambda: shown(pilot) == ["zeta/tiny-3:free"])
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(pilot)) == 4)
        # The cursor stays on the model that it was on.
        assert "Zeta: Tiny 3" in text(pilot)
        await pilot.press("slash", *"no such", "escape")
        await until(pilot, lambda: len(shown(pilot)) == 4)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ModelsScreen))

    assert opened(lambda: screen(Telling(CATALOGUE)), leave) == []


def test_what_fits_nothing_is_told_and_enter_does_nothing() -> None:
    async def see(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(shown(pilot)) == 4)
        await pilot.press("slash")
        pilot.app.screen.query_one(LineList).post_message(Paste("none such\n"))
        await until(pilot, lambda: "No model holds these words." in text(pilot))
        await pilot.press("enter", "enter")
        assert isinstance(pilot.app.screen, ModelsScreen)

    assert opened(lambda: screen(Telling(CATALOGUE)), see) == []


def test_no_network_is_told_with_what_to_do_and_tried_again() -> None:
    telling = Telling(Failed("The models at https://host.invalid could not be listed: this name has no address."))

    async def retry(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "could not be listed: this name has no" in text(pilot))
        assert "not read" in text(pilot)
        assert "r tries again" in text(pilot)
        await pilot.press("enter")
        telling.told = Catalogue("https://host.invalid", 200_000.0, OFFERS[:1], "No connection.")
        await pilot.press("r")
        await until(pilot, lambda: shown(pilot) == ["acme/large-2"])
        assert "could not be read again: No connection." in text(pilot)
        assert telling.asked == [(False,), (True,)]

    assert opened(lambda: screen(telling), retry) == []


def test_reading_is_told_and_given_up_when_left() -> None:
    telling = Telling(CATALOGUE)
    telling.may_tell.clear()

    async def leave(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "reading the list …" in text(pilot))
        await until(pilot, lambda: telling.asked)
        await pilot.press("q")
        await until(pilot, lambda: telling.given_up == 1)

    assert opened(lambda: screen(telling), leave) == []


@pytest.mark.parametrize("size", [(40, 10), (60, 16), (200, 60)])
def test_every_size_has_room_for_the_models(size: tuple[int, int]) -> None:
    async def see(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "acme/large" in text(pilot))
        await pilot.press("G")
        await until(pilot, lambda: "does not say" in text(pilot))

    opened(lambda: screen(Telling(CATALOGUE)), see, size)


# From the form


def test_the_form_takes_the_model_and_where_it_is_served(child: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    async def models(server: str, *, fresh: bool) -> Catalogue:
        asked.append((server, fresh))
        return CATALOGUE

    monkeypatch.setattr(children, "models", models)

    async def choose(tried: Tried) -> None:
        await tried.press("m")
        await tried.until(lambda: "acme/large-2" in text(tried.pilot))
        await tried.press("j", "enter")
        await tried.until(lambda: tried.text("model", "model") == "acme/tiny-1")
        assert tried.text("model", "backend") == "openai"
        assert tried.text("model", "base_url") == "openrouter"
        assert "model.model" in tried.seen("detail")
        assert "m lists the models of the server" in tried.seen("detail")
        assert "not saved" in tried.seen("head")

    use(choose)
    assert asked == [("openrouter", False)]


def test_models_screen_asks_a_server_without_a_model(child: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[tuple[Path, str]] = []

    async def models(server: str, *, fresh: bool) -> Catalogue:
        files.append((Path(server), Path(server).read_text()))
        return CATALOGUE

    monkeypatch.setattr(children, "models", models)

    async def choose(tried: Tried) -> None:
        await tried.press("m")
        await tried.until(lambda: "acme/large-2" in text(tried.pilot))
        await tried.press("enter")
        await tried.until(lambda: tried.text("model", "model") == "acme/large-2")
        assert tried.text("model", "base_url") == "http://localhost:1/v1"

    use(choose, ASKING)
    ((path, toml),) = files
    assert 'base_url = "http://localhost:1/v1"' in toml
    assert 'key_env = "MINE"' in toml
    assert not path.parent.exists()


def test_an_address_that_is_none_is_mended_first(child: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    telling = Telling(CATALOGUE)
    monkeypatch.setattr(children, "models", telling.tell)

    async def refuse(tried: Tried) -> None:
        await tried.press("m")
        await tried.until(lambda: "model.base_url:" in tried.said())
        assert tried.app.screen is tried.screen

    use(refuse, ASKING.replace("http://localhost:1/v1", "nowhere at all"))
    assert telling.asked == []


def test_a_real_list_is_read(home: Path, child: Children) -> None:
    with OpenRouterServer() as server:

        async def choose(tried: Tried) -> None:
            await tried.press("m")
            await tried.until(lambda: "acme/tiny-1" in text(tried.pilot))
            assert "acme/mute-1" not in text(tried.pilot)
            await tried.press("slash", *"tiny-1", "enter", "enter")
            await tried.until(lambda: tried.text("model", "model") == "acme/tiny-1")

        use(choose, ASKING.replace("http://localhost:1/v1", server.base_url).replace('key_env = "MINE"\n', ""))
