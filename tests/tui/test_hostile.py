"""Hostile texts in every place a text can come from: nothing but our own drawing reaches the terminal."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from icm_tui.commands.json import Catalogue, Diagnosis, LastProbe, Offer
from icm_tui.domain.reply import Endpoint, Finding, Kind
from icm_tui.tui.children import Failed
from icm_tui.tui.doctor import screen as doctor
from icm_tui.tui.form.rows import probe_lines
from icm_tui.tui.models import screen as models
from icm_tui.tui.text.cells import cut, fit, span, width, wrap
from tests.tui.escapes import Token
from tests.tui.hostile import CORPUS, SURROGATES, harmless_home, hostile_home
from tests.tui.terminal import ICM_TUI, Terminal

ALL = CORPUS | SURROGATES
_STATES: tuple[Literal["ok", "note", "bad"], ...] = ("ok", "note", "bad")
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


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_what_a_server_says_steers_nothing(text: str) -> None:
    """In every place of a diagnosis and of a list of models."""
    text = text[:20_000]
    at = Endpoint(base_url=text, model=text, kind=cast(Kind, text), top_logprobs=5, provider=text)
    findings = [Finding(text, state, text, text) for state in _STATES]
    told = Diagnosis(True, at, findings, [text], 1, None)
    offer = Offer(text, text, 10**17, usd_in=1e-9, usd_out=1e18, usd_cached=1e300, logprobs=True, expires=text)
    catalogue = Catalogue(text, 0.0, [offer], text)
    for cells in (7, 40, 120):
        drawn = [doctor.title(text, told, cells), *doctor.doctor_lines(told, cells)[:200]]
        drawn += doctor.doctor_lines(Failed(text), cells)[:200]
        drawn += [models.title(text, catalogue, 1, cells), models.row_line(offer, cells)]
        drawn += [*models.detail(offer, cells), *models.trouble(catalogue, 1, "", cells)[:200]]
        drawn += [*models.trouble(Failed(text), 0, "", cells)[:200]]
        drawn += probe_lines(LastProbe(1.0, text, 20, text, text, 0.7), text, cells)
        for each in drawn:
            words = "".join(part.text for part in each)
            assert [character for character in words if unicodedata.category(character) in _STEERING] == []
            assert width(fit(each, cells)) == cells


# On real terminals

SIZES = [(80, 24), (200, 60), (40, 10)]
MIDDLE = (120, 40)
BROKEN = ["surrogates", "broken-journal", "broken-profile"]

# Every pane, every view of an item, the copying, the palette, the help, the form of the profile, a server's models,
# what a model can do; moving about in each.
_PAGES = ["\x1b[6~", "G", "g"]
_ITEM = ["\r", "t", *_PAGES, "c", *_PAGES, "e", *_PAGES, "d", *_PAGES, "n", "q"]
_MODELS = ["m", *_PAGES, "/", "x", "\x1b", "j", "u"]
_DOCTOR = ["D", *_PAGES, "u"]
# What a child process tells takes longer to come: these words stand on the screen then.
_TOLD = {"m": ("─ models ·", "reading the list"), "D": ("─ doctor ·", "asking …")}
RUN_KEYS = [
    *("1", *_PAGES, "2", *_PAGES, "4", "3", *_PAGES, "z", "2", *_PAGES, "3", "z", "o", "o", "o", "o", "a"),
    *("j", "j", *_ITEM, "G", "k", "k", "k", *_ITEM),
    *("y", "t", "y", "r", "y", "p", "?", *_PAGES, "q", ":", "\x1b", "F", *_PAGES, *_MODELS, "q"),
]
PANES = ["1", "G", "2", "g", "G", "3", "G", "\r", "e", "G", "q"]
LIST_KEYS = [
    *("j", "j", *_PAGES, *["k"] * 12, "y", ":", "\x1b", "?", "q"),
    *("G", "k", "k", "F", "j", "q", "k", *_DOCTOR, "g"),
]

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
            if key in _TOLD:
                _wait_for_child(terminal, *_TOLD[key])
            assert terminal.process.poll() is None, terminal.text
        terminal.until_quiet(0.6)
        terminal.type("\x03")
        terminal.until_quiet(0.6)
        if terminal.process.poll() is None:
            terminal.type("\x03")  # the first closed what was open on top
        assert terminal.wait() == 0, terminal.text
    assert terminal.left_changed() == {}
    return terminal


def _wait_for_child(terminal: Terminal, shown: str, waiting: str) -> None:
    terminal.until(lambda: shown in terminal.text and waiting not in terminal.text)


# The colours of a sentence that is told over a screen without a line for it. Whether a copy ends on such a screen, the
# help for one, hangs on how fast it went.
_TOLD_OVER = {"SGR 32", "SGR 40"}


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
    assert uses(tokens) - uses(model) - _TOLD_OVER == set()
    assert {token.kind for token in tokens} & {"c1", "broken", "dcs", "sos", "pm", "apc"} == set()
    for token in tokens:
        if token.kind == "text":
            steering = {c for c in token.raw.decode() if unicodedata.category(c) in _STEERING}
            assert steering == set(), token


@pytest.fixture(scope="module")
def model(home: Home) -> Callable[[tuple[int, int]], Terminal]:
    """The walk through a run with harmless texts, at a size of the terminal."""
    walks: dict[tuple[int, int], Terminal] = {}

    def of(size: tuple[int, int]) -> Terminal:
        if size not in walks:
            walks[size] = walk(home("harmless"), ["attach", "text-done"], RUN_KEYS, size)
        return walks[size]

    return of


Model = Callable[[tuple[int, int]], Terminal]


@pytest.mark.slow
@pytest.mark.parametrize("size", [*SIZES, MIDDLE], ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_of_a_run(home: Home, model: Model, size: tuple[int, int]) -> None:
    shown = walk(home("hostile"), ["attach", "text-done"], RUN_KEYS, size)
    assert_harmless(shown.tokens, model(size).tokens)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text-failed", "text-stopped"])
def test_what_a_run_says_of_its_end(home: Home, model: Model, name: str) -> None:
    shown = walk(home("hostile"), ["attach", name], PANES, MIDDLE)
    assert_harmless(shown.tokens, model(MIDDLE).tokens)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_list_of_runs(home: Home, model: Model, size: tuple[int, int]) -> None:
    harmless = walk(home("harmless"), [], LIST_KEYS, size)
    shown = walk(home("hostile"), [], LIST_KEYS, size)
    assert_harmless(shown.tokens, harmless.tokens + model(size).tokens)


@pytest.mark.slow
def test_no_text_pushes_the_frame_aside(home: Home) -> None:
    """Texts of wide characters and of none at all leave the line between the panes where it is."""
    frames = []
    for kind in ("harmless", "hostile"):
        with Terminal([*ICM_TUI, "attach", "text-done"], home(kind), columns=120, rows=40) as terminal:
            terminal.see("labels", "leave")
            seen = []
            for key in ["\x1b[6~"] * 12:
                terminal.type(key)
                terminal.until_quiet(0.2)
                seen.append({(x, y) for x in range(120) for y in range(40) if terminal.cell(x, y) == "│"})
            terminal.type("q")
            terminal.wait()
        frames.append(set.intersection(*seen))
    assert len(frames[0]) > 20
    assert frames[0] - frames[1] == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_run_with_broken_files(home: Home, model: Model, name: str) -> None:
    with Terminal([*ICM_TUI, "attach", name], home("hostile"), columns=120, rows=40) as terminal:
        terminal.until(lambda: terminal.process.poll() is not None or "leave" in terminal.text)
        if terminal.process.poll() is None:
            terminal.type("jG")
            terminal.until_quiet()
            terminal.type("q")
        assert terminal.wait() in (0, 2)
    assert terminal.left_changed() == {}
    assert "Traceback" not in terminal.text
    assert_harmless(terminal.tokens, model(MIDDLE).tokens)


@pytest.mark.slow
def test_each_run_with_a_hostile_name_opens(home: Home, model: Model) -> None:
    runs = home("hostile") / "icm" / "runs"
    for path in sorted(runs.iterdir()):
        if not path.name.startswith(("text-", *BROKEN)):
            shown = walk(home("hostile"), ["attach", str(path)], ["j", "y", "p"], MIDDLE)
            assert_harmless(shown.tokens, model(MIDDLE).tokens)
