"""Who may import whom, and what a small command loads."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from icm_tui.cli import main

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "icm_tui"

HEAVY = {"datasets", "httpx", "numpy", "pandas", "pyarrow", "textual"}


def test_the_contracts_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_files_named_for_it_import_textual() -> None:
    """A screen's state and lines are free of Textual: only widgets, screens, the app and its entrance draw."""
    imports = re.compile(r"^\s*(from|import) textual\b", re.MULTILINE)
    drawing = {path for path in (PACKAGE / "tui").rglob("*.py") if imports.search(path.read_text("utf-8"))}
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
def test_a_small_command_loads_nothing_heavy(line: str, refused: set[str]) -> None:
    loaded = _loaded(*line.split())
    assert {"argparse", "icm_tui"} <= loaded
    assert loaded & refused == set()


def test_export_loads_nothing_heavier_than_numbers(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["run", "demo", "--headless", "--out", str(run), "--set", "task.limit=40"]) == 0
    loaded = _loaded("export", str(run), "--format", "jsonl", "-o", str(tmp_path / "labels.jsonl"))
    assert loaded & (HEAVY - {"numpy"}) == set()
