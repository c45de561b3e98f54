"""`icm-tui models`: lists, searches, and the endpoints of a model."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from icm_tui.cli import main
from icm_tui.models.server import router as openrouter
from icm_tui.profile.presets import BY_NAME
from tests.servers.model import Behaviour, ModelServer
from tests.servers.openrouter import OpenRouterServer, Served

_HOUR = 3600.0


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRouterServer]:
    """A router on loopback in the place of the true one."""
    with OpenRouterServer() as server:
        monkeypatch.setattr(openrouter, "HOST", "127.0.0.1")
        preset = msgspec.structs.replace(BY_NAME["openrouter"], base_url=server.base_url)
        monkeypatch.setitem(BY_NAME, "openrouter", preset)
        yield server


def _ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    assert main(["models", *words]) == 0
    shown = capsys.readouterr()
    return shown.out.splitlines(), shown.err


def _told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    lines, _ = _ran(capsys, *words, "--json")
    (line,) = lines
    told = json.loads(line)
    assert isinstance(told, dict)
    return told


def _age(home: Path, seconds: float) -> None:
    (file,) = (home / "cache" / "catalogues").iterdir()
    told = json.loads(file.read_bytes())
    file.write_text(json.dumps(told | {"at": time.time() - seconds}))


@pytest.mark.usefixtures("router")
def test_models_lists_those_with_log_probabilities(capsys: pytest.CaptureFixture[str]) -> None:
    lines, said = _ran(capsys)
    assert [line.split() for line in lines] == [
        ["MODEL", "CONTEXT", "USD", "IN", "USD", "OUT", "LOGPROBS"],
        ["acme/large-2", "32768", "3", "15", "yes"],
        ["acme/tiny-1", "32768", "0.1", "0.6", "yes"],
        ["zeta/tiny-3:free", "32768", "free", "free", "yes"],
    ]
    assert said == ""
    lines, _ = _ran(capsys, "--all")
    assert lines[2].split() == ["acme/mute-1", "32768", "0.2", "0.6", "no"]


@pytest.mark.usefixtures("router")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["TINY"], ["acme/tiny-1", "zeta/tiny-3:free"]),
        (["tiny", "zeta"], ["zeta/tiny-3:free"]),
        # In the name, not in the id.
        (["acme:"], ["acme/large-2", "acme/tiny-1"]),
        (["acme/"], ["acme/large-2", "acme/tiny-1"]),
        (["--all", "mute"], ["acme/mute-1"]),
        (["nothing"], []),
    ],
)
def test_models_must_contain_every_word(capsys: pytest.CaptureFixture[str], words: list[str], found: list[str]) -> None:
    assert [model["id"] for model in _told(capsys, *words)["models"]] == found


@pytest.mark.usefixtures("router")
def test_models_says_if_nothing_matches(capsys: pytest.CaptureFixture[str]) -> None:
    lines, said = _ran(capsys, "mute")
    assert lines == []
    assert said.endswith(" matches. 1 without log-probabilities: --all shows them.\n")


def test_models_says_age_of_catalogue(router: OpenRouterServer, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, _ = _ran(capsys)
    for seconds, age in ((3.5 * _HOUR, "3 hours ago"), (1.1 * _HOUR, "1 hour ago"), (150, "2 minutes ago")):
        _age(home, seconds)
        assert _ran(capsys) == (first, f"catalogue of {age}; --refresh reads it again\n")
    assert len(router.requests) == 1
    assert _ran(capsys, "--refresh") == (first, "")
    assert len(router.requests) == 2


def test_models_shows_old_catalogue_without_network(
    monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ModelServer() as server:
        first, _ = _ran(capsys, "--server", server.base_url)
        _age(home, 50 * _HOUR)
    lines, said = _ran(capsys, "--server", server.base_url)
    assert lines == first
    assert said.endswith(" Shown is the catalogue of 2 days ago\n")
    told = _told(capsys, "--server", server.base_url)
    assert told["age_s"] > 49 * _HOUR
    assert told["stale"]


@pytest.mark.parametrize(
    "words", [["acme/tiny-1"], ["Acme/Tiny-1"], ["acme/t"], ["--endpoints", "acme/tiny-1"]], ids=lambda words: words[-1]
)
def test_models_shows_endpoints_of_one(
    router: OpenRouterServer, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    lines, _ = _ran(capsys, *words)
    assert lines[0].split() == [
        "PROVIDER", "TAG", "LOGPROBS", "USD", "IN", "USD", "OUT", "CONTEXT", "QUANTIZATION", "UPTIME", "CACHE", "STATE",
    ]  # fmt: skip
    assert [line.split() for line in lines[1:]] == [
        ["Northwind", "northwind/fp8", "yes", "0.1", "0.6", "32768", "fp8", "80.0%", "no", "ok"],
        ["Chutes", "chutes/bf16", "yes", "0.2", "0.6", "32768", "bf16", "99.5%", "no", "ok"],
        ["Nebius", "nebius", "yes", "0.4", "0.6", "32768", "-", "99.5%", "yes", "ok"],
        ["Contoso", "contoso", "no", "0.2", "0.6", "32768", "bf16", "99.5%", "no", "ok"],
        [
            "Fabrikam",
            "fabrikam/turbo",
            "yes",
            "0.2",
            "0.6",
            "32768",
            "bf16",
            "99.5%",
            "no",
            "out",
            "of",
            "order",
            "(-2)",
        ],
    ]
    told = _told(capsys, *words)
    assert told["model"] == "acme/tiny-1"
    assert told["endpoints"][0] == {
        "tag": "northwind/fp8",
        "name": "Northwind",
        "context": 32768,
        "quantization": "fp8",
        "status": 0,
        "uptime": 80.0,
        "logprobs": True,
        "caches": False,
        "works": True,
        "usd_in": 0.1,
        "usd_out": 0.6,
        "usd_cached": None,
    }
    assert all("authorization" not in request.headers for request in router.requests)


def test_models_cleans_hostile_names(router: OpenRouterServer, capsys: pytest.CaptureFixture[str]) -> None:
    router.shop = {"acme/\x1b[2Jx": [Served("t\x1b]0;x\x07ag", "Na\nme\x9b1m", quantization="\u202eq")]}
    lines, _ = _ran(capsys)
    assert lines[1].split()[0] == "acme/x"
    router.shop["acme/x"] = next(iter(router.shop.values()))
    lines, _ = _ran(capsys, "--endpoints", "acme/x")
    assert lines[1].split()[:3] == ["Na", "me", "tag"]
    assert all(line.isprintable() for line in lines)


def test_models_of_address_or_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(Behaviour(models=("tiny", "org/small"))) as server:
        lines, _ = _ran(capsys, "--server", f"{server.base_url}/")
        assert [line.split() for line in lines[1:]] == [["org/small", "-", "-", "-", "?"], ["tiny", "-", "-", "-", "?"]]
        # No router: a whole name is only searched for.
        assert [model["id"] for model in _told(capsys, "--server", server.base_url, "org/small")["models"]] == [
            "org/small"
        ]
        profile = tmp_path / "mine.toml"
        profile.write_text(
            f'[task]\ndataset = "topics"\n[model]\nbackend = "openai"\nbase_url = "{server.base_url}"\nmodel = "tiny"\n'
        )
        assert _told(capsys, "--server", str(profile))["server"] == server.base_url
        assert len(server.requests) == 1


def test_models_uses_key_of_profile_and_hides_it(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "mine.toml"
    with ModelServer(Behaviour(key="a-secret-word")) as server:
        profile.write_text(
            '[task]\ndataset = "topics"\n[model]\nbackend = "openai"\nmodel = "tiny"\nkey_env = "MINE"\n'
            f'base_url = "{server.base_url}"\n'
        )
        assert main(["models", "--server", str(profile)]) == 2
        assert "MINE" in capsys.readouterr().err
        monkeypatch.setenv("MINE", "another-secret")
        assert main(["models", "--server", str(profile)]) == 2
        told = capsys.readouterr().err
        assert "could not be listed" in told
        assert "another-secret" not in told
        monkeypatch.setenv("MINE", "a-secret-word")
        assert [model["id"] for model in _told(capsys, "--server", str(profile))["models"]] == ["tiny"]
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert written
    assert not any(b"a-secret-word" in content for content in written)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--server", "demo"], "The profile demo asks no server (model.backend is embedded); "),
        (["--server", "opnrouter"], "There is no preset or profile opnrouter; did you mean the preset openrouter?"),
        (["--server", "nothing-like-it"], "there is no profile nothing-like-it"),
        (["--server", "ftp://host/v1"], "The address of --server must begin with http:// or https://"),
        (["--server", "https://me:hush@host/v1"], "The address of --server carries a user name or password before"),
        (["--server", "http://["], "The address of --server must begin with http:// or https://"),
        (["--server", "openai", "--endpoints", "a/b"], "is not a router; use --endpoints with OpenRouter."),
        (["--endpoints", "tiny"], '"tiny" is not AUTHOR/MODEL, as OpenRouter names'),
        (["--endpoints", "acme/none"], "OpenRouter has no model acme/none"),
    ],
)
@pytest.mark.usefixtures("router")
def test_models_names_mistake_in_one_sentence(capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert main(["models", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert len(shown.err.splitlines()) == 1
