"""Where the screens can be shown, and what Textual is told before it is imported."""

import io
import subprocess
import sys

import pytest

from icm_tui.tui.terminal import is_slow, prepare_environment, refusal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


XTERM = {"TERM": "xterm-256color"}


def test_a_terminal_is_taken() -> None:
    assert refusal(Terminal(), Terminal(), XTERM) is None


@pytest.mark.parametrize(
    ("stdin", "stderr", "environ", "told"),
    [
        (io.StringIO(), io.StringIO(), XTERM, "icm-tui off a terminal needs a command"),
        (None, None, XTERM, "icm-tui off a terminal needs a command"),
        (io.StringIO(), Terminal(), XTERM, "standard input, which is no terminal here"),
        (None, Terminal(), XTERM, "standard input, which is no terminal here"),
        (Terminal(), io.StringIO(), XTERM, "standard error, which is no terminal here"),
        (Terminal(), None, XTERM, "standard error, which is no terminal here"),
        (Terminal(), Terminal(), {"TERM": "dumb"}, "TERM=dumb"),
        (Terminal(), Terminal(), {"TERM": ""}, "TERM is not set"),
        (Terminal(), Terminal(), {}, "TERM is not set"),
    ],
)
def test_what_is_no_terminal_is_refused_in_a_sentence(
    stdin: io.StringIO | None, stderr: io.StringIO | None, environ: dict[str, str], told: str
) -> None:
    sentence = refusal(stdin, stderr, environ)
    assert sentence is not None
    assert told in sentence
    assert "`icm-tui run demo`" in sentence


def test_a_closed_stream_is_no_terminal() -> None:
    closed = io.StringIO()
    closed.close()
    assert refusal(closed, Terminal(), XTERM) is not None


def test_nothing_is_animated() -> None:
    environ: dict[str, str] = {}
    prepare_environment(environ)
    assert environ == {"TEXTUAL_ANIMATIONS": "none"}
    assert not is_slow(environ)


def test_over_ssh_less_is_drawn() -> None:
    environ = {"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}
    prepare_environment(environ)
    assert is_slow(environ)
    assert (environ["TEXTUAL_FPS"], environ["TEXTUAL_SMOOTH_SCROLL"]) == ("15", "0")


def test_what_a_person_has_set_stays() -> None:
    chosen = {"TEXTUAL_FPS": "30", "TEXTUAL_ANIMATIONS": "full", "TEXTUAL_SMOOTH_SCROLL": "1", "SSH_CONNECTION": "x"}
    environ = dict(chosen)
    prepare_environment(environ)
    assert environ == chosen


def test_looking_at_the_terminal_needs_no_textual() -> None:
    code = "import sys, icm_tui.tui.terminal; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
