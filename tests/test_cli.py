"""The command line without its commands: what is parsed, and what is said of a mistake."""

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from icm_tui import cli
from icm_tui.commands.table import COMMANDS, SCREENS, readme_table
from icm_tui.errors import RunFailed, UserError
from tests.house import ROOT


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> dict[str, argparse.Namespace]:
    """Replaces every handler; holds the arguments of the one that was called, under its name."""
    called: dict[str, argparse.Namespace] = {}

    def import_module(name: str) -> "_Recorder":
        return _Recorder(name.removeprefix("icm_tui.commands."), called)

    monkeypatch.setattr(cli, "importlib", SimpleNamespace(import_module=import_module))
    return called


class _Recorder:
    """Stands in for a handler's module."""

    def __init__(self, module: str, called: dict[str, argparse.Namespace]) -> None:
        self._module, self._called = module, called

    def __getattr__(self, function: str) -> cli.Handler:
        def handler(args: argparse.Namespace) -> int:
            self._called[f"{self._module}:{function}"] = args
            return 0

        return handler


def _raising(error: BaseException) -> SimpleNamespace:
    def handler(args: argparse.Namespace) -> int:
        raise error

    return SimpleNamespace(import_module=lambda name: SimpleNamespace(list_=handler))


@pytest.mark.parametrize(
    ("line", "handler", "expected"),
    [
        (
            "run demo",
            "run:run",
            {
                "profile": "demo",
                "set": [],
                "out": None,
                "headless": False,
                "detach": False,
                "json": False,
                "yes": False,
                "dry_run": False,
            },
        ),
        (
            "run demo --set a.b=1 --set c=-2 --out D --detach",
            "run:run",
            {"set": ["a.b=1", "c=-2"], "out": "D", "detach": True},
        ),
        (
            "run demo --headless --json --yes --dry-run",
            "run:run",
            {"headless": True, "json": True, "yes": True, "dry_run": True},
        ),
        ("_runner D --set run.max_calls=9", "run:runner_child", {"directories": ["D"], "set": ["run.max_calls=9"]}),
        ("attach", "attach:attach", {"run": None, "read_only": False, "no_mouse": False}),
        ("attach r", "attach:attach", {"run": "r"}),
        ("attach --read-only --no-mouse", "attach:attach", {"run": None, "read_only": True, "no_mouse": True}),
        ("runs --json", "runs:list_", {"json": True}),
        ("runs rm r --yes", "runs:rm", {"run": "r", "yes": True}),
        ("pause r", "control:send", {"run": "r", "what": "pause"}),
        ("step r", "control:send", {"run": "r", "what": "step"}),
        ("skip r", "control:send", {"run": "r", "what": "skip"}),
        ("stop r", "control:send", {"run": "r", "what": "stop"}),
        (
            "pin r 17 A --note because",
            "control:pin",
            {"run": "r", "item": 17, "label": "A", "note": "because", "off": False},
        ),
        ("pin r 17 --off", "control:pin", {"item": 17, "label": None, "note": "", "off": True}),
        ("throttle r 20", "control:throttle", {"run": "r", "seconds": "20"}),
        ("throttle r off", "control:throttle", {"seconds": "off"}),
        ("run demo --detach --throttle 20", "run:run", {"detach": True, "throttle": "20"}),
        ("to r 250", "control:send", {"run": "r", "what": "to", "n": 250}),
        (
            "resume r --headless --set run.max_calls=9",
            "control:resume",
            {"run": "r", "headless": True, "detach": False, "set": ["run.max_calls=9"], "json": False},
        ),
        ("measure r --json", "measure:measure", {"runs": ["r"], "json": True, "look": False, "sort": "table"}),
        (
            "export r --format csv -o f.csv --with-gold",
            "results:export",
            {"run": "r", "format": "csv", "output": "f.csv", "with_gold": True},
        ),
        ("profiles", "profiles:list_", {"json": False}),
        ("profiles --json list", "profiles:list_", {"json": True}),
        ("profiles list --json", "profiles:list_", {"json": True}),
        (
            "profiles show demo --set run.seed=1",
            "profiles:show",
            {"profile": "demo", "set": ["run.seed=1"], "json": False},
        ),
        ("profiles check p.toml --json", "profiles:check", {"profile": "p.toml", "set": [], "json": True}),
        ("profiles new mine", "profiles:new", {"name": "mine", "from_profile": "demo", "set": [], "force": False}),
        ("profiles new mine --from paper --force", "profiles:new", {"from_profile": "paper", "force": True}),
        (
            "profiles import c.json --name n",
            "profiles:import_",
            {"source": "c.json", "name": "n", "flags": [], "force": False},
        ),
        (
            "profiles import --force -- --alpha 50 --name x",
            "profiles:import_",
            {"source": None, "name": None, "flags": ["--alpha", "50", "--name", "x"], "force": True},
        ),
    ],
)
def test_parse_arguments(
    line: str, handler: str, expected: dict[str, object], parsed: dict[str, argparse.Namespace]
) -> None:
    assert cli.main(line.split()) == 0
    assert list(parsed) == [handler]
    assert vars(parsed[handler]) | expected == vars(parsed[handler])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("rnu demo", "`icm-tui` has no command `rnu`. Did you mean `run`? See `icm-tui --help`."),
        ("qqq", "`icm-tui` has no command `qqq`. See `icm-tui --help`."),
        ("_runer D", "`icm-tui` has no command `_runer`. Did you mean `run`? See `icm-tui --help`."),
        (
            "profiles lst",
            "`icm-tui profiles` has no command `lst`. Did you mean `list`? See `icm-tui profiles --help`.",
        ),
        ("runs demo", "`icm-tui runs` has no command `demo`. See `icm-tui runs --help`."),
        (
            "run d --hedless",
            "`icm-tui run` does not take `--hedless`. Did you mean `--headless`? See `icm-tui run --help`.",
        ),
        (
            "run d --headles",
            "`icm-tui run` does not take `--headles`. Did you mean `--headless`? See `icm-tui run --help`.",
        ),
        ("run d --ste=a=1", "`icm-tui run` does not take `--ste=a=1`. Did you mean `--set`? See `icm-tui run --help`."),
        (
            "export a b",
            "icm-tui export: the following arguments are required: --format, -o/--output. See `icm-tui export --help`.",
        ),
        ("--fast", "`icm-tui` does not take `--fast`. See `icm-tui --help`."),
        ("run", "icm-tui run: the following arguments are required: PROFILE. See `icm-tui run --help`."),
        ("to r soon", "icm-tui to: argument N: invalid int value: 'soon'. See `icm-tui to --help`."),
    ],
)
def test_parse_names_mistake_in_one_sentence(
    line: str, sentence: str, parsed: dict[str, argparse.Namespace], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(line.split()) == 2
    assert capsys.readouterr() == ("", sentence + "\n")
    assert not parsed


def test_parse_refuses_headless_with_detach(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "demo", "--headless", "--detach"]) == 2
    assert "--headless" in capsys.readouterr().err


def test_table_names_handlers_that_exist() -> None:
    for command in (SCREENS, *COMMANDS):
        module, function = command.handler.split(":")
        assert callable(getattr(importlib.import_module(f"icm_tui.commands.{module}"), function)), command.name


def test_table_gives_each_command_once() -> None:
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names)) > 25


def test_table_is_the_one_in_readme() -> None:
    """`python -m icm_tui.commands.table` prints it."""
    assert f"\n\n{readme_table()}\n\n" in (ROOT / "README.md").read_text("utf-8")


def test_help_names_every_command_but_hidden_ones() -> None:
    text = cli._build_parser().format_help()
    named = {line.split()[0] for line in text.splitlines() if line.startswith("  ") and line.split()}
    assert {command.name for command in COMMANDS if not command.hidden and " " not in command.name} <= named
    assert "_runner" not in text


def test_help_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parsers = [cli._build_parser()]
    for parser in parsers:
        assert max(map(len, parser.format_help().splitlines())) <= 80, parser.prog
        parsers.extend(parser.commands.values())


def test_help_of_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runs", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: icm-tui runs ")


def test_main_prints_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("icm-tui 0.")


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (UserError("The request was wrong."), 2, "The request was wrong.\n"),
        (RunFailed("The disk is full."), 1, "The disk is full.\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_main_turns_error_into_status(
    error: BaseException, status: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "importlib", _raising(error))
    assert cli.main(["runs"]) == status
    assert capsys.readouterr() == ("", told)


def test_main_does_not_hide_bugs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "importlib", _raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["runs"])


def _icm_tui(*words: str, stdin: int = subprocess.DEVNULL) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "icm_tui", *words]
    return subprocess.run(line, stdin=stdin, capture_output=True, text=True, check=False, timeout=60)


def test_main_off_terminal_needs_command() -> None:
    done = _icm_tui()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "icm-tui off a terminal needs a command, such as `icm-tui run demo`. See `icm-tui --help`.\n"


def test_main_opens_screens_without_command(parsed: dict[str, argparse.Namespace]) -> None:
    assert cli.main([]) == 0
    assert list(parsed) == ["tui:open_"]


def test_main_refuses_terminal_that_cannot_draw() -> None:
    import pty

    controller, terminal = pty.openpty()
    line = [sys.executable, "-m", "icm_tui"]
    environment = os.environ | {"TERM": "dumb"}
    child = subprocess.Popen(line, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b"".join(_read_all(controller))
    os.close(controller)
    assert child.wait(timeout=60) == 2
    assert b"TERM=dumb" in shown
    assert b"\x1b" not in shown


def _read_all(descriptor: int) -> Sequence[bytes]:
    pieces = []
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # a terminal that its last user closed reads as an error on Linux
            return pieces
        if not piece:
            return pieces
        pieces.append(piece)


def test_main_survives_reader_that_leaves() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "icm_tui", "--version"]
    done = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
