"""Where there is no terminal, or one that knows no escape codes: refused or served in plain lines; and terminals of
other kinds than the usual one."""

from pathlib import Path

import pytest

from icm_tui.run_dir.layout import RunDir
from tests.tui.paced import icm_tui, start
from tests.tui.terminal import ICM_TUI, Terminal

pytestmark = pytest.mark.slow

DUMB = {"TERM": "dumb"}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunDir]:
    """A home and a run in it that is done."""
    home = tmp_path_factory.mktemp("ended")
    said = icm_tui(home, "run", "demo", "--set", "task.limit=40", "--out", str(home / "run"), "--headless")
    assert "done" in said.stdout
    return home, RunDir(home / "run")


@pytest.mark.parametrize("words", [(), ("attach", "--no-mouse"), ("run", "nothing-of-this-name")])
def test_off_a_terminal_a_mistake_gets_a_sentence_without_codes(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = icm_tui(tmp_path, *words, status=2)
    assert said.stdout == ""
    assert "\x1b" not in said.stderr
    assert said.stderr.count("\n") == 1


def test_off_a_terminal_a_run_is_followed_in_lines(ended: tuple[Path, RunDir]) -> None:
    home, run = ended
    said = icm_tui(home, "attach", str(run.path))
    assert said.stdout.startswith("done")
    assert "\x1b" not in said.stdout + said.stderr


def test_off_a_terminal_a_run_is_made_in_lines(tmp_path: Path) -> None:
    said = icm_tui(tmp_path, "run", "demo", "--set", "task.limit=40")
    assert "done" in said.stdout
    assert "\x1b" not in said.stdout + said.stderr


def test_a_dumb_terminal_gets_a_sentence(tmp_path: Path) -> None:
    with Terminal(ICM_TUI, tmp_path, environ=DUMB) as terminal:
        assert terminal.wait() == 2
    assert b"\x1b" not in terminal.raw
    assert "TERM" in terminal.text


def test_a_dumb_terminal_gets_the_lines(ended: tuple[Path, RunDir]) -> None:
    home, run = ended
    with Terminal([*ICM_TUI, "attach", str(run.path)], home, environ=DUMB) as terminal:
        assert terminal.wait() == 0
    assert b"\x1b" not in terminal.raw
    assert "done" in terminal.text


def test_a_run_on_a_dumb_terminal_shows_its_progress(tmp_path: Path) -> None:
    words = [*ICM_TUI, "run", "demo", "--set", "task.limit=40"]
    with Terminal(words, tmp_path, environ=DUMB) as terminal:
        assert terminal.wait() == 0
    assert b"\x1b" not in terminal.raw
    assert "40 of 40 items labelled" in terminal.text


@pytest.mark.parametrize("where", ["2>/dev/null", "</dev/null", "2>/dev/null </dev/null"])
def test_a_screen_needs_both_its_ends(tmp_path: Path, where: str) -> None:
    words = ["/bin/sh", "-c", f'"$@" {where}', "sh", *ICM_TUI]
    with Terminal(words, tmp_path) as terminal:
        assert terminal.wait() == 2
    assert b"\x1b" not in terminal.raw


def test_the_result_of_a_pipe_is_clean(tmp_path: Path) -> None:
    """The screens are drawn on stderr: what goes on in a pipe behind stdout is the parting words alone."""
    path = tmp_path / "said"
    words = ["/bin/sh", "-c", f'"$@" > {path}', "sh", *ICM_TUI]
    with Terminal(words, tmp_path) as terminal:
        terminal.see("demo", "leave")
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "linux"},
        {"TERM": "vt100"},
        {"TERM": "screen"},
        {"TERM": "tmux-256color", "COLORTERM": "truecolor"},
        {"NO_COLOR": "1"},
        {"LANG": "C"},
        {"LC_ALL": "xx_XX.nonsense"},
        {"PYTHONIOENCODING": "latin-1"},
        {"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"},
        {"TEXTUAL_THEME": "textual-light"},
        {"TEXTUAL_DISABLE_KITTY_KEY": "1"},
    ],
    ids=lambda environ: " ".join(f"{name}={value}" for name, value in environ.items()).split()[0],
)
def test_terminals_of_other_kinds(ended: tuple[Path, RunDir], environ: dict[str, str]) -> None:
    home, run = ended
    with Terminal([*ICM_TUI, "attach", str(run.path)], home, environ=environ) as terminal:
        terminal.see("done", "leave")
        terminal.type("j")
        terminal.until_quiet()
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}


def test_without_colour_nothing_is_told_by_colour_alone(ended: tuple[Path, RunDir]) -> None:
    """What a screen says is the same with and without colours."""
    home, run = ended
    said = []
    for environ in ({}, {"NO_COLOR": "1"}):
        with Terminal([*ICM_TUI, "attach", str(run.path)], home, columns=120, rows=40, environ=environ) as terminal:
            terminal.see("done", "leave")
            terminal.until_quiet()
            said.append(terminal.text)
            terminal.type("q")
            terminal.wait()
    assert said[0] == said[1]


def test_synchronised_output_is_used_where_it_is_answered(ended: tuple[Path, RunDir]) -> None:
    home, run = ended
    with Terminal([*ICM_TUI, "attach", str(run.path)], home, synchronised=True) as terminal:
        terminal.see("done", "leave")
        terminal.type("jjG")
        terminal.until_quiet()
        terminal.type("q")
        assert terminal.wait() == 0
    assert terminal.left_changed() == {}
    assert terminal.raw.count(b"\x1b[?2026h") == terminal.raw.count(b"\x1b[?2026l") > 0


def test_no_mouse(ended: tuple[Path, RunDir]) -> None:
    home, run = ended
    with Terminal([*ICM_TUI, "attach", str(run.path), "--no-mouse"], home) as terminal:
        terminal.see("done", "leave")
        terminal.type("q")
        assert terminal.wait() == 0
    assert b"\x1b[?1000h" not in terminal.raw
    assert b"\x1b[?1003h" not in terminal.raw


def test_run_goes_on_when_its_screen_is_left(tmp_path: Path) -> None:
    words = [*ICM_TUI, "run", "demo", "--set", "task.limit=60", "--out", str(tmp_path / "made")]
    with Terminal(words, tmp_path) as terminal:
        terminal.see("running", "leave")
        terminal.type("q")
        assert terminal.wait() == 0
    assert "icm-tui attach" in terminal.text
    icm_tui(tmp_path, "throttle", str(tmp_path / "made"), "off")
    assert "done" in icm_tui(tmp_path, "attach", str(tmp_path / "made")).stdout


def test_attach_without_a_name_opens_the_only_live_run(tmp_path: Path) -> None:
    run = start(tmp_path)
    with Terminal([*ICM_TUI, "attach"], tmp_path) as terminal:
        terminal.see(run.name[:20], "running")
        terminal.type("q")
        assert terminal.wait() == 0
    icm_tui(tmp_path, "stop", str(run.path))
    with Terminal([*ICM_TUI, "attach"], tmp_path) as terminal:
        terminal.see("runs", "stopped")
        terminal.type("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("gone", ["items.jsonl", "profile.toml"])
def test_a_run_that_cannot_be_read_gets_a_sentence(tmp_path: Path, gone: str) -> None:
    icm_tui(tmp_path, "run", "demo", "--set", "task.limit=40", "--out", str(tmp_path / "run"), "--headless")
    (tmp_path / "run" / gone).write_bytes(b"\xff\x00 no such thing")
    with Terminal([*ICM_TUI, "attach", str(tmp_path / "run")], tmp_path, columns=200) as terminal:
        assert terminal.wait() == 2
    assert terminal.left_changed() == {}
    assert gone in terminal.text
    assert "Traceback" not in terminal.text
