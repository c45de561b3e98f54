"""Hostile texts in every place a text can come from: nothing but our own drawing reaches the terminal."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from icm_tui.tui.cells import cut, fit, span, width, wrap
from tests.tui.escapes import Token
from tests.tui.hostile import CORPUS, SURROGATES, harmless_home, hostile_home
from tests.tui.terminal import ICM_TUI, Terminal

ALL = CORPUS | SURROGATES
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def _drawn_width(text: str) -> int:
    """How far the cursor of a terminal goes that counts character by character, as most do."""
    return sum(wcwidth(character) for character in text)


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_span_steers_nothing(text: str) -> None:
    cleaned = span(text).text
    assert [character for character in cleaned if unicodedata.category(character) in _STEERING] == []
    cleaned.encode()


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_fitted_line_is_as_wide_as_it_says(text: str) -> None:
    for cells in (1, 2, 7, 38, 200):
        fitted = fit((span(text),), cells)
        assert width(fitted) == cells
        assert _drawn_width("".join(part.text for part in fitted)) == cells


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_wrapped_text_steers_nothing(text: str) -> None:
    for piece in wrap(text, 60)[:100]:
        assert [character for character in piece if unicodedata.category(character) in _STEERING] == []
        assert _drawn_width(piece) <= 61


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 80))
def test_any_text_at_all(text: str, cells: int) -> None:
    cleaned = span(text).text
    assert [character for character in cleaned if unicodedata.category(character) in _STEERING] == []
    assert _drawn_width(cut(cleaned, cells)) <= cells


# On real terminals

SIZES = [(80, 24), (120, 40), (200, 60), (40, 10)]
RUNS = ["text-done", "text-failed", "text-stopped"]
BROKEN = ["surrogates", "broken-journal", "broken-profile"]

# Every pane, every view of an item, the copying, the palette, the help, the form of the profile, moving about in each.
_MOVES = ["j", "j", "\x1b[6~", "G", "k", "g"]
_ITEM = ["\r", "t", *_MOVES, "c", *_MOVES, "e", *_MOVES, "d", *_MOVES, "n", "n", "N", "q"]
RUN_KEYS = [
    *("1", *_MOVES, "2", *_MOVES, "4", *_MOVES, "3", *_MOVES, "z", *_MOVES, "z", "o", "o", "o", "o", "a"),
    *_ITEM,
    *("G", *_ITEM, "y", "t", "y", "r", "y", "p", "?", *_MOVES, "q", ":", "pin", "\x1b", "F", *_MOVES, "q"),
]
RUNS_KEYS = [*["j"] * 25, "G", *["k"] * 25, "g", "y", ":", "\x1b", "?", "q", "G", "F", "j", "q"]

Home = Callable[[str], Path]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The hostile home and the harmless one."""
    homes: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in homes:
            homes[name] = tmp_path_factory.mktemp(name)
            (hostile_home if name == "hostile" else harmless_home)(homes[name])
        return homes[name]

    return of


def walk(folder: Path, words: Iterable[str], keys: Iterable[str], size: tuple[int, int]) -> Terminal:
    """Type the keys one after another, each once the screen has come to rest, and leave."""
    columns, rows = size
    with Terminal([*ICM_TUI, *words], folder, columns=columns, rows=rows) as terminal:
        terminal.until(lambda: terminal.alternate)
        terminal.until_quiet(0.6)
        for key in keys:
            terminal.type(key)
            # A lone escape is one after a while only.
            terminal.until_quiet(0.3 if key == "\x1b" else 0.08)
            assert terminal.process.poll() is None, terminal.text
        terminal.type("\x03")
        assert terminal.wait() == 0, terminal.text
    assert terminal.left_changed() == {}
    return terminal


def uses(tokens: Iterable[Token]) -> set[str]:
    """What of a terminal's language was used: attributes each by itself, a clipboard's text whatever it is."""
    used: set[str] = set()
    for token in tokens:
        shape = token.shape
        if re.fullmatch(r"CSI \[[\d;]*m", shape):
            used |= {f"SGR {attribute}" for attribute in shape[5:-1].split(";")}
        elif re.fullmatch(r"OSC \]52;c;[A-Za-z0-9+/=]*(\x07|\x1b\\)", shape):
            used.add("OSC 52")
        else:
            used.add(shape)
    return used


def assert_harmless(tokens: list[Token], model: list[Token]) -> None:
    """Nothing but what the model, which showed harmless texts, has sent as well."""
    assert uses(tokens) - uses(model) == set()
    assert {token.kind for token in tokens} & {"c1", "broken", "dcs", "sos", "pm", "apc"} == set()
    for token in tokens:
        if token.kind == "text":
            steering = {c for c in token.raw.decode() if unicodedata.category(c) in _STEERING}
            assert steering == set(), token


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", RUNS)
def test_every_screen_of_a_run(home: Home, name: str, size: tuple[int, int]) -> None:
    tokens = {}
    for kind in ("harmless", "hostile"):
        folder = home(kind)
        words = ["attach", str(folder / "icm" / "runs" / name)]
        tokens[kind] = walk(folder, words, RUN_KEYS, size).tokens
    assert_harmless(tokens["hostile"], tokens["harmless"])


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_list_of_runs(home: Home, size: tuple[int, int]) -> None:
    tokens = {kind: walk(home(kind), [], RUNS_KEYS, size).tokens for kind in ("harmless", "hostile")}
    assert_harmless(tokens["hostile"], tokens["harmless"])


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_run_with_broken_files(home: Home, name: str) -> None:
    folder = home("hostile")
    harmless = walk(
        home("harmless"), ["attach", str(home("harmless") / "icm" / "runs" / "text-failed")], "jG", (80, 24)
    )
    with Terminal([*ICM_TUI, "attach", str(folder / "icm" / "runs" / name)], folder) as terminal:
        terminal.until(lambda: terminal.process.poll() is not None or "leave" in terminal.text)
        if terminal.process.poll() is None:
            terminal.type("jG")
            terminal.until_quiet()
            terminal.type("q")
        assert terminal.wait() in (0, 2)
    assert terminal.left_changed() == {}
    assert "Traceback" not in terminal.text
    assert_harmless(terminal.tokens, harmless.tokens)


@pytest.mark.slow
def test_each_run_with_a_hostile_name_opens(home: Home) -> None:
    folder = home("hostile")
    harmless = walk(home("harmless"), [], ["\r"], (120, 40))
    for path in (folder / "icm" / "runs").iterdir():
        if path.name not in BROKEN:
            shown = walk(folder, ["attach", "--", str(path)], "jy", (120, 40))
            assert_harmless(shown.tokens, harmless.tokens + shown_copying(home).tokens)


def shown_copying(home: Home) -> Terminal:
    """What copying from a harmless run sends."""
    folder = home("harmless")
    return walk(folder, ["attach", str(folder / "icm" / "runs" / "text-done")], ["y", "t"], (120, 40))
