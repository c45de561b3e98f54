"""The way in and out, where no terminal is needed to see it; what is, is tried on real ones."""

import stat
from pathlib import Path

import pytest

from icm_tui.errors import RunFailed
from icm_tui.tui import entrance
from icm_tui.tui.app import IcmApp
from icm_tui.tui.entrance import LOG, enter


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process keeps its signals, and nobody watches its terminal."""
    monkeypatch.setattr(entrance, "_heed_hangups", lambda: None)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


def enter_with(run: object, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(entrance, "_run", run)
    return enter(None, read_only=True, mouse=True)


def test_who_leaves_comes_back_with_the_runs_that_were_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def run(app: IcmApp, *, mouse: bool) -> None:
        assert app.opening.read_only
        assert not app.opening.slow_line
        app.opened.append(tmp_path)

    assert enter_with(run, monkeypatch) == [tmp_path]


def test_a_terminal_far_away_is_drawn_on_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_CONNECTION", "TEXTUAL_FPS", "TEXTUAL_SMOOTH_SCROLL"):
        monkeypatch.setenv(name, "1")

    async def run(app: IcmApp, *, mouse: bool) -> None:
        assert app.opening.slow_line

    enter_with(run, monkeypatch)


def test_a_signal_ends_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(app: IcmApp, *, mouse: bool) -> int:
        return 15

    with pytest.raises(SystemExit) as left:
        enter_with(run, monkeypatch)
    assert left.value.code == 143


def test_a_fault_of_the_program_is_a_sentence_and_a_file(
    monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def draws(app: IcmApp, *, mouse: bool) -> None:
        app.error_console.print("Traceback of \x1b[2J what went wrong")

    async def raises(app: IcmApp, *, mouse: bool) -> None:
        raise ZeroDivisionError("what went wrong")

    log = home / "cache" / LOG
    for run in (draws, raises):
        with pytest.raises(RunFailed) as failed:
            enter_with(run, monkeypatch)
        told = f"The screens ended by a fault of the program; the runs are not touched. {log} says what happened."
        assert str(failed.value) == told
        assert "what went wrong" in log.read_text()
        assert "\x1b" not in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert capsys.readouterr() == ("", "")


def test_a_fault_that_cannot_be_kept_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "cache").write_text("no folder")

    async def raises(app: IcmApp, *, mouse: bool) -> None:
        raise ZeroDivisionError

    with pytest.raises(RunFailed, match=r"cannot be kept in .*: "):
        enter_with(raises, monkeypatch)


def test_keys_of_ones_own_are_read(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "keys.toml").write_text('[keys]\n"runs.resume" = "r"\n"runs.resmue" = "x"\n')

    async def run(app: IcmApp, *, mouse: bool) -> None:
        assert app.key("runs.resume") == "r"
        assert app.key("runs.remove") == ":remove"
        assert len(app.keymap_problems) == 1

    enter_with(run, monkeypatch)
