"""The package as others get it: every version pinned, and a wheel that carries its data."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _pins(table: str) -> dict[str, str]:
    """Distribution → the version pinned in `[tool.uv]` for this machine."""
    pins = {}
    for line in PROJECT["tool"]["uv"][table]:
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", line
        assert "*" not in specifier.version, line
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.name not in pins, line
            pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def _installed(roots: list[str]) -> dict[str, str]:
    """Distribution → its installed version, for `roots` and all that they require here, extras included."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [Requirement(root) for root in roots]
    for requirement in todo:
        name = canonicalize_name(requirement.name)
        distribution = importlib.metadata.distribution(name)
        found[name] = distribution.version
        wanted = {(name, extra) for extra in {"", *requirement.extras}} - seen
        seen |= wanted
        for inner in map(Requirement, distribution.requires or []):
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for _, extra in wanted):
                todo.append(inner)
    return found


def test_pins_cover_every_installed_version() -> None:
    installed = _installed(PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"])
    assert {"textual", "numpy", "pytest", "hatchling"} <= set(installed)
    pins = _pins("constraint-dependencies")
    assert {name: pins.get(name) for name in installed} == installed


def test_pins_cover_what_builds_the_wheel() -> None:
    installed = _installed(PROJECT["build-system"]["requires"])
    assert _pins("build-constraint-dependencies") == installed


def test_pins_of_textual_hold_for_an_installed_wheel() -> None:
    (textual,) = (line for line in PROJECT["project"]["dependencies"] if Requirement(line).name == "textual")
    assert textual == f"textual=={importlib.metadata.version('textual')}"


def test_pins_name_no_index_and_no_lock_file() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert "uv.lock" in ignored
    assert not re.search(r"index|https?://", str(PROJECT["tool"]["uv"]))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel as an installer lays it out, and nothing else."""
    built = tmp_path_factory.mktemp("built")
    line = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(line, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = built.glob("*.whl")
    target = tmp_path_factory.mktemp("target")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.mark.slow
def test_wheel_holds_all_that_ships_and_nothing_else(installed: Path) -> None:
    (info,) = (path.name for path in installed.iterdir() if path.suffix == ".dist-info")
    assert {path.name for path in installed.iterdir()} == {"icm_tui", info}
    assert "icm-tui = icm_tui.cli:main" in (installed / info / "entry_points.txt").read_text("utf-8")

    def names(folder: Path) -> set[str]:
        return {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
        }

    data = {f"data/{name}" for name in names(ROOT / "data")}
    assert data
    assert names(installed / "icm_tui") == names(ROOT / "icm_tui") | data


@pytest.mark.slow
def test_wheel_runs_the_demo_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ICM_TUI_"))}
    environment = kept | {"HOME": str(home), "PYTHONPATH": str(installed)}

    def python(*words: str) -> str:
        line = [sys.executable, *words]
        done = subprocess.run(line, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert python("-c", "import icm_tui; print(icm_tui.__file__)").startswith(str(installed))
    summary = json.loads(python("-m", "icm_tui", "run", "demo", "--headless", "--json"))
    assert summary["state"] == "done"
    assert summary["labelled"] == summary["items"] > 0
    assert Path(summary["directory"]).is_relative_to(home)
