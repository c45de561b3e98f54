"""Who may import whom, what no two modules say twice, and what a small command loads."""

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from icm_tui.cli import main
from tests.house import PACKAGE, ROOT, aliases, circles, imports, modules

HEAVY = {"datasets", "httpx", "numpy", "pandas", "pyarrow", "textual"}


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold the package in `folder` against the contracts of its pyproject.toml."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.lint
def test_contracts_hold() -> None:
    done = _lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.lint
def test_contracts_catch_planted_imports(tmp_path: Path) -> None:
    """Gold in the rooms that search, ask and run, and the other walls, each with a hole in it."""
    shutil.copytree(PACKAGE, tmp_path / "icm_tui", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ("domain", "search", "models", "run_dir", "runner", "tasks", "profile"):
        planted = "from icm_tui.evaluate.gold_file import read_gold\n"
        (tmp_path / "icm_tui" / room / "planted.py").write_text(planted)
    walls = ("search.problem", "models", "runner.session", "commands.run")
    (tmp_path / "icm_tui" / "tui" / "planted.py").write_text("".join(f"import icm_tui.{wall}\n" for wall in walls))
    said = " ".join(_lint_imports(tmp_path).stdout.split())
    for room in ("domain", "search", "models", "run_dir", "runner", "tasks", "profile"):
        assert f"icm_tui.{room}.planted -> icm_tui.evaluate.gold_file" in said, room
    for room in walls:
        assert f"icm_tui.tui.planted -> icm_tui.{room}" in said, room


@pytest.mark.lint
def test_modules_import_each_other_in_no_circle() -> None:
    assert circles(imports(modules())) == []


def test_circles_finds_lazy_and_type_checking_imports() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    edges = imports(modules())
    assert "icm_tui.tui.entrance" in edges["icm_tui.commands.tui"]  # imported inside a function
    assert sum(map(len, edges.values())) > 500


@pytest.mark.lint
def test_types_are_named_once() -> None:
    """No two modules name one structure: a label change or a vote is the same thing wherever it goes."""
    named = defaultdict(list)
    for module, tree in modules().items():
        for name, structure in aliases(tree):
            named[structure].append(f"{module}.{name}")
    assert len(named) > 20
    assert {structure: names for structure, names in named.items() if len(names) > 1} == {}


@pytest.mark.lint
def test_textual_is_imported_by_files_named_for_it() -> None:
    """A screen's state and lines are free of Textual: only widgets, screens, the app and its entrance draw."""
    textual = re.compile(r"^\s*(from|import) textual\b", re.MULTILINE)
    drawing = {path for path in (PACKAGE / "tui").rglob("*.py") if textual.search(path.read_text("utf-8"))}
    named = {path for path in drawing if path.stem.endswith(("screen", "widget", "app"))}
    named |= {path for path in drawing if path.parent.name == "widgets"}
    assert len(named) > 10
    assert {str(path.relative_to(PACKAGE)) for path in drawing - named} == set()


def _loaded(*words: str) -> set[str]:
    """The packages that the installed script loads, by Python's own account of its imports."""
    script = Path(sys.executable).with_name("icm-tui")
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run([script, *words], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("--help", HEAVY | {"msgspec", "platformdirs", "filelock", "sortedcontainers", "tomli_w"}),
        ("run --help", HEAVY | {"msgspec"}),
        ("runs", HEAVY),
        ("runs --json", HEAVY),
        ("profiles", HEAVY),
    ],
)
def test_small_commands_load_nothing_heavy(line: str, refused: set[str]) -> None:
    loaded = _loaded(*line.split())
    assert {"argparse", "icm_tui"} <= loaded
    assert loaded & refused == set()


def test_export_loads_nothing_heavier_than_numbers(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["run", "demo", "--headless", "--out", str(run), "--set", "task.limit=40"]) == 0
    loaded = _loaded("export", str(run), "--format", "jsonl", "-o", str(tmp_path / "labels.jsonl"))
    assert loaded & (HEAVY - {"numpy"}) == set()
